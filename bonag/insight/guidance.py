"""What guidance does to the generator's samples, step by step of a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bonag.insight.progress import report
from bonag.insight.trials import UNGUIDED, rng_of
from bonag.insight.truth import Truth
from loops.config import RunConfig
from loops.history import History, Trial
from loops.objective import Objective
from loops.seeding import rng_for
from loops.source import Source
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bonag.generators.trained import TrainedGenerator

# After so many trials guidance is shown, and after all of them; of unguided samples, and of the best guided ones.
STEPS = (10, 25, 50, 100, 200, 500, 1000, 2000, 5000)
SAMPLES, POPULATION = 256, 64


@dataclass(frozen=True)
class Drawn:
    """Numbers of one set of architectures at one step; nan where there is none.

    step: trials that were known. kind: ``unguided``, ``guided``, or ``proposed`` by a strategy without a generator.
    medians: of each metric of the objective, in its order. better: share that beats all feasible trials known so far:
    better in the only goal, or dominated by none of them, and meeting the constraints. known: share with a trial
    already. diversity: mean number of sites in which two differ. valid: before the projection. seconds: to make them,
    which is the one thing that is not the same every time.
    """

    step: int
    kind: str
    count: int
    medians: tuple[float, ...]
    better: float
    known: float
    diversity: float
    valid: float
    seconds: float


@dataclass(frozen=True)
class Guidance:
    """values: step, kind, and one column per metric of the objective, a row per architecture. rows: their numbers.

    sources: of each metric, ``measured`` or ``predicted``. sites: that can differ. guided: whether the strategy guides
    a generator. problem: why there are no samples of a generator, or None.
    """

    metrics: tuple[str, ...]
    values: pd.DataFrame
    rows: tuple[Drawn, ...]
    sources: tuple[str, ...]
    sites: int
    guided: bool
    problem: str | None

    @property
    def samples(self) -> int:
        """Unguided ones at each step."""
        return SAMPLES

    @property
    def population(self) -> int:
        """Guided ones at each step."""
        return POPULATION


@dataclass(frozen=True)
class _Set:
    architectures: list[Architecture]
    valid: float
    seconds: float


def steps_of(trials: int) -> list[int]:
    """The steps that are shown of a run with so many completed trials: some on the way, and now."""
    return [*(step for step in STEPS if step < trials), trials]


def guidance(
    space: SearchSpace,
    objective: Objective,
    config: RunConfig | None,
    history: History,
    sources: Sequence[Source] = (),
) -> Guidance:
    """Unguided samples, and the population that guidance made of them, as the strategy had it after so many trials.

    config: None for experiments without one, which are not guided. sources: of the run's transfer.
    """
    import pandas as pd

    completed = History(trial for trial in history.completed if _whole(trial, objective))
    seed = config.seed if config else 0
    generator, problem = _generator(space)
    strategy = _strategy(space, objective, config, sources)
    truth = Truth(space, objective, completed, config, config.predictor if config else "gp")
    unguided = _sample_unguided(generator, seed, len(completed)) if generator else None
    tables, rows = [], []
    earlier = 0
    for step in steps_of(len(completed)):
        report(f"after {step} of {len(completed)} trials")
        known = History(completed.trials[:step])
        sets = {"unguided": unguided} if unguided else {}
        if strategy is not None:
            sets["guided"] = _search_guided(strategy, known, seed)
        else:
            new = completed.trials[earlier:step]
            seconds = sum(trial.proposal_seconds or 0.0 for trial in new)
            sets["proposed"] = _Set([trial.architecture for trial in new], np.nan, seconds)
        before = known if strategy is not None else History(completed.trials[:earlier])
        for kind, drawn in sets.items():
            table = truth.values(drawn.architectures)
            tables.append(pd.DataFrame(table, columns=list(objective.metrics)).assign(step=step, kind=kind))
            rows.append(_numbers(space, objective, before, step, kind, drawn, table))
        earlier = step
    return Guidance(
        objective.metrics,
        pd.concat(tables, ignore_index=True),
        tuple(rows),
        tuple(truth.source(metric) for metric in objective.metrics),
        int((space.fixed_ops < 0).sum()) + len(space.free_edges),
        strategy is not None,
        problem,
    )


def _whole(trial: Trial, objective: Objective) -> bool:
    return all(np.isfinite(trial.metrics.get(metric, np.nan)) for metric in objective.metrics)


def _generator(space: SearchSpace) -> tuple[TrainedGenerator | None, str | None]:
    """The space's generator, or why there is none."""
    from bonag.generators.choosing import find_generator

    try:
        return find_generator(space).generator, None
    except UserError as error:
        return None, str(error)


def _strategy(space: SearchSpace, objective: Objective, config: RunConfig | None, sources: Sequence[Source]) -> Any:
    """The run's own strategy where it guides the generator, else None."""
    from bonag.strategies.making import make_strategy

    if config is None or config.strategy != "bonag":
        return None
    try:
        parts = {"acquisition": config.acquisition, "predictor": config.predictor, "generator": config.generator}
        return make_strategy(config.strategy, space, objective, "cpu", sources=sources, **parts)
    except UserError:
        return None


def _sample_unguided(generator: TrainedGenerator, seed: int, trials: int) -> _Set:
    from bonag.on_demand.report import valid_share

    report("drawing unguided samples")
    start = time.perf_counter()
    raw = generator.raw_sample(SAMPLES, rng_of(seed, 0, UNGUIDED))
    architectures = generator.space.nearest(raw)
    return _Set(architectures, valid_share(generator.space, raw), time.perf_counter() - start)


def _search_guided(strategy: Any, known: History, seed: int) -> _Set:
    """The best of what the strategy's generator made for the proposal after these trials, evaluated ones included."""
    if len(known.completed) < 2:
        return _Set([], np.nan, 0.0)
    start = time.perf_counter()
    _, codes, _ = strategy.search(known, [], rng_for(seed, len(known)))
    space = strategy.space
    architectures = [space.decode(space.graph(code)) for code in codes[:POPULATION]]
    return _Set(architectures, np.nan, time.perf_counter() - start)


def _numbers(
    space: SearchSpace, objective: Objective, before: History, step: int, kind: str, drawn: _Set, table: np.ndarray
) -> Drawn:
    from bonag.on_demand.report import diversity

    known = [architecture in before.seen for architecture in drawn.architectures]
    finite = [column[np.isfinite(column)] for column in table.T]
    return Drawn(
        step,
        kind,
        len(drawn.architectures),
        tuple(float(np.median(column)) if len(column) else np.nan for column in finite),
        _share(beats(objective, before, table)),
        _share(np.array(known)),
        diversity(space.codes(drawn.architectures)),
        drawn.valid,
        drawn.seconds,
    )


def beats(objective: Objective, before: History, table: np.ndarray) -> np.ndarray:
    """Whether each of (B, M) metric values meets the constraints and no feasible trial is as good or better: (B,)."""
    columns = dict(zip(objective.metrics, table.T, strict=True))
    met, goals = np.isfinite(table).all(axis=1) & objective.meets(columns), objective.signed(columns)
    best = objective.values(before)[objective.feasible(before)]
    if len(best) == 0:
        return met
    # As good in every goal, but for the digits that a batch of predictions may differ in.
    reached = (best[None] >= goals[:, None] - 1e-9 * np.abs(goals[:, None])).all(axis=2).any(axis=1)
    return met & ~reached


def _share(which: np.ndarray) -> float:
    return float(which.mean()) if len(which) else np.nan
