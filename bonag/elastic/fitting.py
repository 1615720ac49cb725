"""The training of a supernet."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from bonag.elastic.checkpoint import Checkpoint
from bonag.elastic.measuring import build_static, static_network, subnet_accuracy
from bonag.elastic.phases import ALL, Phase, phases_of, split_steps
from bonag.elastic.recipe import SupernetRecipe
from bonag.elastic.step import add_gradients
from bonag.training.augmentation import augment
from bonag.training.fitting import UsedImages
from bonag.training.images import Dataset
from bonag.training.loop import make_optimizer, rate_share, seeded_generator
from search_spaces.mbv3.elastic import LARGEST, SMALLEST, ElasticMobileNetV3
from search_spaces.mbv3.sorting import sort_channels

SAVE_EVERY = 20.0
# Networks whose accuracies the curve shows beside smallest and largest: their number, and the seed that draws them.
SHOWN, SHOWN_SEED = 3, 2026


@dataclass(frozen=True)
class SupernetProgress:
    """Where a training is: steps done of how many, the phase, seconds, the mean loss of the epoch so far.

    curve: a row after each epoch: epoch, phase, seconds, loss, and the accuracies ``smallest``, ``largest`` and
    ``random`` (the mean of three networks) on validation images, in percent.
    """

    step: int
    steps: int
    phase: str
    seconds: float
    loss: float
    curve: tuple[dict[str, Any], ...]


@dataclass
class SupernetFit(UsedImages):
    """The training of a supernet on a data set, from fresh weights.

    All is a function of recipe, data and seed: on the CPU, with the same number of threads, to the bit, wherever it
    was interrupted.
    """

    dataset: Dataset
    recipe: SupernetRecipe
    method: str
    width: float
    seed: int = 0
    device: str = "cpu"
    curve: list[dict[str, Any]] = field(default_factory=list, init=False)
    teacher: nn.Module | None = field(default=None, init=False)
    _order: torch.Tensor | None = field(default=None, init=False)

    def run(
        self, checkpoint: Checkpoint | None = None, report: Callable[[SupernetProgress], None] | None = None
    ) -> ElasticMobileNetV3:
        """Train, and give the network in evaluation mode, with the batch norm statistics of the largest architecture.

        report: called after each step. Interrupted by KeyboardInterrupt from there, it leaves a checkpoint. Raises
        FloatingPointError where the training diverges, UserError for a checkpoint that is not its own.
        """
        self._done, self._seconds, self._total = 0, 0.0, 0.0
        self._restore(checkpoint)
        started = saved = time.monotonic()
        before, whole = self._seconds, True
        try:
            while self._done < self.steps:
                whole = False
                self._step()
                self._seconds = before + time.monotonic() - started
                whole = True
                if checkpoint is not None and time.monotonic() - saved > SAVE_EVERY:
                    checkpoint.save(self._state())
                    saved = time.monotonic()
                if report is not None:
                    report(self._progress())
        except KeyboardInterrupt:
            # A step that was cut in its middle is worth nothing; then the checkpoint before it stays.
            if checkpoint is not None and whole:
                checkpoint.save(self._state())
            raise
        self.network.set_statistics(static_network(self.network, LARGEST, self.train, self.pixels))
        return self.network.cpu().eval()

    @cached_property
    def network(self) -> ElasticMobileNetV3:
        """The network that is trained."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = ElasticMobileNetV3(self.dataset.num_classes, self.width)
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @cached_property
    def phases(self) -> list[tuple[Phase, int, int]]:
        """Each phase with its first step and the one behind its last."""
        phases = phases_of(self.method)
        ends = np.cumsum([0, *split_steps(phases, self.steps)]).tolist()
        return [one for one in zip(phases, ends, ends[1:], strict=False) if one[1] < one[2]]

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.recipe.epochs * self._steps_per_epoch

    @property
    def _steps_per_epoch(self) -> int:
        # A last batch that is not full is left out, unless it is the only one: batch norm suffers from few images.
        return max(1, len(self.train) // self.recipe.batch_size)

    def _step(self) -> None:
        phase, first, end = next(one for one in self.phases if one[1] <= self._done < one[2])
        if self._done == first:
            self._begin(phase)
        epoch, place = divmod(self._done, self._steps_per_epoch)
        if place == 0:
            self._total = 0.0
        warmup = min(self.recipe.warmup_epochs * self._steps_per_epoch, (end - first) // 4) if first == 0 else 0
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * phase.rate * rate_share(self._done - first, end - first, warmup)
        self._total += self._update(phase, *self._batch(epoch, place))
        self._done += 1
        if place == self._steps_per_epoch - 1:
            self._look(epoch, phase)

    def _begin(self, phase: Phase) -> None:
        """What is done once before a phase's first step."""
        if not (phase.single or phase.sandwich) and self.teacher is None:
            self.teacher = static_network(self.network, LARGEST, self.train, self.pixels)
        if phase.sorts:
            sort_channels(self.network.state_dict(), phase.sorts)
        self.optimizer = make_optimizer(self.network, self.recipe)

    def _batch(self, epoch: int, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Images as the network has them, and their labels."""
        recipe, size = self.recipe, self.recipe.batch_size
        if place == 0 or self._order is None:
            self._order = torch.randperm(len(self.train), generator=seeded_generator(self.seed, epoch))
        rows = self._order[place * size : (place + 1) * size]
        flip = self.dataset.flips if recipe.flip is None else recipe.flip
        crop = self.dataset.side // 8 if recipe.crop is None else recipe.crop
        generator = seeded_generator(self.seed, epoch, place)
        batch = augment(self.train.pixels[rows].to(self.device), generator, crop, flip, recipe.cutout)
        return self.pixels.prepare(batch), self.train.labels[rows].to(self.device)

    def _update(self, phase: Phase, x: torch.Tensor, labels: torch.Tensor) -> float:
        """One step of all weights; the mean loss of the networks that took part."""
        self.optimizer.zero_grad()
        rng = np.random.default_rng([self.seed, self._done])
        loss = add_gradients(self.network, phase, self.recipe, self.teacher, x, labels, rng)
        self.optimizer.step()
        return loss

    def _look(self, epoch: int, phase: Phase) -> None:
        """Add the epoch to the curve."""
        loss = self._total / self._steps_per_epoch
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the training diverged in epoch {epoch + 1} (loss {loss}): a smaller learning_rate may help"
            )
        rng = np.random.default_rng(SHOWN_SEED)
        shown = [SMALLEST, LARGEST, *(ALL.sample(rng) for _ in range(SHOWN))]
        smallest, largest, *others = (
            subnet_accuracy(self.network, one, self.train, self.validation, self.pixels) for one in shown
        )
        row = {"epoch": epoch + 1, "phase": phase.name, "seconds": round(self._seconds, 1), "loss": loss}
        self.curve.append(row | {"smallest": smallest, "largest": largest, "random": sum(others) / len(others)})

    def _progress(self) -> SupernetProgress:
        place = self._done % self._steps_per_epoch or self._steps_per_epoch
        phase = next(phase for phase, _, end in self.phases if self._done <= end)
        loss = self._total / place
        return SupernetProgress(self._done, self.steps, phase.name, self._seconds, loss, tuple(self.curve))

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "teacher": None if self.teacher is None else self.teacher.state_dict(),
            "done": self._done,
            "seconds": self._seconds,
            "total": self._total,
            "curve": self.curve,
        }

    def _restore(self, checkpoint: Checkpoint | None) -> None:
        state = None if checkpoint is None else checkpoint.load()
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimizer = make_optimizer(self.network, self.recipe)
        self.optimizer.load_state_dict(state["optimizer"])
        if state["teacher"] is not None:
            teacher = {key: tensor.to(self.device) for key, tensor in state["teacher"].items()}
            self.teacher = build_static(LARGEST, self.dataset.num_classes, self.width, teacher)
        self._done, self._seconds, self._total = state["done"], state["seconds"], state["total"]
        self.curve[:] = state["curve"]
