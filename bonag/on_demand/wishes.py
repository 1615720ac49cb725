"""What is wished of an architecture: ``accuracy>=top5%``, ``latency_pixel3<=8``, ``params<=1e6``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

_FORM = re.compile(r"\s*([A-Za-z_]\w*)\s*(>=|<=)\s*(?:(top|bottom)\s*)?([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(%)?\s*")
FEWEST = 20


@dataclass(frozen=True)
class Wish:
    """A bound on a metric: in its unit, or as a share of the space.

    at_least: else at most. value: the bound in the metric's unit; or, where ``share`` is true, the part of the
    architectures that meet it, among those that meet all bounds in units. from_share: the value is a bound in the unit
    now, and was a share when it was asked for.
    """

    metric: str
    at_least: bool
    value: float
    share: bool = False
    from_share: bool = False

    @staticmethod
    def parse(text: str) -> Wish:
        """Read one; raises UserError that says what is wrong.

        ``>=top5%`` means the 5 % with the largest values, ``<=bottom5%`` those with the smallest.
        """
        found = _FORM.fullmatch(text)
        example = "as in 'accuracy>=top5%' or 'params<=1e6'"
        if found is None:
            raise UserError(f"'{text}' is not a metric with a bound: write >= or <=, {example}")
        metric, relation, end, number, percent = found.groups()
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UserError(f"'{text}': '{number}' is not a number")
        if (end is None) != (percent is None):
            raise UserError(f"'{text}': a share is written top5% or bottom5%, a bound in units without %; {example}")
        if end is None:
            return Wish(metric, relation == ">=", value)
        if (end == "top") != (relation == ">="):
            raise UserError(
                f"'{text}': write >=top{number}% for the largest values, <=bottom{number}% for the smallest"
            )
        if not 0 < value < 100:
            raise UserError(f"'{text}': a share must lie between 0 % and 100 %")
        return Wish(metric, relation == ">=", value / 100, share=True)

    def __str__(self) -> str:
        relation = ">=" if self.at_least else "<="
        if self.share:
            return f"{self.metric}{relation}{'top' if self.at_least else 'bottom'}{100 * self.value:g}%"
        return f"{self.metric}{relation}{self.value:.12g}"

    def met(self, values: np.ndarray) -> np.ndarray:
        """Whether values in the metric's unit meet a bound in that unit."""
        return values >= self.value if self.at_least else values <= self.value


def parse_wishes(texts: Sequence[str], metrics: Sequence[str]) -> tuple[Wish, ...]:
    """Read several; raises UserError, also for a metric that is not measured, or one bounded twice on the same side."""
    wishes = tuple(Wish.parse(text) for text in texts)
    for wish in wishes:
        if wish.metric not in metrics:
            raise UserError(f"'{wish}': there is no metric '{wish.metric}': {suggestion(wish.metric, metrics)}")
    sides = [(wish.metric, wish.at_least) for wish in wishes]
    for wish in wishes:
        if sides.count((wish.metric, wish.at_least)) > 1:
            raise UserError(
                f"'{wish.metric}' has more than one bound {'below' if wish.at_least else 'above'}: keep one"
            )
    plain = [wish for wish in wishes if not wish.share]
    _check_room(plain, plain)
    return wishes


def in_units(wishes: Sequence[Wish], values: Mapping[str, np.ndarray]) -> tuple[Wish, ...]:
    """The wishes with every share as a bound, read off a uniform sample of the space: (n,) values of each metric.

    A share is one of the architectures that meet all bounds in units. Raises UserError where too few do, or where no
    architecture can lie between two bounds.
    """
    plain = [wish for wish in wishes if not wish.share]
    count = len(next(iter(values.values()), np.empty(0)))
    meets = np.ones(count, dtype=bool)
    for wish in plain:
        meets &= wish.met(values[wish.metric])
    resolved = []
    for wish in wishes:
        if not wish.share:
            resolved.append(wish)
            continue
        if meets.sum() < FEWEST:
            bounds = " and ".join(map(str, plain))
            raise UserError(
                f"'{wish}' is a share of those with {bounds}, and only {meets.sum()} of {count} evaluated "
                f"architectures are such: give more --labels, wider bounds, or a bound in units"
            )
        level = 1 - wish.value if wish.at_least else wish.value
        bound = float(np.quantile(values[wish.metric][meets], level))
        resolved.append(Wish(wish.metric, wish.at_least, bound, from_share=True))
    _check_room(resolved, wishes)
    return tuple(resolved)


def _check_room(wishes: Sequence[Wish], asked: Sequence[Wish]) -> None:
    """Raises UserError where a metric's lower bound is above its upper one: bounds in units, and as asked."""
    for lower, asked_lower in zip(wishes, asked, strict=True):
        for upper, asked_upper in zip(wishes, asked, strict=True):
            if lower.metric == upper.metric and lower.at_least > upper.at_least and lower.value > upper.value:
                raise UserError(f"nothing can meet both '{asked_lower}' and '{asked_upper}'")
