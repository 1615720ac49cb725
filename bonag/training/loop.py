"""Training of one network, whatever it learns: optimizer, learning rate, averages, checkpoints."""

from __future__ import annotations

import copy
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bonag.running_trial import CHECKPOINT, RunningTrial
from bonag.training.weights import FILE, TrainedNetwork, save_trained
from search_spaces import Architecture, SearchSpace

# Seconds of training after which its state is worth keeping.
SAVE_EVERY = 10.0
# In the seeds of an epoch, what networks themselves draw.
DROPOUT = 1


class OptimizerSettings(Protocol):
    """What of a recipe decides how weights are moved."""

    @property
    def optimizer(self) -> str: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def momentum(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


@dataclass
class Training(ABC):
    """The training of one network on a data set, on the trial's device, from fresh weights of the trial's seed.

    arguments: further ones of ``space.build``. Everything is a function of the recipe, the data and the seed: on the
    CPU, with the same number of threads, to the bit, wherever a training was interrupted.

    metric: what is measured on the validation part after each epoch.
    """

    metric: ClassVar[str]

    space: SearchSpace
    architecture: Architecture
    dataset: Any
    recipe: Any
    arguments: Mapping[str, float] = field(default_factory=dict)

    # What a kind of data set has

    @property
    @abstractmethod
    def steps(self) -> int:
        """Of an epoch."""

    @abstractmethod
    def losses(self, epoch: int) -> Iterator[tuple[Tensor, int]]:
        """The loss of each step of an epoch, and of how many examples it is the mean; weights move in between."""

    @abstractmethod
    def measured(self, network: nn.Module) -> float | None:
        """The metric on the validation part; None where there is none."""

    @abstractmethod
    def hand_over(self, network: nn.Module, **facts: str) -> TrainedNetwork:
        """What ``run`` gave, with all that it takes to use it. facts: more of how it was trained."""

    # What all have

    def run(self, trial: RunningTrial) -> nn.Module:
        """Train, report the metric and ``loss`` (training) of each epoch, and give the network.

        It is on the CPU, in evaluation mode; ``value`` and ``epochs`` then hold the last value of the metric and the
        epochs that were done. Raises FloatingPointError where the training diverges.
        """
        self.trial = trial
        self.value, self.epochs = math.nan, 0
        self._restore()
        saved = time.monotonic()
        for epoch in trial.epochs(self.recipe.epochs):
            loss = self._train(epoch)
            self.epochs = epoch + 1
            value = self.measured(self._result)
            if value is None:
                trial.report(loss=loss)
            else:
                self.value = value
                trial.report(None, **{self.metric: value, "loss": loss})
            if time.monotonic() - saved >= SAVE_EVERY and self.epochs < self.recipe.epochs:
                trial.save(self._state())
                saved = time.monotonic()
        return copy.deepcopy(self._result).cpu().eval()

    def run_and_keep(self, trial: RunningTrial, **facts: str) -> dict[str, float]:
        """Train, and write the network into the trial's folder; the metric. Raises FloatingPointError and OSError."""
        network = self.run(trial)
        save_trained(self.hand_over(network, **facts), trial.folder / FILE)
        self.forget()
        return {self.metric: self.value}

    def forget(self) -> None:
        """Delete the state of the training, which is over."""
        (self.trial.folder / CHECKPOINT).unlink(missing_ok=True)

    @cached_property
    def network(self) -> nn.Module:
        """The network that is trained."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.trial.seed)
            network = self.space.build(self.architecture, self.dataset.num_classes, **self.arguments)
        return network.to(self.trial.device)

    @cached_property
    def average(self) -> AveragedModel | None:
        """The moving average of weights and statistics, where the recipe has one."""
        if not self.recipe.ema:
            return None
        return AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(self.recipe.ema), use_buffers=True)

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """Of the network's parameters, as the recipe wants it."""
        return make_optimizer(self.network, self.recipe)

    @cached_property
    def scaler(self) -> torch.amp.GradScaler:
        """Keeps small gradients of mixed precision alive; does nothing without."""
        return torch.amp.GradScaler("cuda", enabled=self._mixed)

    def precision(self) -> AbstractContextManager[Any]:
        """In which losses are computed."""
        return torch.autocast("cuda", dtype=torch.float16, enabled=self._mixed)

    @property
    def _mixed(self) -> bool:
        return bool(self.recipe.amp) and self.trial.device == "cuda"

    @property
    def _result(self) -> nn.Module:
        return self.network if self.average is None else self.average.module

    def _train(self, epoch: int) -> float:
        """One epoch; the mean loss."""
        self.network.train()
        total, seen = torch.zeros((), device=self.trial.device), 0
        with seeded(self.trial.device, self.trial.seed, epoch, DROPOUT):
            for step, (loss, count) in enumerate(self.losses(epoch), start=epoch * self.steps):
                self._move(loss, step)
                total += loss.detach() * count
                seen += count
        mean = float(total) / seen
        if not math.isfinite(mean):
            raise FloatingPointError(
                f"the training diverged in epoch {epoch + 1} (loss {mean}): a smaller learning_rate may help"
            )
        return mean

    def _move(self, loss: Tensor, step: int) -> None:
        """Move the weights by the gradient of a loss; step: its number in the whole training."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * self._rate(step)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        if self.longest_gradient is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.longest_gradient)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.network)

    @property
    def longest_gradient(self) -> float | None:
        """The norm to which gradients are cut; by default they are not."""
        return None

    def _rate(self, step: int) -> float:
        """The share of the learning rate at a step: a rise along a line, then a fall along a cosine to zero."""
        warmup = min(self.recipe.warmup_epochs, self.recipe.epochs - 1) * self.steps
        return rate_share(step, self.recipe.epochs * self.steps, warmup)

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "scaler": self.scaler.state_dict(),
            self.metric: self.value,
            "epochs": self.epochs,
        }

    def _restore(self) -> None:
        state = self.trial.load()
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.scaler.load_state_dict(state["scaler"])
        self.value, self.epochs = state[self.metric], state["epochs"]


def make_optimizer(network: nn.Module, recipe: OptimizerSettings) -> torch.optim.Optimizer:
    """Norms and biases are not pulled to zero by AdamW; SGD pulls all, as NAS-Bench-201 did."""
    parameters = list(network.parameters())
    if recipe.optimizer == "sgd":
        nesterov = recipe.momentum > 0
        return torch.optim.SGD(
            parameters, recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=nesterov
        )
    groups: list[dict[str, Any]] = [
        {"params": [one for one in parameters if one.ndim > 1]},
        {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, recipe.learning_rate, weight_decay=recipe.weight_decay)


def rate_share(step: int, steps: int, warmup: int) -> float:
    """The share of the learning rate at a step: a rise along a line, then a fall along a cosine to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def seeded_generator(*seeds: int) -> torch.Generator:
    """All randomness of what these numbers count, such as an epoch of a training of that seed."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence(seeds).generate_state(1)[0]))


@contextmanager
def seeded(device: str, *seeds: int) -> Iterator[None]:
    """Within it PyTorch's random numbers are those of the seeds; after it, as if nobody had drawn any."""
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device == "cuda" else []):
        torch.manual_seed(seeded_generator(*seeds).initial_seed())
        yield
