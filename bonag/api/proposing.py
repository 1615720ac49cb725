"""Architectures for a new task before any query of it, by what other tasks taught."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np

from bonag.evaluators.sizing import sized_space
from bonag.generators.choosing import Loaded
from bonag.on_demand.generated import Drawn, Generated
from bonag.on_demand.measuring import measure, metrics_of, source_of
from bonag.on_demand.report import unique_share
from bonag.strategies.guided import GuidedGeneration
from bonag.strategies.making import make_strategy
from loops.constraint import Constraint, meet_all
from loops.history import History
from loops.objective import Objective
from loops.protocols import Evaluator
from loops.seeding import rng_for
from loops.source import Source
from search_spaces import Architecture
from search_spaces.errors import UserError

METHOD = "transfer"
# Each is chosen after those before it, as a search would.
MOST = 1000


def propose_by_sources(
    loaded: Loaded, n: int, evaluator: Evaluator, objective: Objective, sources: Sequence[Source], seed: int
) -> Generated:
    """The first n proposals of a search with these sources, best first, as if each had turned out as expected.

    objective: its constraints are on what the sources know, or on exact counts. Raises UserError, also where the
    sources say nothing of a metric.
    """
    if not 1 <= n <= MOST:
        raise UserError(f"n must be at least 1 and at most {MOST:,} with transfer, not {n}")
    space = sized_space(loaded.generator.space, evaluator)
    strategy = make_strategy("bonag", space, objective, generator=loaded.generator, sources=sources)
    assert isinstance(strategy, GuidedGeneration)
    started = time.perf_counter()
    if not strategy.goes_by_sources(History()):
        known = ", ".join(map(str, sources)) or "none"
        raise UserError(f"no source says anything of {', '.join(objective.metrics)} that holds: {known}")
    proposals = strategy.propose(History(), n, rng_for(seed, 0))
    architectures = [proposal.architecture for proposal in proposals]
    wishes, values = objective.constraints, measure(space, evaluator, architectures, metrics_of(space, evaluator))[0]
    return Generated(
        space=space,
        family=loaded.generator.family,
        method=METHOD,
        seed=seed,
        model=loaded.path,
        training=loaded.record,
        wishes=wishes,
        strengths={wish.metric: 1.0 for wish in wishes},
        architectures=architectures,
        values=values,
        measured_by=source_of(evaluator),
        description=evaluator.description,
        raw=space.codes([]),
        labels=sum(source.labels for source in sources),
        seconds=time.perf_counter() - started,
        drawn=_as_proposed(n, architectures, wishes, values),
        units={},
    )


def _as_proposed(
    n: int, architectures: list[Architecture], wishes: Sequence[Constraint], values: dict[str, np.ndarray]
) -> Drawn:
    """No more are drawn than are given out."""
    met = {str(wish): float(wish.met(values[wish.metric]).mean()) for wish in wishes}
    met_all = float(meet_all(wishes, values.__getitem__, len(architectures)).mean()) if wishes else math.nan
    return Drawn(n, len(architectures), 0, unique_share(architectures), met, met_all)
