"""The options of a run as arguments of a Python function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TypedDict, TypeVar

from bonag.names import (
    AcquisitionName,
    DeviceName,
    EvaluatorName,
    ExecutorName,
    GeneratorName,
    PredictorName,
    StopRuleName,
    StrategyName,
)
from loops.options import Option, run_options
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

# Options that there were, and what has their place.
FORMER = {"on_event": "callbacks=[...]"}

# For editors and type checkers, which cannot read signatures that are made; parts may be objects of any kind.


class AskTellOptions(TypedDict, total=False):
    """Options of proposals; see ``loops.config.RunConfig``."""

    objective: str | Sequence[str] | None
    constraints: Sequence[str] | None
    strategy: StrategyName | str | object
    acquisition: AcquisitionName | str | object
    predictor: PredictorName | str | object
    generator: GeneratorName | str | object
    seed: int | None
    device: DeviceName | str | None
    threads: int | None
    transfer: str | Sequence[str] | None
    data: str | Path | None


class RunOptions(AskTellOptions, total=False):
    """Options of a run but its space."""

    evaluator: EvaluatorName | str | object
    name: str | None
    task: str | None
    budget: int | None
    batch_size: int | None
    workers: int | None
    executor: ExecutorName | str | object
    trial_timeout: str | None
    max_attempts: int | None
    cpus_per_trial: int | None
    gpus_per_trial: float | None
    stop_early: StopRuleName | str | object
    hours: float | None
    target: str | None
    patience: int | None
    known: Sequence[str] | None
    tries: Sequence[str] | None
    max_failures: int | None
    record_patience: str | None
    record: str | None
    dataset: str | None
    preset: str | None
    hyperparameters: Sequence[str] | None
    supernet: str | None
    imagenet: str | None
    images: int | None
    fingerprint: str | None
    out: str | Path | None


Function = TypeVar("Function", bound=Callable[..., object])


def takes_options(*names: str) -> Callable[[Function], Function]:
    """Give a function of ``**options`` the signature of these options of a run, by default all that it does not name.

    ``{options}`` in its documentation becomes a line on each. The function itself calls ``check_options``.
    """

    def describe(function: Function) -> Function:
        own = inspect.signature(function).parameters
        taken = [one for one in run_options(*names) if one.name not in own]
        keyword = inspect.Parameter.KEYWORD_ONLY
        added = [inspect.Parameter(one.name, keyword, default=one.default) for one in taken]
        first = [one for one in own.values() if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        last = [one for one in own.values() if one.kind is keyword]
        function.__signature__ = inspect.Signature([*first, *added, *last])  # type: ignore[attr-defined]
        lines = "\n".join(map(_line, taken)).lstrip()
        function.__doc__ = (function.__doc__ or "").replace("{options}", lines)
        return function

    return describe


def check_options(options: Mapping[str, object], *names: str) -> Mapping[str, object]:
    """The options that were given; raises UserError for one that there is not."""
    known = [one.name for one in run_options(*names)]
    for name in options:
        if name in FORMER:
            raise UserError(f"option '{name}' is now {FORMER[name]}")
        if name not in known:
            raise UserError(f"unknown option '{name}': {suggestion(name, known)}")
    return options


def _line(option: Option) -> str:
    default = option.unset or option.default
    return fill(f"    {option.name}: {option.help} By default {default}.", 118, subsequent_indent=" " * 8)
