"""Bounds on exact counts, which all architectures meet that are given out: others are drawn again, or repaired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bonag.on_demand.measuring import counter_of
from loops.constraint import Constraint
from loops.protocols import Evaluator
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError

# Draws of architectures that replace those which break a bound.
ROUNDS = 4
# Changes of one gene that repair an architecture, and architectures that are counted for all repairs together.
CHANGES = 100
COUNTS = 50_000
# Repairs that fail one after the other before no other is tried.
IN_VAIN = 8
RANDOM = 256


@dataclass(frozen=True)
class CountedBounds:
    """The constraints on exact counts, each with what counts its metric: B architectures -> (B,) values."""

    space: SearchSpace
    bounds: tuple[tuple[Constraint, Callable[[Sequence[Architecture]], np.ndarray]], ...]

    @classmethod
    def of(cls, space: SearchSpace, evaluator: Evaluator, constraints: Sequence[Constraint]) -> CountedBounds:
        """Those of the constraints whose metric is counted, with a bound in units."""
        bounds = [(one, counter_of(space, evaluator, one.metric)) for one in constraints if np.isfinite(one.bound)]
        return cls(space, tuple((one, count) for one, count in bounds if count is not None))

    def check(self, rng: np.random.Generator) -> None:
        """Raises UserError where no architecture is found that meets the bounds."""
        if self.bounds:
            self.filled(1, lambda n: self.space.sample(n, rng), rng, RANDOM)

    def filled(
        self, n: int, draw: Callable[[int], list[Architecture]], rng: np.random.Generator, first: int | None = None
    ) -> list[Architecture]:
        """As ``some``, and where that is not enough, those that there are once more: n in all.

        Raises UserError where there are none.
        """
        good, broken = self.some(n, draw, rng, first)
        if not good:
            raise self.none(broken)
        return good + [good[i] for i in rng.integers(len(good), size=n - len(good))]

    def some(
        self, n: int, draw: Callable[[int], list[Architecture]], rng: np.random.Generator, first: int | None = None
    ) -> tuple[list[Architecture], list[Architecture]]:
        """At most n architectures that meet the bounds, the first n that are drawn where they do; and broken ones.

        draw: n -> n architectures. first: how many of them at first, by default n. Those that break a bound are drawn
        again a few times. What is missing then are broken ones, repaired by one change after the other.
        """
        good: list[Architecture] = []
        broken: list[Architecture] = []
        wanted = first or n
        for _ in range(ROUNDS):
            drawn = draw(wanted)
            excess = self.excess(drawn)
            good += [one for one, over in zip(drawn, excess, strict=True) if over == 0]
            broken += [one for one, over in zip(drawn, excess, strict=True) if over > 0]
            if len(good) >= n:
                return good[:n], broken
            wanted = 2 * (n - len(good))
        return good + self._repair(broken, n - len(good), rng), broken

    def excess(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """By how much architectures break the bounds, as a share of those, added up: (B,), 0 iff they meet all."""
        total = np.zeros(len(architectures))
        for constraint, count in self.bounds:
            total += np.maximum(-constraint.slack(count(architectures)), 0) / max(abs(constraint.bound), 1.0)
        return total

    def _repair(self, broken: list[Architecture], n: int, rng: np.random.Generator) -> list[Architecture]:
        repaired: list[Architecture] = []
        left, in_vain = COUNTS, 0
        for architecture in broken:
            if len(repaired) == n or left <= 0 or in_vain == IN_VAIN:
                break
            nearest, counts = self._nearest(architecture, rng)
            left -= counts
            met = self.excess([nearest])[0] == 0
            in_vain = 0 if met else in_vain + 1
            repaired += [nearest] if met else []
        return repaired

    def _nearest(self, architecture: Architecture, rng: np.random.Generator) -> tuple[Architecture, int]:
        """Where one change after the other leads that breaks the bounds less, and how many were counted for it."""
        [over], counts = self.excess([architecture]), 1
        for _ in range(CHANGES):
            options = self.space.neighbours(architecture) if over > 0 else []
            if not options:
                break
            excess = self.excess(options)
            counts += len(options)
            if excess.min() >= over:
                break
            over = excess.min()
            architecture = options[int(rng.choice(np.flatnonzero(excess == over)))]
        return architecture, counts

    def none(self, broken: Sequence[Architecture]) -> UserError:
        """That no architecture was found, and how near the broken ones come."""
        nearest, _ = self._nearest(broken[int(np.argmin(self.excess(broken)))], np.random.default_rng(0))
        has = ", ".join(f"{one.metric} {count([nearest])[0]:,.0f}" for one, count in self.bounds)
        wanted = " and ".join(f"'{one}'" for one, _ in self.bounds)
        return UserError(
            f"no architecture of space '{self.space.name}' was found that meets {wanted}: the nearest has {has}"
        )
