"""How good a run of several goals is after each of its queries: the share of the best front's hypervolume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bonag.bench.search_contest import Contest
from bonag.bench.search_measure import feasible, signed
from loops.objective import Objective
from search_spaces.errors import UserError

# Of a space that cannot be enumerated: its worst values are those of so many random architectures.
SAMPLES = 10_000
TARGET = 0.99


@dataclass(frozen=True)
class HypervolumeShare:
    """The hypervolume that the feasible trials so far dominate, as a share of ``total`` (Zitzler and Thiele, 1999).

    In the metrics' units, from the reference point of each goal's worst value in the whole space.

    reference: (m,) where larger is better. total: the hypervolume of the front that a run is compared with.
    """

    objective: Objective
    reference: np.ndarray
    total: float
    source: str
    exact: bool
    name: str = "share of the hypervolume"
    regret_name: str = "1 - share of the hypervolume"
    sign: float = 1.0
    best: float = 1.0
    target: float = TARGET
    target_name: str = f"{100 * TARGET:g} %"

    def progress(self, run: pd.DataFrame, budget: int) -> np.ndarray:
        """As in ``Measure``."""
        run = run[run["trial"] < budget].sort_values("trial")
        points, met = signed(self.objective, run), feasible(self.objective, run)
        shares, front = np.zeros(budget), np.empty((0, len(self.reference)))
        for trial, point, counts in zip(run["trial"], points, met, strict=True):
            if counts and not (front >= point).all(axis=1).any():
                front = np.vstack([front[~(point >= front).all(axis=1)], point])
                shares[trial] = hypervolume(front, self.reference) / self.total
        return np.maximum.accumulate(shares)


def make_hypervolume(
    contest: Contest, trials: pd.DataFrame, everything: Mapping[str, np.ndarray] | None
) -> HypervolumeShare:
    """The measure of several goals: against the true front where ``everything`` (the metrics of the whole space) is
    given, else against the front of all trials of all runs. Raises UserError where nothing meets the constraints.
    """
    objective, values = contest.objective, trials if everything is None else everything
    points, met = signed(objective, values), feasible(objective, values)
    if everything is None:
        reference = _worst_of_samples(contest)
        source = f"front of all trials here, from the worst values of {SAMPLES:,} random architectures"
    else:
        reference = np.nanmin(points, axis=0)
        source = f"true front of all {len(points):,} architectures, from their worst values"
    total = hypervolume(points[met], reference)
    if total <= 0:
        raise UserError(f"nothing meets {', '.join(map(str, objective.constraints)) or 'the objective'}")
    return HypervolumeShare(objective, reference, total, source, everything is not None)


def hypervolume(points: np.ndarray, reference: np.ndarray) -> float:
    """The volume that lies below one of (n, m) points and above the (m,) reference; larger is better in all m.

    Exact, by slices along the last goal (While et al., 2006: HSO): n log n for two goals.
    """
    points = points[(points > reference).all(axis=1)]
    if not len(points):
        return 0.0
    if len(reference) == 1:
        return float(points.max() - reference[0])
    points = points[np.argsort(-points[:, -1], kind="stable")]
    heights = np.append(points[:, -1], reference[-1])
    if len(reference) == 2:
        widths = np.maximum.accumulate(points[:, 0]) - reference[0]
        return float(widths @ (heights[:-1] - heights[1:]))
    volume = 0.0
    for place in range(len(points)):
        if heights[place] > heights[place + 1]:
            volume += hypervolume(points[: place + 1, :-1], reference[:-1]) * (heights[place] - heights[place + 1])
    return volume


def _worst_of_samples(contest: Contest) -> np.ndarray:
    from bonag.evaluators.batch import BatchEvaluator

    evaluator: Any = contest.make_evaluator()
    architectures = contest.make_space().sample(SAMPLES, np.random.default_rng(0))
    if isinstance(evaluator, BatchEvaluator):
        values: Any = evaluator.evaluate_many(architectures)
    else:
        values = pd.DataFrame([evaluator.evaluate(architecture, 0) for architecture in architectures])
    return np.nanmin(signed(contest.objective, values), axis=0)
