"""How good a run is after each of its queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bonag.bench.search_contest import Contest
from bonag.evaluators.batch import BatchEvaluator
from loops.objective import Objective
from search_spaces.errors import UserError

# Values are rounded to six decimals by the evaluators; what is closer than this is the same.
TOLERANCE = 1e-9


class Measure(Protocol):
    """How far a run has come."""

    @property
    def name(self) -> str:
        """What the number is, for axes and headings."""
        ...

    @property
    def regret_name(self) -> str:
        """What its distance from ``best`` is."""
        ...

    @property
    def sign(self) -> float:
        """+1 if larger numbers are better, else -1."""
        ...

    @property
    def best(self) -> float:
        """The number that cannot be surpassed, or was not in any run."""
        ...

    @property
    def target(self) -> float:
        """From here on a run has reached what is asked for: ``target_name``."""
        ...

    @property
    def target_name(self) -> str:
        """The target in words."""
        ...

    @property
    def source(self) -> str:
        """Where ``best`` comes from."""
        ...

    @property
    def exact(self) -> bool:
        """Whether ``best`` is that of the whole space."""
        ...

    def progress(self, run: pd.DataFrame, budget: int) -> np.ndarray:
        """The number after each query: (budget,) float64, never getting worse.

        run: its trials, in any order; failed ones are queries, too. A run that ended early stays where it was.
        """
        ...


@dataclass(frozen=True)
class BestValue:
    """The best value so far of the only goal, among trials that meet all constraints.

    Before there is one, it is ``worst``.
    """

    objective: Objective
    best: float
    worst: float
    source: str
    exact: bool
    target_name: str = "the best"

    @property
    def name(self) -> str:
        """The metric."""
        return self.objective.goal.metric

    @property
    def regret_name(self) -> str:
        """Of the metric, with the best value."""
        return f"regret of {self.name} (best {self.best:.6g})"

    @property
    def sign(self) -> float:
        """That of the goal."""
        return self.objective.goal.sign

    @property
    def target(self) -> float:
        """The best value, less what rounding may take."""
        return self.best - self.sign * TOLERANCE

    def progress(self, run: pd.DataFrame, budget: int) -> np.ndarray:
        """As in ``Measure``."""
        scores = np.full(budget, self.sign * self.worst)
        met = feasible(self.objective, run) & (run["trial"] < budget).to_numpy()
        scores[run["trial"].to_numpy()[met]] = signed(self.objective, run)[met, 0]
        return self.sign * np.maximum.accumulate(np.maximum(scores, self.sign * self.worst))


def signed(objective: Objective, values: Any) -> np.ndarray:
    """The goals, each so that larger is better: (n, m). values: a frame or a mapping of (n,) arrays by metric."""
    return np.stack([goal.sign * np.asarray(values[goal.metric], dtype=np.float64) for goal in objective.goals], axis=1)


def feasible(objective: Objective, values: Any) -> np.ndarray:
    """(n,) bool: which have a value of each goal and meet all constraints. values: as for ``signed``."""
    met = np.isfinite(signed(objective, values)).all(axis=1)
    for constraint in objective.constraints:
        slack = constraint.slack(np.asarray(values[constraint.metric], dtype=np.float64))
        met &= np.nan_to_num(slack, nan=-1.0) >= 0
    return met


def whole_space(contest: Contest) -> Mapping[str, np.ndarray] | None:
    """Every metric of every architecture, (size,) each; None where they cannot be enumerated and computed."""
    space, evaluator = contest.make_space(), contest.make_evaluator()
    if not isinstance(evaluator, BatchEvaluator):
        return None
    every = space.all()
    return None if every is None else evaluator.evaluate_many(every)


def make_measure(
    contest: Contest,
    trials: pd.DataFrame,
    everything: Mapping[str, np.ndarray] | None,
    best_known: float | None = None,
) -> Measure:
    """What the runs of a contest are measured by: the best value so far, or the hypervolume of several goals.

    trials: of all runs. everything: as ``whole_space`` gives it; then the trials play no part. best_known: the best
    value there is, where it is known from elsewhere. Raises UserError where that cannot be, or where nothing meets the
    constraints.
    """
    objective = contest.objective
    check_best_known(objective, best_known)
    if len(objective.goals) == 1:
        return best_value(objective, trials, everything, best_known)
    from bonag.bench.search_hypervolume import make_hypervolume

    return make_hypervolume(contest, trials, everything)


def check_best_known(objective: Objective, best_known: float | None) -> None:
    """Raises UserError where a best value is given for several goals."""
    if best_known is not None and len(objective.goals) > 1:
        raise UserError("--best-known is the value of one goal, and there are several")


def best_value(
    objective: Objective, trials: pd.DataFrame, everything: Mapping[str, np.ndarray] | None, best_known: float | None
) -> BestValue:
    """The measure of one goal. everything: the metrics of the whole space, or None; the rest as in ``make_measure``."""
    values: Any = trials if everything is None else everything
    scores, sign = signed(objective, values)[:, 0], objective.goal.sign
    met = feasible(objective, values)
    if not met.any() and best_known is None:
        where = "nothing in the space meets" if everything is not None else "no trial of any run meets"
        raise UserError(f"{where} {', '.join(map(str, objective.constraints))}: there is nothing to compare")
    worst, seen = float(np.nanmin(scores)), float(scores[met].max(initial=-np.inf))
    if everything is not None:
        source = f"best of all {len(scores):,} architectures"
        if best_known is not None and abs(best_known - sign * seen) > TOLERANCE:
            raise UserError(f"--best-known {best_known:g}: the best of the whole space is {sign * seen:.10g}")
    elif best_known is None or sign * best_known < seen:
        source = "best of all trials here" + ("" if best_known is None else f", better than the {best_known:g} given")
    else:
        seen, source = sign * best_known, "given"
    return BestValue(objective, sign * seen, sign * worst, source, everything is not None)
