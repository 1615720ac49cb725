"""Drawing until there are enough architectures that differ and meet what was asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bonag.on_demand.generated import Drawn
from bonag.on_demand.report import unique_share
from loops.constraint import Constraint, meet_all
from search_spaces import Architecture
from search_spaces.errors import UserError

# Architectures drawn for each that is asked for, and for all together whatever is asked for.
MOST_DRAWN, LEAST_DRAWN = 20, 2000
# Evaluations for each that is asked for, by an evaluator that takes its time.
MOST_EVALUATED = 5
# Of a round, and more of it than the last ones let expect to be needed.
SMALLEST, SPARE = 64, 1.25
# Rounds altogether, and those in which nothing new was found before no further one is tried.
ROUNDS, IN_VAIN = 12, 3

Values = Mapping[str, np.ndarray]


@dataclass
class Gathering:
    """What was drawn, in order, and what of it is good.

    wishes: all in units. measure: what is true of architectures by metric, at least of all that the wishes are about:
    B architectures -> (B,) of each.
    values: of each architecture that was drawn, by metric. good: those that meet the wishes, each once.
    """

    wishes: Sequence[Constraint]
    measure: Callable[[list[Architecture]], Values]
    drawn: list[Architecture] = field(default_factory=list)
    values: dict[Architecture, dict[str, float]] = field(default_factory=dict)
    good: dict[Architecture, None] = field(default_factory=dict)

    def add(self, architectures: Sequence[Architecture]) -> int:
        """Take in what was drawn; gives how many more are good than before."""
        self.drawn += architectures
        known = len(self.good)
        new = list(dict.fromkeys(one for one in architectures if one not in self.values))
        if new:
            columns = self.measure(new)
            for row, one in enumerate(new):
                self.values[one] = {name: float(column[row]) for name, column in columns.items()}
            self.good |= dict.fromkeys(one for one, meets in zip(new, self._meets(new), strict=True) if meets)
        return len(self.good) - known

    def share(self, wish: Constraint) -> float:
        """The share of all that was drawn that meets a wish."""
        return float(wish.met(self._column(wish.metric, self.drawn)).mean())

    @property
    def share_of_all(self) -> float:
        """The share of all that was drawn that meets all wishes; nan where there are none."""
        return float(self._meets(self.drawn).mean()) if self.wishes else math.nan

    def columns(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        """What is true of architectures that were drawn: (B,) of each metric."""
        metrics = next(iter(self.values.values()))
        return {metric: self._column(metric, architectures) for metric in metrics}

    def figures(self, asked: int, evaluated: int) -> Drawn:
        """What is true of all that was drawn."""
        met = {str(wish): self.share(wish) for wish in self.wishes}
        return Drawn(asked, len(self.drawn), evaluated, unique_share(self.drawn), met, self.share_of_all)

    def none(self) -> UserError:
        """That nothing good was drawn, and how near the drawn come to each wish."""
        told = [f"'{wish}' is met by {self.share(wish):.1%} and {self._nearest(wish)}" for wish in self.wishes]
        return UserError(
            f"none of {len(self.drawn):,} architectures drawn meets all conditions ({'; '.join(told)}): give other "
            "bounds or stronger --guidance, or take the nearest by --as-drawn"
        )

    def _nearest(self, wish: Constraint) -> str:
        values = self._column(wish.metric, self.drawn)
        known = values[~np.isnan(values)]
        most = known.max(initial=-np.inf) if wish.sign > 0 else known.min(initial=np.inf)
        return f"comes to {most:.6g} at best" if len(known) else "is known of none"

    def _meets(self, architectures: Sequence[Architecture]) -> np.ndarray:
        return meet_all(self.wishes, lambda metric: self._column(metric, architectures), len(architectures))

    def _column(self, metric: str, architectures: Sequence[Architecture]) -> np.ndarray:
        return np.array([self.values[one][metric] for one in architectures])


def gather(
    gathering: Gathering, n: int, draw: Callable[[int], list[Architecture]], most: int, evaluated: int | None = None
) -> list[Architecture]:
    """The first n architectures drawn that differ and meet the wishes; fewer where no more are found.

    draw: n -> at most n architectures. most: to be drawn. evaluated: different ones to be drawn at most, if any.
    """
    wanted, vain = n, 0
    for _ in range(ROUNDS):
        left = most - len(gathering.drawn)
        if evaluated is not None:
            left = min(left, evaluated - len(gathering.values))
        architectures = draw(min(wanted, left)) if left > 0 else []
        if not architectures:
            break
        found = gathering.add(architectures)
        vain = 0 if found else vain + 1
        if len(gathering.good) >= n or vain == IN_VAIN:
            break
        rate = max(found, 1) / len(architectures)
        missing = n - len(gathering.good)
        wanted = min(max(math.ceil(SPARE * missing / rate), SMALLEST), max(4 * len(gathering.drawn), SMALLEST))
    return list(gathering.good)[:n]
