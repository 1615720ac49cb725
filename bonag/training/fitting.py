"""Training of one network."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bonag.running_trial import CHECKPOINT, RunningTrial
from bonag.training.augmentation import augment
from bonag.training.images import Dataset, Images
from bonag.training.measuring import Pixels, measure
from bonag.training.recipe import Recipe
from bonag.training.weights import TrainedNetwork
from search_spaces import Architecture, SearchSpace

# Seconds of training after which its state is worth keeping.
SAVE_EVERY = 10.0


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


class Choice(Protocol):
    """What a recipe chooses of a data set: at most how many images of each part, and their size in pixels."""

    @property
    def images(self) -> int | None: ...

    @property
    def validation_images(self) -> int | None: ...

    @property
    def image_size(self) -> int | None: ...


class UsedImages:
    """Which images of ``dataset`` a training uses, as its ``recipe`` says."""

    dataset: Dataset
    recipe: Choice

    @cached_property
    def train(self) -> Images:
        """The images to train with."""
        return self.dataset.train.first(self.recipe.images)

    @cached_property
    def validation(self) -> Images:
        """The images to measure on while it trains."""
        return self.dataset.validation.first(self.recipe.validation_images)

    @cached_property
    def pixels(self) -> Pixels:
        """What is done to images before a network has them."""
        return Pixels.of(self.dataset.train, self.recipe.image_size or self.dataset.side)


@dataclass
class Fit(UsedImages):
    """The training of one network on a data set, on the trial's device, from fresh weights of the trial's seed.

    arguments: further ones of ``space.build``. Everything is a function of the recipe, the data and the seed: on the
    CPU, with the same number of threads, to the bit, wherever a training was interrupted.
    """

    space: SearchSpace
    architecture: Architecture
    dataset: Dataset
    recipe: Recipe
    arguments: Mapping[str, float] = field(default_factory=dict)

    def run(self, trial: RunningTrial) -> nn.Module:
        """Train, report ``accuracy`` (validation, %) and ``loss`` (training) of each epoch, and give the network.

        It is on the CPU, in evaluation mode; ``accuracy`` and ``epochs`` then hold the last accuracy and the epochs
        that were done. Raises FloatingPointError where the training diverges.
        """
        self.trial = trial
        self.accuracy, self.epochs = math.nan, 0
        self._restore()
        saved = time.monotonic()
        for epoch in trial.epochs(self.recipe.epochs):
            loss = self._train(epoch)
            self.epochs = epoch + 1
            if len(self.validation):
                self.accuracy = measure(self._result, self.validation, self.pixels)
                trial.report(accuracy=self.accuracy, loss=loss)
            else:
                trial.report(loss=loss)
            if time.monotonic() - saved >= SAVE_EVERY and self.epochs < self.recipe.epochs:
                trial.save(self._state())
                saved = time.monotonic()
        return copy.deepcopy(self._result).cpu().eval()

    def hand_over(self, network: nn.Module, **facts: str) -> TrainedNetwork:
        """What ``run`` gave, with all that it takes to use it. facts: more of how it was trained."""
        return TrainedNetwork(
            space=self.space,
            architecture=self.architecture,
            num_classes=self.dataset.num_classes,
            image_size=self.pixels.image_size,
            arguments=self.arguments,
            mean=self.pixels.mean,
            stddev=self.pixels.stddev,
            state=network.state_dict(),
            facts={"dataset": self.dataset.name, "epochs": str(self.epochs), **facts},
        )

    def forget(self) -> None:
        """Delete the state of the training, which is over."""
        (self.trial.folder / CHECKPOINT).unlink(missing_ok=True)

    @cached_property
    def network(self) -> nn.Module:
        """The network that is trained."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.trial.seed)
            network = self.space.build(self.architecture, self.dataset.num_classes, **self.arguments)
        return network.to(self.trial.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

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

    @property
    def _mixed(self) -> bool:
        return self.recipe.amp and self.trial.device == "cuda"

    @property
    def _result(self) -> nn.Module:
        return self.network if self.average is None else self.average.module

    def _train(self, epoch: int) -> float:
        """One epoch; the mean loss."""
        self.network.train()
        images, recipe, device = self.train, self.recipe, self.trial.device
        flip = self.dataset.flips if recipe.flip is None else recipe.flip
        crop = self.dataset.side // 8 if recipe.crop is None else recipe.crop
        generator = seeded_generator(self.trial.seed, epoch)
        total, seen = torch.zeros((), device=device), 0
        for step, rows in self._batches(epoch, generator):
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.learning_rate * self._rate(step)
            batch = augment(images.pixels[rows].to(device), generator, crop, flip, recipe.cutout)
            labels = images.labels[rows].to(device)
            with self._precision():
                logits = self.network(self.pixels.prepare(batch))
                loss = functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
            self.optimizer.zero_grad()
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            if self.average is not None:
                self.average.update_parameters(self.network)
            total += loss.detach() * len(rows)
            seen += len(rows)
        mean = float(total) / seen
        if not math.isfinite(mean):
            raise FloatingPointError(
                f"the training diverged in epoch {epoch + 1} (loss {mean}): a smaller learning_rate may help"
            )
        return mean

    def _batches(self, epoch: int, generator: torch.Generator) -> Iterator[tuple[int, torch.Tensor]]:
        """The number of each step in the whole training, and the places of its images, in a random order.

        A last batch that is not full is left out, unless it is the only one: batch norm suffers from few images.
        """
        order, size = torch.randperm(len(self.train), generator=generator), self.recipe.batch_size
        for step in range(self._steps):
            yield epoch * self._steps + step, order[step * size : (step + 1) * size]

    @property
    def _steps(self) -> int:
        return max(1, len(self.train) // self.recipe.batch_size)

    def _rate(self, step: int) -> float:
        """The share of the learning rate at a step: a rise along a line, then a fall along a cosine to zero."""
        warmup = min(self.recipe.warmup_epochs, self.recipe.epochs - 1) * self._steps
        return rate_share(step, self.recipe.epochs * self._steps, warmup)

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast("cuda", dtype=torch.float16, enabled=self._mixed)

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "scaler": self.scaler.state_dict(),
            "accuracy": self.accuracy,
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
        self.accuracy, self.epochs = state["accuracy"], state["epochs"]


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
