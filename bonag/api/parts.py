"""The parts of a run, put together from its configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from bonag.evaluators import make_evaluator
from bonag.evaluators.sizing import sized_space
from bonag.roles import EXECUTORS, STOP_RULES
from bonag.strategies.making import OPTIONAL, make_strategy
from loops.config import SETTINGS, RunConfig, seconds_of
from loops.objective import Objective
from loops.protocols import Evaluator, Executor, StopRule, Strategy
from loops.source import Source
from loops.strategies.tries import TryFirst
from search_spaces import Architecture, InvalidArchitectureError, NetworkSize, SearchSpace, get_space
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion
from search_spaces.registry import PYTHON, name_of, space_name

# What users may give as an evaluator: a name, an Evaluator, or a function of the architecture.
EvaluatorLike = str | Evaluator | Callable[[Architecture], object] | None
# Of a run, the fields of its configuration that name a part.
ROLES = ("space", "evaluator", "executor", "strategy", "acquisition", "predictor", "generator", "stop_early")
# In a configuration that is being made: the space's default evaluator, whichever that is.
DEFAULT = ""
# In a configuration, that trials are asked for and told, and not evaluated by bonag.
ASK_AND_TELL = "ask-and-tell"


@dataclass(frozen=True)
class Parts:
    """What a loop needs beside its configuration and record."""

    space: SearchSpace
    objective: Objective
    evaluator: Evaluator
    strategy: Strategy
    executor: Executor
    rule: StopRule


def part_names(given: Mapping[str, object]) -> dict[str, str]:
    """How a configuration names the parts that were given."""
    return {role: _name(role, part) for role, part in given.items() if role in ROLES and part is not None}


def _name(role: str, part: object) -> str:
    return space_name(cast(SearchSpace, part)) if role == "space" else name_of(part)


def make_parts(
    config: RunConfig,
    given: Mapping[str, object] | None = None,
    size: NetworkSize | None = None,
    sources: Sequence[Source] = (),
) -> Parts:
    """The parts that the configuration names; raises UserError for the first that there is not.

    The space is at the size of the networks that the evaluator measures: ``size``, or what it says.

    given: by role, the Python objects of which the configuration has the names only. sources: of transfer.
    """
    chosen = choose_parts(config, given or {})
    space = get_space(cast(SearchSpace, chosen["space"]))
    objective = config.parsed_objective()
    if config.evaluator == ASK_AND_TELL:
        raise UserError(f"run '{config.name}' is led by ask and tell: go on with it by bonag.AskTell(path=...)")
    data = Path(config.data) if config.data else None
    settings = {name: getattr(config, name) for name in SETTINGS}
    evaluator = make_evaluator(
        space, chosen["evaluator"] or None, config.task, data, objective=objective, settings=settings, size=size
    )
    space = sized_space(space, evaluator, size)
    strategy = _with_tries(config, space, make_run_strategy(config, space, objective, chosen, sources))
    rule: StopRule = STOP_RULES.make(chosen["stop_early"], {"objective": lambda: objective})
    known: dict[str, Callable[[], object]] = {
        "space": lambda: space,
        "workers": lambda: config.workers,
        "trial_timeout": lambda: seconds_of(config.trial_timeout) if config.trial_timeout else None,
        "cpus_per_trial": lambda: config.cpus_per_trial,
        "gpus_per_trial": lambda: config.gpus_per_trial,
        "stop_early": lambda: config.stop_early,
    }
    executor = EXECUTORS.make(chosen["executor"], known)
    return Parts(space, objective, evaluator, strategy, executor, rule)


def with_sources(parts: Parts, config: RunConfig, given: Mapping[str, object], sources: Sequence[Source]) -> Parts:
    """The parts of ``make_parts`` with a strategy that has these sources."""
    strategy = make_run_strategy(config, parts.space, parts.objective, choose_parts(config, given), sources)
    return replace(parts, strategy=_with_tries(config, parts.space, strategy))


def _with_tries(config: RunConfig, space: SearchSpace, strategy: Strategy) -> Strategy:
    """A strategy that begins with what users want to see first; raises UserError for what is no architecture."""
    try:
        tries = [space.parse(text) for text in config.tries]
    except InvalidArchitectureError as error:
        raise UserError(f"--try: {error}") from None
    return TryFirst(strategy, tries) if tries else strategy


def check_roles(given: Iterable[str]) -> None:
    """Raise UserError for the first name that is no role of a part."""
    for role in given:
        if role not in ROLES:
            raise UserError(f"a run has no part '{role}': {suggestion(role, ROLES)}")


def choose_parts(config: RunConfig, given: Mapping[str, object]) -> dict[str, object]:
    """By role, the part that was given, or its name; raises UserError where they are at odds, or where one is lost."""
    chosen: dict[str, object] = {role: getattr(config, role) for role in ROLES}
    check_roles(given)
    for role, part in given.items():
        if part is None:
            continue
        recorded = str(chosen[role])
        # Whoever gives an object in place of one knows what has become of it.
        replaced = not isinstance(part, str) and ":" in recorded
        if _name(role, part) != recorded and not replaced:
            raise UserError(f"the {role} of run '{config.name}' is '{recorded}' and not '{_name(role, part)}'")
        chosen[role] = part
    for role, part in chosen.items():
        if isinstance(part, str) and part.startswith(PYTHON):
            raise UserError(
                f"the {role} of run '{config.name}' is the Python object {part.removeprefix(PYTHON)}, which no record "
                f"can hold: give it again, as in bonag.resume(path, {role}=...)"
            )
    return chosen


def make_run_strategy(
    config: RunConfig,
    space: SearchSpace,
    objective: Objective,
    chosen: Mapping[str, object],
    sources: Sequence[Source] = (),
) -> Strategy:
    """The strategy on the run's device and threads; raises UserError. chosen: parts or names, by role."""
    options = {role: chosen[role] for role in OPTIONAL}
    strategy = make_strategy(chosen["strategy"], space, objective, config.device, sources=sources, **options)
    if "torch" in sys.modules:
        # The number of threads decides how sums are split, and so the last bits of a predictor.
        sys.modules["torch"].set_num_threads(config.threads)
    return strategy


def measured_metrics(objective: Objective) -> tuple[str, ...]:
    """The objective's metrics that somebody has to measure: all but exact counts, unless there are no others."""
    return tuple(metric for metric in objective.metrics if metric not in COUNTED) or objective.metrics


def default_threads() -> int:
    """OMP_NUM_THREADS where that is set, else one.

    The matrices are small: a second thread gains nothing on idle cores, and on busy ones threads wait for each other.
    """
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return int(threads) if threads.isdigit() and int(threads) > 0 else 1


def default_cpus(workers: int, executor: str) -> int:
    """The threads of each evaluation, which the run keeps: the cores by the workers; on a cluster one."""
    return max(1, (os.cpu_count() or 1) // workers) if executor == "local" else 1
