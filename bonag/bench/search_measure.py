"""How good a run is after each of its queries: by the best value of one goal, or the hypervolume of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bonag.bench.search_contest import Contest
from bonag.running_trial import RunningTrial
from loops.dominance import hypervolume, hypervolume_growth
from loops.objective import Objective
from search_spaces.errors import UserError

# Values are rounded to six decimals by the evaluators; what is closer than this is the same.
TOLERANCE = 1e-9
# Of a space that cannot be enumerated: its worst values are those of so many random architectures.
SAMPLES = 10_000
# The share of the hypervolume that a run of several goals has to reach.
SHARE = 0.99


@dataclass(frozen=True)
class Measure:
    """How far a run has come, in one number.

    name: what the number is, for axes and headings. regret_name: its distance from ``best``, which cannot be surpassed,
    or was not in any run. sign: +1 if larger numbers are better, else -1. target: from here on a run has reached what
    is asked for, ``target_name``. source: where ``best`` comes from. exact: whether it is that of the whole space.

    progress: the trials of a run, in any order, and the budget -> (budget,) float64, the number after each query, never
    getting worse. Failed trials are queries, too. A run that ended early stays where it was.
    """

    name: str
    regret_name: str
    sign: float
    best: float
    target: float
    target_name: str
    source: str
    exact: bool
    progress: Callable[[pd.DataFrame, int], np.ndarray]


def best_value(objective: Objective, best: float, worst: float, source: str, exact: bool) -> Measure:
    """The best value so far of the only goal, among trials that meet all constraints; ``worst`` while there is none."""
    name, sign = objective.goal.metric, objective.goal.sign

    def progress(run: pd.DataFrame, budget: int) -> np.ndarray:
        points, met = _points(objective, run)
        met &= (run["trial"] < budget).to_numpy()
        scores = np.full(budget, sign * worst)
        scores[run["trial"].to_numpy()[met]] = points[met, 0]
        return sign * np.maximum.accumulate(np.maximum(scores, sign * worst))

    regret = f"regret of {name} (best {best:.6g})"
    # The target is the best value, less what rounding may take.
    return Measure(name, regret, sign, best, best - sign * TOLERANCE, "the best", source, exact, progress)


def volume_share(objective: Objective, reference: np.ndarray, total: float, source: str, exact: bool) -> Measure:
    """The hypervolume that the feasible trials so far dominate, as a share of ``total`` (Zitzler and Thiele, 1999).

    In the metrics' units, from the (m,) reference point, where larger is better: each goal's worst value in the whole
    space. total: the hypervolume of the front that a run is compared with.
    """

    def progress(run: pd.DataFrame, budget: int) -> np.ndarray:
        run = run[run["trial"] < budget].sort_values("trial")
        points, met = _points(objective, run)
        points[~met] = np.nan
        shares = np.zeros(budget)
        shares[run["trial"].to_numpy()] = hypervolume_growth(points, reference) / total
        return np.maximum.accumulate(shares)

    name = "share of the hypervolume"
    return Measure(name, f"1 - {name}", 1.0, 1.0, SHARE, f"{100 * SHARE:g} %", source, exact, progress)


def whole_space(contest: Contest) -> Mapping[str, np.ndarray] | None:
    """Every metric of every architecture, (size,) each; None where they cannot be enumerated and computed."""
    space, evaluator = contest.make_space(), contest.make_evaluator()
    if not hasattr(evaluator, "evaluate_many") or (every := space.all()) is None:
        return None
    return evaluator.evaluate_many(every)


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
    check_best_known(contest.objective, best_known)
    if len(contest.objective.goals) == 1:
        return _of_one_goal(contest.objective, trials, everything, best_known)
    return _of_several_goals(contest, trials, everything)


def check_best_known(objective: Objective, best_known: float | None) -> None:
    """Raises UserError where a best value is given for several goals."""
    if best_known is not None and len(objective.goals) > 1:
        raise UserError("--best-known is the value of one goal, and there are several")


def _of_one_goal(
    objective: Objective, trials: pd.DataFrame, everything: Mapping[str, np.ndarray] | None, best_known: float | None
) -> Measure:
    points, met = _points(objective, trials if everything is None else everything)
    scores, sign = points[:, 0], objective.goal.sign
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
    return best_value(objective, sign * seen, sign * worst, source, everything is not None)


def _of_several_goals(contest: Contest, trials: pd.DataFrame, everything: Mapping[str, np.ndarray] | None) -> Measure:
    objective = contest.objective
    points, met = _points(objective, trials if everything is None else everything)
    if everything is None:
        reference = _worst_of_samples(contest)
        source = f"front of all trials here, from the worst values of {SAMPLES:,} random architectures"
    else:
        reference = np.nanmin(points, axis=0)
        source = f"true front of all {len(points):,} architectures, from their worst values"
    total = hypervolume(points[met], reference)
    if total <= 0:
        raise UserError(f"nothing meets {', '.join(map(str, objective.constraints)) or 'the objective'}")
    return volume_share(objective, reference, total, source, everything is not None)


def _worst_of_samples(contest: Contest) -> np.ndarray:
    evaluator = contest.make_evaluator()
    architectures = contest.make_space().sample(SAMPLES, np.random.default_rng(0))
    if hasattr(evaluator, "evaluate_many"):
        values = evaluator.evaluate_many(architectures)
    else:
        values = pd.DataFrame([evaluator.evaluate(architecture, RunningTrial()) for architecture in architectures])
    return np.nanmin(_points(contest.objective, values)[0], axis=0)


def _points(objective: Objective, values: pd.DataFrame | Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The goals where larger is better, (n, m), and which rows have all of them and meet the constraints, (n,) bool."""
    table = {metric: np.asarray(values[metric], dtype=np.float64) for metric in objective.metrics}
    points = objective.signed(table)
    return points, np.isfinite(points).all(axis=1) & objective.meets(table)
