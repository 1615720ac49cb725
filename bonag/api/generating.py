"""Architectures on demand, and the training of generators, from Python."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from bonag.api.parts import EvaluatorLike, default_threads, resolve_device
from bonag.evaluators.callable_evaluator import CallableEvaluator
from bonag.generators import training
from bonag.generators.artifact import FAMILIES, save_generator
from bonag.generators.fitting import Checkpoint, Progress, Schedule
from bonag.generators.sde import SDE, VE, VP, SubVP
from bonag.on_demand import generate as generation
from bonag.on_demand.beliefs import learn_conditions
from bonag.on_demand.generated import Generated
from bonag.on_demand.labels import check_count
from bonag.on_demand.measuring import EXACT, choose_evaluator, metrics_of
from bonag.on_demand.wishes import Wish
from loops.config import DEVICES
from loops.protocols import Evaluator
from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

NOISES = ("marginal", "uniform")
SDES: dict[str, type[SDE]] = {"ve": VE, "vp": VP, "subvp": SubVP}
# Where only minutes limit a training.
UNLIMITED = 10**9


def generate(
    space: str | SearchSpace,
    n: int = 100,
    where: Sequence[str] = (),
    guidance: Mapping[str, float] | None = None,
    generator: str | None = None,
    model: str | Path | None = None,
    method: str | None = None,
    labels: int | None = None,
    evaluator: EvaluatorLike = None,
    task: str | None = None,
    data: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Generated:
    """Generate n architectures that meet conditions; what ``bonag generate`` does.

    where: conditions on metrics of the evaluator, or on ``params`` and ``macs``. In units, as ``latency_pixel3<=8``; or
        as shares, ``accuracy>=top5%`` or ``params<=bottom10%``, of those that meet all conditions in units.
    guidance: strength by metric, dimensionless; 1 is Bayes' rule, more insists.
    generator: the family of the one that comes with the space, ``discrete`` (default) or ``score``.
    model: a file that ``train_generator`` wrote, instead.
    method: of discrete generators ``classifier-free``, ``resampling`` or ``first-order``, of score-based ones
        ``gradient``. By default the first that the generator allows: classifier-free needs one that was trained with
        the metrics, on labels of the same evaluator and task.
    labels: evaluations of random architectures that guidance may cost, by default 5 % of the space and at most 1,000.
    evaluator: a name, an Evaluator, or a function that maps an architecture to its metrics by name or to the only
        metric in ``where``; it also says what is true of the architectures. task, data: as in ``search``.

    Raises UserError, in one line, for what the caller can mend. The same seed gives the same architectures.
    """
    torch.set_num_threads(default_threads())
    where = [where] if isinstance(where, str) else where
    space, device = get_space(space), _device(device)
    wished = [Wish.parse(text).metric for text in where]
    made = _evaluator(space, evaluator, wished, task, data)
    model = None if model is None else Path(model)
    return generation.generate(
        space, n, made, where, guidance, generator, model, method, labels, seed=seed, device=device
    )


@dataclass(frozen=True)
class Trained:
    """A training that has ended: the generator's file, and the record of steps, seconds, loss, samples, labels."""

    path: Path
    record: Mapping[str, Any]


def train_generator(
    space: str | SearchSpace,
    path: str | Path,
    generator: str = "discrete",
    conditions: Sequence[str] = (),
    labels: int | None = None,
    evaluator: EvaluatorLike = None,
    task: str | None = None,
    data: str | Path | None = None,
    noise: str | None = None,
    sde: str | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    report: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train a generator of a space and write it to a file; what ``bonag train-generator`` does.

    path: of the file. Beside it, ``path.checkpoint`` keeps an unfinished training, which ``resume`` goes on with.
    generator: the family, ``discrete`` or ``score``.
    conditions: metrics that can be bounded when the discrete generator samples; they are learnt from ``labels`` random
        architectures (by default 5 % of the space, at most 1,000) that the evaluator evaluates. Without conditions, no
        label is used. evaluator, task, data: as in ``generate``.
    noise: of a discrete generator, ``marginal`` (default) or ``uniform``. sde: of a score-based one, ``ve`` (default),
        ``vp`` or ``subvp``.
    steps, minutes: how long to train, whichever ends first; by default 4,000 steps.
    report: called after each step.

    Raises UserError. An interrupted training leaves its checkpoint.
    """
    ready = prepare_training(
        space,
        path,
        generator,
        conditions,
        labels,
        evaluator,
        task,
        data,
        noise,
        sde,
        steps,
        minutes,
        seed,
        device,
        resume,
    )
    return ready.run(ready.learn(), report)


@dataclass(frozen=True)
class Training:
    """A training whose settings are checked, before anything is evaluated or written.

    metrics: of the conditions. evaluator: evaluates the labels, None where there are no conditions.
    """

    space: SearchSpace
    family: str
    path: Path
    schedule: Schedule
    metrics: tuple[str, ...]
    labels: int | None
    evaluator: Evaluator | None
    uniform: bool
    sde: SDE | None
    device: str
    resume: bool

    @property
    def checkpoint(self) -> Path:
        """Keeps the state of the training until it ends."""
        return self.path.with_name(f"{self.path.name}.checkpoint")

    def learn(self) -> training.Conditions | None:
        """Evaluate the labels and fit a predictor to them; None where there are no conditions. Raises UserError."""
        if self.evaluator is None:
            return None
        return learn_conditions(self.space, self.evaluator, self.metrics, self.schedule.seed, self.labels)

    def run(self, conditions: training.Conditions | None, report: Callable[[Progress], None] | None = None) -> Trained:
        """Train with what ``learn`` gave, and write the file; raises UserError."""
        torch.set_num_threads(default_threads())
        generator, record = training.train_generator(
            self.space,
            self.family,
            self.schedule,
            conditions,
            self.uniform,
            self.sde,
            self.device,
            self.checkpoint,
            self.resume,
            report,
        )
        save_generator(generator, record, self.path)
        self.checkpoint.unlink(missing_ok=True)
        return Trained(self.path, record)


def prepare_training(
    space: str | SearchSpace,
    path: str | Path,
    generator: str,
    conditions: Sequence[str],
    labels: int | None,
    evaluator: EvaluatorLike,
    task: str | None,
    data: str | Path | None,
    noise: str | None,
    sde: str | None,
    steps: int | None,
    minutes: float | None,
    seed: int,
    device: str,
    resume: bool,
) -> Training:
    """Check the settings of ``train_generator``, all before any work; raises UserError."""
    torch.set_num_threads(default_threads())
    metrics = (conditions,) if isinstance(conditions, str) else tuple(conditions)
    space, device = get_space(space), _device(device)
    _check_name("generator family", generator, FAMILIES)
    for option, value, names, family in (("noise", noise, NOISES, "discrete"), ("sde", sde, tuple(SDES), "score")):
        if value is not None:
            _check_name(option, value, names)
            if generator != family:
                raise UserError(f"{option} '{value}' is for {family} generators, and this is a {generator} one")
    if metrics and generator != "discrete":
        raise UserError("a score-based generator takes no conditions in training: it is guided when it samples")
    made = None
    if metrics:
        check_count(labels)
        made = _evaluator(space, evaluator, metrics, task, data)
        for metric in metrics:
            _check_name("metric", metric, metrics_of(made))
            if metrics.count(metric) > 1:
                raise UserError(f"condition '{metric}' is given more than once")
    else:
        for option, given in (("labels", labels), ("evaluator", evaluator), ("task", task)):
            if given is not None:
                raise UserError(
                    f"{option} is of no use in a training without conditions: give one by --condition METRIC"
                )
    if seed < 0:
        raise UserError(f"seed must be at least 0, not {seed}")
    if steps is None:
        steps = Schedule.steps if minutes is None else UNLIMITED
    schedule = Schedule(steps=steps, minutes=minutes, seed=seed)
    uniform, chosen = noise == "uniform", SDES[sde]() if sde else None
    ready = Training(space, generator, Path(path), schedule, metrics, labels, made, uniform, chosen, device, resume)
    _check_writable(ready.path)
    Checkpoint(ready.checkpoint, {}, resume).refuse_unfinished()
    return ready


def _device(device: str) -> str:
    _check_name("device", device, DEVICES)
    return resolve_device(device, "bonag")


def _evaluator(
    space: SearchSpace, given: EvaluatorLike, metrics: Sequence[str], task: str | None, data: str | Path | None
) -> Evaluator:
    """The evaluator of these metrics; a function is one of the only metric that is no exact count."""
    if given is None or isinstance(given, str):
        return choose_evaluator(space, metrics, given, task, None if data is None else Path(data))
    if hasattr(given, "evaluate") and hasattr(given, "metrics"):
        return cast(Evaluator, given)
    names = tuple(dict.fromkeys(name for name in metrics if name not in EXACT)) or ("accuracy",)
    made = CallableEvaluator(given, names[0])
    made.metrics = names
    return made


def _check_name(what: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise UserError(f"unknown {what} '{name}': {suggestion(name, names)}")


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder")
    try:
        with tempfile.NamedTemporaryFile(dir=path.absolute().parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
