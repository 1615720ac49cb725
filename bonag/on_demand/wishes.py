"""What is wished of an architecture: ``accuracy>=top5%``, ``latency_pixel3<=8``, ``params<=1e6``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from loops.constraint import Constraint, check_together, meet_all
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

FEWEST = 20


def parse_wishes(texts: Sequence[str], metrics: Sequence[str]) -> tuple[Constraint, ...]:
    """Read several; raises UserError, also for a metric that is not measured, or one bounded twice on the same side."""
    try:
        wishes = tuple(Constraint.parse(text, shares=True) for text in texts)
    except ValueError as error:
        raise UserError(str(error)) from None
    for wish in wishes:
        if wish.metric not in metrics:
            raise UserError(f"'{wish}': there is no metric '{wish.metric}': {suggestion(wish.metric, metrics)}")
    return _check_wishes(wishes)


def in_units(wishes: Sequence[Constraint], values: Mapping[str, np.ndarray]) -> tuple[Constraint, ...]:
    """The wishes with the bound of every share, read off a uniform sample of the space: (n,) values of each metric.

    A share is one of the architectures that meet all bounds in units. Raises UserError where too few do, or where no
    architecture can lie between two bounds.
    """
    plain = [wish for wish in wishes if wish.share is None]
    count = len(next(iter(values.values()), np.empty(0)))
    meets = meet_all(plain, values.__getitem__, count)
    resolved = []
    for wish in wishes:
        if wish.share is None:
            resolved.append(wish)
            continue
        if meets.sum() < FEWEST:
            bounds = " and ".join(map(str, plain))
            raise UserError(
                f"'{wish}' is a share of those with {bounds}, and only {meets.sum()} of {count} evaluated "
                f"architectures are such: give more --labels, wider bounds, or a bound in units"
            )
        level = 1 - wish.share if wish.sign > 0 else wish.share
        resolved.append(replace(wish, bound=float(np.quantile(values[wish.metric][meets], level))))
    return _check_wishes(tuple(resolved))


def _check_wishes(wishes: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    try:
        check_together(wishes)
    except ValueError as error:
        raise UserError(str(error)) from None
    return wishes
