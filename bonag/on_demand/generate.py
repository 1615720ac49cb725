"""From wishes to architectures that meet them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from bonag.evaluators.sizing import sized_space
from bonag.generators.choosing import Loaded
from bonag.generators.trained import CONDITIONAL, TrainedGenerator
from bonag.on_demand.beliefs import directions_of, fit_beliefs
from bonag.on_demand.counted import CountedBounds
from bonag.on_demand.gathering import LEAST_DRAWN, MOST_DRAWN, MOST_EVALUATED, Gathering, gather
from bonag.on_demand.generated import Generated
from bonag.on_demand.guidance import UNGUIDED, Guidance, choose_method, make_guidance
from bonag.on_demand.labels import check_count, draw_labels
from bonag.on_demand.measuring import measure, metrics_of, needs_no_time, source_of
from bonag.on_demand.wishes import in_units, parse_wishes
from loops.constraint import Constraint
from loops.protocols import Evaluator
from search_spaces import Architecture, SearchSpace
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError

# Architectures at a time: they are in memory together, and more can be had with other seeds.
MOST = 1_000_000


def generate(
    loaded: Loaded,
    n: int,
    evaluator: Evaluator,
    where: Sequence[str] = (),
    strengths: Mapping[str, float] | None = None,
    method: str | None = None,
    labels: int | None = None,
    seed: int = 0,
    as_drawn: bool = False,
) -> Generated:
    """n architectures that differ and meet the wishes, or as many as are found; raises UserError.

    where, method, labels, as_drawn: as in ``bonag.generate``. strengths: guidance by metric, dimensionless.
    """
    if not 1 <= n <= MOST:
        raise UserError(f"n must be at least 1 and at most {MOST:,}, not {n}")
    if seed < 0:
        raise UserError(f"seed must be at least 0, not {seed}")
    check_count(labels)
    generator, strengths = loaded.generator, dict(strengths or {})
    space = sized_space(generator.space, evaluator)
    metrics = metrics_of(space, evaluator)
    asked = parse_wishes(where, metrics)
    _check(strengths, asked, labels)
    same = loaded.record.get("networks") in (None, "", str(space.network_size))
    method = choose_method(generator, asked, method, loaded.record.get("source"), source_of(evaluator), same)
    # What no architecture can meet is said before anything is evaluated for it.
    CountedBounds.of(space, evaluator, asked).check(np.random.default_rng([seed, 5]))
    guidance, wishes, paid = _prepare(generator, method, asked, strengths, evaluator, labels, seed)
    counted = CountedBounds.of(space, evaluator, wishes)
    drawer = _Drawer(guidance, space, counted, np.random.default_rng([seed, 4]))
    # Where counts decide alone, nothing is evaluated but what is given out.
    needed = metrics if any(wish.metric not in COUNTED for wish in wishes) else tuple(one.metric for one in wishes)
    gathering = Gathering(wishes, lambda architectures: measure(space, evaluator, architectures, needed)[0])
    evaluated = None if needs_no_time(evaluator) else MOST_EVALUATED * n
    architectures = drawer.as_drawn(n, gathering) if as_drawn else drawer.gather(n, gathering, evaluated)
    values = gathering.columns(architectures) if needed == metrics else None
    return Generated(
        space=space,
        family=generator.family,
        method=method,
        seed=seed,
        model=loaded.path,
        training=loaded.record,
        wishes=wishes,
        strengths=guidance.strength_of(asked),
        architectures=architectures,
        values=measure(space, evaluator, architectures, metrics)[0] if values is None else values,
        measured_by=source_of(evaluator),
        description=evaluator.description,
        raw=np.concatenate(drawer.raw),
        labels=paid,
        seconds=drawer.seconds,
        drawn=gathering.figures(n, evaluated=_count_evaluated(evaluator, architectures, gathering, needed == metrics)),
        units=getattr(evaluator, "units", {}),
    )


def _count_evaluated(
    evaluator: Evaluator, architectures: Sequence[Architecture], gathering: Gathering, all_drawn: bool
) -> int:
    """How many different architectures were measured, and not only counted."""
    if set(evaluator.metrics) <= set(COUNTED):
        return 0
    return len(gathering.values if all_drawn else set(architectures))


class _Drawer:
    """Draws architectures that meet what is counted.

    raw: (B, S) codes of each draw before the projection. seconds: what all draws took.
    """

    def __init__(
        self, guidance: Guidance, space: SearchSpace, counted: CountedBounds, rng: np.random.Generator
    ) -> None:
        self._guidance, self._space, self._counted, self._rng = guidance, space, counted, rng
        self.raw: list[np.ndarray] = []
        self.seconds = 0.0
        self._broken: list[Architecture] = []

    def as_drawn(self, n: int, gathering: Gathering) -> list[Architecture]:
        """The first n, doubles and those that are not as asked among them; raises UserError where there are none."""
        started = time.perf_counter()
        found = self._counted.filled(n, self._sample, self._rng)
        self.seconds += time.perf_counter() - started
        gathering.add(found)
        return found

    def gather(self, n: int, gathering: Gathering, evaluated: int | None) -> list[Architecture]:
        """At most n that differ and are as asked; raises UserError where there are none.

        evaluated: different architectures to be drawn at most, if any.
        """
        most = max(MOST_DRAWN * n, LEAST_DRAWN)
        found = gather(gathering, min(n, self._space.size), self._some, most, evaluated)
        if not found:
            raise gathering.none() if gathering.drawn else self._counted.none(self._broken)
        return found

    def _some(self, n: int) -> list[Architecture]:
        started = time.perf_counter()
        found, broken = self._counted.some(n, self._sample, self._rng)
        self.seconds += time.perf_counter() - started
        self._broken += broken
        return found

    def _sample(self, n: int) -> list[Architecture]:
        self.raw.append(self._guidance.raw_sample(n, self._rng))
        return self._space.nearest(self.raw[-1])


def _check(strengths: Mapping[str, float], asked: Sequence[Constraint], labels: int | None) -> None:
    for metric, strength in strengths.items():
        if metric not in {wish.metric for wish in asked}:
            raise UserError(f"guidance of '{metric}', for which there is no condition: give one by --where")
        if not (np.isfinite(strength) and strength >= 0):
            raise UserError(f"the guidance of '{metric}' must be 0 or more, not {strength}")
    if labels is not None and not asked:
        raise UserError("labels are of no use without a condition: give one by --where")


def _prepare(
    generator: TrainedGenerator,
    method: str,
    asked: tuple[Constraint, ...],
    strengths: Mapping[str, float],
    evaluator: Evaluator,
    count: int | None,
    seed: int,
) -> tuple[Guidance, tuple[Constraint, ...], int]:
    """The guidance, the wishes in units, and the labels that this took."""
    if method == UNGUIDED:
        return make_guidance(generator, method, (), {}), (), 0
    shares = sum(wish.share is not None for wish in asked)
    # The labels of the training tell shares of the whole space; shares of a part need labels of several metrics.
    known = shares == 0 or (shares == len(asked) and count is None)
    if method == CONDITIONAL and known:
        wishes = in_units(asked, generator.quantiles)
        return make_guidance(generator, method, wishes, strengths), wishes, 0
    space, directions = sized_space(generator.space, evaluator), directions_of(asked)
    drawn = draw_labels(space, evaluator, list(directions), np.random.default_rng([seed, 3]), count)
    wishes = in_units(asked, drawn.values)
    beliefs = None if method == CONDITIONAL else fit_beliefs(space, drawn, directions)
    return make_guidance(generator, method, wishes, strengths, beliefs, seed), wishes, drawn.count
