"""A bound on a metric, and what several bounds together ask for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

METRIC = r"[A-Za-z_][\w.-]*"
_FORM = re.compile(rf"\s*({METRIC})\s*(<=|>=)\s*(?:(top|bottom)\s*(?=[\d.+-]))?(\S+?)\s*(%?)\s*")


@dataclass(frozen=True)
class Constraint:
    """A bound on a metric, which may be touched: ``latency_pixel3<=8``, or of the space ``accuracy>=top5%``.

    relation: ``<=`` or ``>=``. bound: in the metric's unit; nan for a share that nobody has looked up. share: the part
    of the architectures, among those that meet all bounds in units, that meets it; None where the bound was given.
    """

    metric: str
    relation: str
    bound: float
    share: float | None = None

    @classmethod
    def parse(cls, text: str, shares: bool = False) -> Constraint:
        """Read ``metric<=number`` or ``metric>=number``; raises ValueError.

        With ``shares`` also ``metric>=top5%``, the 5 % with the largest values, and ``metric<=bottom5%``, those with
        the smallest.
        """
        found = _FORM.fullmatch(text)
        example = "as in 'params<=1e6'" + (" or 'accuracy>=top5%'" if shares else "")
        if found is None:
            raise ValueError(f"constraint '{text}' is not a metric with <= or >= and a bound, {example}")
        metric, relation, end, number, percent = found.groups()
        value = _number(number)
        if not math.isfinite(value):
            raise ValueError(f"constraint '{text}': '{number}' is not a number")
        if not (end or percent):
            return cls(metric, relation, value)
        if not shares:
            raise ValueError(f"constraint '{text}': '{(end or '') + number + percent}' is not a number in its unit")
        if not (end and percent):
            raise ValueError(f"'{text}': a share is written top5% or bottom5%, a bound in units without %; {example}")
        if (end == "top") != (relation == ">="):
            raise ValueError(
                f"'{text}': write >=top{number}% for the largest values, <=bottom{number}% for the smallest"
            )
        if not 0 < value < 100:
            raise ValueError(f"'{text}': a share must lie between 0 % and 100 %")
        return cls(metric, relation, math.nan, value / 100)

    def __str__(self) -> str:
        if self.share is not None:
            return f"{self.metric}{self.relation}{'top' if self.sign > 0 else 'bottom'}{100 * self.share:g}%"
        return f"{self.metric}{self.relation}{self.bound!r}".removesuffix(".0")

    @property
    def sign(self) -> float:
        """+1 if larger values are the safer ones, else -1."""
        return 1.0 if self.relation == ">=" else -1.0

    def slack(self, values: np.ndarray) -> np.ndarray:
        """How far (n,) values in the metric's unit are from breaking the bound: (n,), at least 0 iff they meet it."""
        return self.sign * (np.asarray(values, dtype=np.float64) - self.bound)

    def met(self, values: np.ndarray) -> np.ndarray:
        """Whether (n,) values in the metric's unit meet the bound, as nan does not: (n,) bool."""
        return self.slack(values) >= 0

    def past_ties(self, values: np.ndarray) -> float:
        """The bound, half way to the next of (n,) known values that breaks it where some of them touch it.

        So a prediction that is off by less than the step of a metric that comes in steps is still on the right side.
        """
        broken = values[~self.met(values)]
        if len(broken) == 0 or not (values == self.bound).any():
            return self.bound
        return 0.5 * (self.bound + float(self.sign * np.max(self.sign * broken)))


def meet_all(constraints: Sequence[Constraint], values: Callable[[str], np.ndarray], count: int) -> np.ndarray:
    """Whether each of ``count`` architectures meets all constraints: (count,) bool.

    values: metric -> (count,) in its unit, nan where it is unknown.
    """
    met = np.ones(count, dtype=bool)
    for constraint in constraints:
        met &= constraint.met(values(constraint.metric))
    return met


def check_together(constraints: Sequence[Constraint]) -> None:
    """Raises ValueError where one side of a metric has two bounds, or nothing can meet all bounds in units."""
    sides = [(constraint.metric, constraint.relation) for constraint in constraints]
    for name, relation in sides:
        if sides.count((name, relation)) > 1:
            raise ValueError(f"metric '{name}' has more than one bound with {relation}: keep one")
    for lower in constraints:
        for upper in constraints:
            same = lower.metric == upper.metric and (lower.relation, upper.relation) == (">=", "<=")
            if same and lower.bound > upper.bound:
                raise ValueError(f"nothing can meet both '{lower}' and '{upper}'")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
