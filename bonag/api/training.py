"""The training of generators, from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from bonag.api.generating import check_name, make_generation_evaluator, torch_device
from bonag.api.parts import EvaluatorLike, default_threads
from bonag.generators import training
from bonag.generators.artifact import FAMILIES, save_generator
from bonag.generators.fitting import Checkpoint, Progress, Schedule, batch_size_of
from bonag.generators.sde import SDE, VE, VP, SubVP
from bonag.names import DeviceName, EvaluatorName, FamilyName, SpaceName
from bonag.on_demand.beliefs import learn_conditions
from bonag.on_demand.labels import check_count
from bonag.on_demand.measuring import metrics_of
from bonag.whole_file import check_writable
from loops.protocols import Evaluator
from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError

NOISES = ("marginal", "uniform")
SDES: dict[str, type[SDE]] = {"ve": VE, "vp": VP, "subvp": SubVP}
# Where only minutes limit a training.
UNLIMITED = 10**9


@dataclass(frozen=True)
class Trained:
    """A training that has ended: the generator's file, and the record of steps, seconds, loss, samples, labels."""

    path: Path
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """A training whose settings are checked when it is made, before anything is evaluated or written.

    path: of the file to write. Beside it, ``path.checkpoint`` keeps an unfinished training, which ``resume`` goes on
        with.
    generator: the family, ``discrete`` or ``score``.
    conditions: metrics that can be bounded when the discrete generator samples; they are learnt from ``labels`` random
        architectures (by default 5 % of the space, at most 1,000) that the evaluator evaluates. Without conditions, no
        label is used. evaluator, task, data: as in ``generate``.
    noise: of a discrete generator, ``marginal`` (default) or ``uniform``. sde: of a score-based one, ``ve`` (default),
        ``vp`` or ``subvp``.
    steps, minutes: how long to train, whichever ends first; by default 4,000 steps.

    Raises UserError.
    """

    space: SpaceName | str | SearchSpace
    path: str | Path
    generator: FamilyName | str = "discrete"
    conditions: str | Sequence[str] = ()
    labels: int | None = None
    evaluator: EvaluatorName | EvaluatorLike = None
    task: str | None = None
    data: str | Path | None = None
    noise: str | None = None
    sde: str | None = None
    steps: int | None = None
    minutes: float | None = None
    seed: int = 0
    device: DeviceName | str = "auto"
    resume: bool = False

    def __post_init__(self) -> None:
        torch.set_num_threads(default_threads())
        _ = self.search_space, self.torch_device
        self._check_family()
        self._check_conditions()
        if self.seed < 0:
            raise UserError(f"seed must be at least 0, not {self.seed}")
        _ = self.schedule
        for path in (Path(self.path), self.checkpoint):
            check_writable(path)
        Checkpoint(self.checkpoint, {}, self.resume).refuse_unfinished()

    @cached_property
    def search_space(self) -> SearchSpace:
        """The space itself."""
        return get_space(self.space)

    @cached_property
    def torch_device(self) -> str:
        """``cpu`` or ``cuda``."""
        return torch_device(self.device)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Those of the conditions."""
        return (self.conditions,) if isinstance(self.conditions, str) else tuple(self.conditions)

    @cached_property
    def labeller(self) -> Evaluator | None:
        """What evaluates the labels, None where there are no conditions."""
        if not self.metrics:
            return None
        return make_generation_evaluator(self.search_space, self.evaluator, self.metrics, self.task, self.data)

    @cached_property
    def schedule(self) -> Schedule:
        """How long it trains."""
        limit = Schedule.steps if self.minutes is None else UNLIMITED
        batch_size = batch_size_of(self.search_space.num_sites)
        return Schedule(limit if self.steps is None else self.steps, self.minutes, batch_size, seed=self.seed)

    @property
    def checkpoint(self) -> Path:
        """Keeps the state of the training until it ends."""
        return Path(f"{Path(self.path)}.checkpoint")

    def learn(self) -> training.Conditions | None:
        """Evaluate the labels and fit a predictor to them; None where there are no conditions. Raises UserError."""
        if self.labeller is None:
            return None
        return learn_conditions(self.search_space, self.labeller, self.metrics, self.seed, self.labels)

    def run(self, conditions: training.Conditions | None, report: Callable[[Progress], None] | None = None) -> Trained:
        """Train with what ``learn`` gave, and write the file; raises UserError."""
        torch.set_num_threads(default_threads())
        path = Path(self.path)
        generator, record = training.train_generator(
            self.search_space,
            self.generator,
            self.schedule,
            conditions,
            uniform=self.noise == "uniform",
            sde=SDES[self.sde]() if self.sde else None,
            device=self.torch_device,
            checkpoint=self.checkpoint,
            resume=self.resume,
            report=report,
        )
        save_generator(generator, record, path)
        self.checkpoint.unlink(missing_ok=True)
        return Trained(path, record)

    def _check_family(self) -> None:
        check_name("generator family", self.generator, FAMILIES)
        for option, value, names, family in (
            ("noise", self.noise, NOISES, "discrete"),
            ("sde", self.sde, tuple(SDES), "score"),
        ):
            if value is not None:
                check_name(option, value, names)
                if self.generator != family:
                    raise UserError(
                        f"{option} '{value}' is for {family} generators, and this is a {self.generator} one"
                    )

    def _check_conditions(self) -> None:
        if self.metrics and self.generator != "discrete":
            raise UserError("a score-based generator takes no conditions in training: it is guided when it samples")
        check_count(self.labels if self.metrics else None)
        if self.labeller is None:
            for option, given in (("labels", self.labels), ("evaluator", self.evaluator), ("task", self.task)):
                if given is not None:
                    raise UserError(
                        f"{option} is of no use in a training without conditions: give one by --condition METRIC"
                    )
            return
        for metric in self.metrics:
            check_name("metric", metric, metrics_of(self.search_space, self.labeller))
            if self.metrics.count(metric) > 1:
                raise UserError(f"condition '{metric}' is given more than once")


def train_generator(
    space: SpaceName | str | SearchSpace,
    path: str | Path,
    *settings: Any,
    report: Callable[[Progress], None] | None = None,
    **named: Any,
) -> Trained:
    """Train a generator of a space and write it to a file; what ``bonag train-generator`` does.

    settings, named: of ``Training``: ``generator="discrete"``, ``conditions=()``, ``labels=None``, ``evaluator=None``,
        ``task=None``, ``data=None``, ``noise=None``, ``sde=None``, ``steps=None``, ``minutes=None``, ``seed=0``,
        ``device="auto"``, ``resume=False``.
    report: called after each step.

    Raises UserError. An interrupted training leaves its checkpoint.
    """
    ready = Training(space, path, *settings, **named)
    return ready.run(ready.learn(), report)
