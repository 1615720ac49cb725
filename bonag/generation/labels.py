"""Labels: random architectures that are evaluated to learn what the wishes mean. They are a cost, and are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bonag.evaluators import BatchEvaluator
from loops.errors import UserError
from loops.protocols import Evaluator
from search_spaces import Architecture, SearchSpace

# Of a space, or MOST where that is less.
SHARE = 0.05
MOST = 1000
FEWEST = 20
# Known of every architecture without an evaluation.
EXACT = ("params", "macs")


@dataclass(frozen=True)
class Labels:
    """Evaluated random architectures.

    codes: (n, S). values: (n,) of every metric asked for. count: how many evaluations they cost: none where all metrics
    are exact counts. source: what evaluated them.
    """

    codes: np.ndarray
    values: dict[str, np.ndarray]
    count: int
    source: str


def default_count(space: SearchSpace) -> int:
    """5 % of the space, at least 20 and at most 1,000."""
    return int(np.clip(SHARE * space.size, FEWEST, MOST))


def draw_labels(
    space: SearchSpace, evaluator: Evaluator, metrics: Sequence[str], rng: np.random.Generator, count: int | None = None
) -> Labels:
    """Evaluate ``count`` distinct random architectures, by default ``default_count``; raises UserError."""
    count = default_count(space) if count is None else count
    if count < FEWEST:
        raise UserError(f"at least {FEWEST} labels are needed to learn from, not {count}")
    architectures = _distinct(space, min(count, space.size), rng)
    values = measure(evaluator, architectures, metrics)
    known = ~np.any([np.isnan(column) for column in values.values()], axis=0) if values else np.ones(count, dtype=bool)
    if known.sum() < FEWEST:
        raise UserError(
            f"only {known.sum()} of {len(architectures)} architectures could be evaluated on {', '.join(metrics)}"
        )
    codes = space.codes(architectures)[known]
    paid = not set(metrics) <= set(EXACT)
    source = f"{getattr(evaluator, 'name', type(evaluator).__name__)} {getattr(evaluator, 'task', '')}".strip()
    return Labels(codes, {name: column[known] for name, column in values.items()}, len(codes) if paid else 0, source)


def measure(
    evaluator: Evaluator, architectures: Sequence[Architecture], metrics: Sequence[str]
) -> dict[str, np.ndarray]:
    """The metrics of architectures: (B,) of each, nan where the evaluation failed or has no such value."""
    if isinstance(evaluator, BatchEvaluator):
        found = evaluator.evaluate_many(architectures)
        return {name: np.asarray(found[name], dtype=np.float64) for name in metrics}
    columns: dict[str, list[float]] = {name: [] for name in metrics}
    for architecture in architectures:
        try:
            result = evaluator.evaluate(architecture, 0)
        except Exception:
            result = {}
        for name in metrics:
            columns[name].append(float(result.get(name, np.nan)))
    return {name: np.array(column) for name, column in columns.items()}


def _distinct(space: SearchSpace, count: int, rng: np.random.Generator) -> list[Architecture]:
    found: dict[Architecture, None] = {}
    while len(found) < count:
        found.update(dict.fromkeys(space.sample(count, rng)))
    return list(found)[:count]
