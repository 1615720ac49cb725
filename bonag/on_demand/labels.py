"""Labels: random architectures that are evaluated to learn what the wishes mean. They are a cost, and are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bonag.on_demand.measuring import measure, source_of
from loops.protocols import Evaluator
from search_spaces import Architecture, SearchSpace
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError

# Of a space, or MOST where that is less.
SHARE = 0.05
MOST = 1000
FEWEST = 20


@dataclass(frozen=True)
class Labels:
    """Evaluated random architectures.

    codes: (n, S) of those whose evaluation did not fail. values: (n,) of every metric asked for. count: how many
    evaluations they cost, failed ones included: none where all metrics are exact counts. source: what evaluated them.
    """

    codes: np.ndarray
    values: dict[str, np.ndarray]
    count: int
    source: str


def default_count(space: SearchSpace) -> int:
    """5 % of the space, at least 20 and at most 1,000."""
    return int(np.clip(SHARE * space.size, FEWEST, MOST))


def check_count(count: int | None) -> None:
    """Raises UserError where so few labels teach nothing."""
    if count is not None and count < FEWEST:
        raise UserError(f"at least {FEWEST} labels are needed to learn from, not {count}")


def draw_labels(
    space: SearchSpace, evaluator: Evaluator, metrics: Sequence[str], rng: np.random.Generator, count: int | None = None
) -> Labels:
    """Evaluate ``count`` distinct random architectures, by default ``default_count``; raises UserError."""
    check_count(count)
    architectures = _distinct(space, min(default_count(space) if count is None else count, space.size), rng)
    values, failure = measure(space, evaluator, architectures, metrics)
    known = ~np.any([np.isnan(column) for column in values.values()], axis=0)
    if known.sum() < FEWEST:
        raise UserError(
            f"only {known.sum()} of {len(architectures)} architectures could be evaluated on {', '.join(metrics)}"
            + (f", and one failed with {failure}" if failure else "")
        )
    cost = 0 if set(metrics) <= set(COUNTED) else len(architectures)
    kept = {name: column[known] for name, column in values.items()}
    return Labels(space.codes(architectures)[known], kept, cost, source_of(evaluator))


def _distinct(space: SearchSpace, count: int, rng: np.random.Generator) -> list[Architecture]:
    found: dict[Architecture, None] = {}
    while len(found) < count:
        found.update(dict.fromkeys(space.sample(count, rng)))
    return list(found)[:count]
