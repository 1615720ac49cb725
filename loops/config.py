"""All that decides a run, beside its history: the one declaration of its options.

The command line, ``bonag.search``, ``bonag.AskTell`` and contests derive theirs from it.
"""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    from loops.objective import Objective

FORMAT = 7
# What an evaluator may ask for; those of the others are refused.
SETTINGS = ("dataset", "preset", "hyperparameters", "supernet", "imagenet", "images", "fingerprint")
DEVICES = ("auto", "cpu", "cuda")
MOST = 1_000_000_000
BOUNDS = {
    **dict.fromkeys(("budget", "batch_size", "max_failures", "patience", "max_attempts", "images"), (1, MOST)),
    **dict.fromkeys(("workers", "threads", "cpus_per_trial"), (1, 4096)),
    **{"seed": (0, math.inf), "hours": (0, MOST), "gpus_per_trial": (0, 4096)},
}
# What decides only when a run ends and how it is carried out; may be changed when it is resumed.
EXTENSIBLE = (
    *("budget", "hours", "target", "patience", "max_failures", "max_attempts", "workers", "trial_timeout"),
    "record_patience",
)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _option(help: str, default: Any = MISSING, unset: str | None = None, flag: str | None = None) -> Any:
    """A field that users set. unset: what None means, in words. flag: its name where it is given once a value."""
    return field(default=default, metadata={"help": help, "unset": unset, "flag": flag})


@cache
def _kinds() -> dict[str, Any]:
    """The type of each field; a list of runs reads many configurations."""
    return get_type_hints(RunConfig)


@dataclass(frozen=True)
class RunConfig:
    """A run's configuration, as ``config.json`` holds it; raises UserError for a value that makes no sense.

    The parts are named as ``search_spaces.registry.name_of`` does. budget: None where somebody else decides when to end
    (ask and tell). record: without its password. bonag: version that started the run. format: version of this file.
    """

    space: str = _option("Search space: a name of `bonag spaces`, or module:attribute.")
    evaluator: str = _option(
        "What measures architectures: a name, module:attribute of a function or an evaluator, or 'exec:COMMAND'.",
        unset="the space's first",
    )
    name: str = _option("Name of the run, and of its folder.", unset="made of space, evaluator and seed")
    task: str | None = _option("What the evaluator measures them on.", None, unset="the evaluator's first")
    objective: str | tuple[str, ...] = _option(
        "Metric to maximise, or with a minus before it (--objective=-macs) to minimise; several for a Pareto front.",
        "accuracy",
        unset="accuracy, or the space's own goal",
    )
    constraints: tuple[str, ...] = _option(
        "Bound on a metric, as in 'latency_note10<=30'; may be given again.", (), unset="none", flag="constraint"
    )
    budget: int | None = _option("Number of trials, failed ones included.", 100)
    strategy: str = _option("What proposes architectures: a name of `bonag spaces`, or module:attribute.", "bonag")
    acquisition: str = _option(
        "What an evaluation is worth, for bonag and mutation-bo: log-ei, ucb, pi, thompson, or module:attribute.",
        "log-ei",
    )
    predictor: str = _option(
        "What is believed of a metric, for bonag and mutation-bo: gp, ensemble, mixture, or module:attribute.", "gp"
    )
    seed: int = _option("Decides, with the history, every proposal.", 0)
    batch_size: int = _option("Trials that are proposed together; the next wait until all have ended.", 1)
    workers: int = _option("Evaluations at once; when one ends, the next is proposed.", 1)
    device: str = _option("Where the strategy computes: auto, cpu or cuda.", "auto")
    executor: str = _option(
        "Where evaluations run: local (processes of this machine), ray, in-process, or module:attribute.", "local"
    )
    trial_timeout: str | None = _option(
        "Fail an evaluation that takes longer, as in 90s, 30m or 2h.", None, unset="no limit"
    )
    max_attempts: int = _option("Fail a trial whose evaluation ended its process so often.", 2)
    cpus_per_trial: int | None = _option(
        "Threads of each evaluation, and CPUs that Ray sets aside for it.",
        None,
        unset="the cores by workers; with ray 1",
    )
    gpus_per_trial: float | None = _option(
        "GPUs of each evaluation.", None, unset="1 where there are any; with ray none"
    )
    stop_early: str = _option(
        "Which trials end early, by the curves they report: asha, median, none, or module:attribute.", "none"
    )
    hours: float | None = _option("Propose nothing more after so many hours.", None, unset="no limit")
    target: str | None = _option("Stop once a trial reaches it, as in accuracy=94.", None, unset="none")
    patience: int | None = _option("Stop after so many trials that were no better.", None, unset="no limit")
    known: tuple[str, ...] = _option(
        "Trials known already, which cost no query: a CSV file of architectures and metrics, or a run.",
        (),
        unset="none",
    )
    tries: tuple[str, ...] = _option(
        "Architecture to evaluate first; may be given again.", (), unset="none", flag="try"
    )
    max_failures: int = _option("Stop after so many failed evaluations in a row.", 10)
    record_patience: str = _option("Wait so long for a record that cannot be written, as in 30s or 5m.", "5m")
    threads: int = _option(
        "Threads of PyTorch; they take part in floating-point results, so the run keeps them.",
        1,
        unset="OMP_NUM_THREADS, else 1",
    )
    record: str | None = _option(
        "postgresql://user@host/database, to keep the trials there.", None, unset="a file in the run's folder"
    )
    data: str | None = _option("Folder of benchmark tables.", None, unset="$BONAG_DATA")
    generator: str | None = _option(
        "Where candidates come from, for bonag: a file of `bonag train-generator`, a name, or module:attribute.",
        None,
        unset="the one that comes with the space",
    )
    dataset: str | None = _option(
        "What --evaluator train or supernet takes its images from: digits, fashion-mnist, cifar10, cifar100, or the "
        "path of a folder or file; for networks that learn texts, the path of one.",
        None,
        unset="digits, or the supernet's",
    )
    preset: str | None = _option("How --evaluator train trains: quick, nb201, or on texts nlp.", None, unset="quick")
    hyperparameters: tuple[str, ...] = _option(
        "Setting of --evaluator train, as in 'epochs=30'; may be given again.", (), unset="none", flag="hyperparameter"
    )
    supernet: str | None = _option(
        "File of the supernet of --evaluator supernet: a checkpoint of Once-for-All, or of `bonag train-supernet`.",
        None,
        unset="none",
    )
    imagenet: str | None = _option(
        "What --evaluator supernet measures on: folder with class folders in val/ (and train/), or of class folders.",
        None,
        unset="that of --dataset",
    )
    images: int | None = _option(
        "Validation images that --evaluator supernet measures on, spread evenly over the classes.", None, unset="all"
    )
    transfer: tuple[str, ...] = _option(
        "What to learn from beforehand, as far as it helps: a run, a CSV file, table:SPACE/TASK, postgresql://..., or "
        "auto for all finished runs of the space; with meta beside runs, also what they teach of the data set; may be "
        "given again.",
        (),
        unset="nothing",
    )
    fingerprint: str | None = _option(
        "How --evaluator train looks at its images, so that runs on several data sets teach what is good on others: "
        "random-filters, efficientnet-lite0 or none; texts have no fingerprint.",
        None,
        unset="random-filters",
    )
    bonag: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", _texts(self.objective, one=True))
        for name in ("constraints", "known", "tries", "hyperparameters", "transfer"):
            object.__setattr__(self, name, _texts(getattr(self, name)))
        for name in ("hours", "gpus_per_trial"):
            if isinstance(getattr(self, name), int):
                object.__setattr__(self, name, float(getattr(self, name)))
        for name, kind in _kinds().items():
            value = getattr(self, name)
            if not isinstance(value, types_of(kind)) or isinstance(value, bool):
                raise UserError(f"{name} must be {type_words(types_of(kind))}, got {value!r}")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name):
            raise UserError(
                f"name '{self.name}' cannot name a run: up to 100 letters, digits, '.', '_' and '-', "
                "the first a letter or a digit"
            )
        if self.format != FORMAT:
            raise UserError(f"format {self.format} is unknown to this bonag, which writes format {FORMAT}")
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                bound = f"at least {least}" if value < least else f"at most {most:,}"
                raise UserError(f"{name} must be {bound}, got {value}")
        for name in ("trial_timeout", "record_patience"):
            text = getattr(self, name)
            if text is not None and seconds_of(text) is None:
                raise UserError(f"{name} must be a time like 90s, 30m or 2h, got '{text}'")
        if self.device not in DEVICES:
            raise UserError(f"unknown device '{self.device}': {suggestion(self.device, DEVICES)}")
        try:
            self.parsed_objective()
            self.parsed_target()
        except ValueError as error:
            raise UserError(str(error)) from None

    def parsed_objective(self) -> Objective:
        """What is maximised, minimised and bounded."""
        # Here, since help pages need the options and not NumPy.
        from loops.objective import Objective

        return Objective.parse(self.objective, self.constraints)

    def parsed_target(self) -> tuple[str, float]:
        """The metric of the target and its value; raises ValueError. Empty and nan where there is none."""
        if self.target is None:
            return "", math.nan
        metric, _, value = self.target.partition("=")
        known = self.parsed_objective().metrics
        if metric not in known:
            raise ValueError(f"target '{self.target}' must be like {known[0]}=VALUE, of a metric of the objective")
        try:
            return metric, float(value)
        except ValueError:
            raise ValueError(f"target '{self.target}' must be like {metric}=VALUE, with a number") from None

    def difference(self, other: RunConfig) -> str | None:
        """One line on the first value in which two configurations differ, or None; ``EXTENSIBLE`` ones may."""
        for one in fields(self):
            if one.name in EXTENSIBLE:
                continue
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if mine != theirs:
                return f"{one.name} is {mine!r} in one and {theirs!r} in the other"
        return None


def seconds_of(text: str) -> float | None:
    """The seconds of a time like 90s, 30m, 2h or 1.5d; None for what is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    return None if match is None else float(match[1]) * UNITS[match[2]]


def _texts(value: Any, one: bool = False) -> Any:
    """A list of strings as a tuple, with ``one`` a single one as itself; anything else as it is."""
    if not isinstance(value, list | tuple):
        return value
    if not all(isinstance(text, str) for text in value):
        return list(value)
    return value[0] if one and len(value) == 1 else tuple(value)


def types_of(kind: Any) -> tuple[type, ...]:
    """The types that a field's annotation allows."""
    parts = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return tuple(get_origin(part) or part for part in parts)


def type_words(types: tuple[type, ...]) -> str:
    """What values of these types are called in messages."""
    names = {
        str: "a string",
        int: "a whole number",
        float: "a number",
        type(None): "null",
        tuple: "a list of strings",
    }
    return " or ".join(names[part] for part in types)
