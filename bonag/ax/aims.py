"""The objective of any Ax experiment, in bonag's words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ax.core.experiment import Experiment
from ax.core.outcome_constraint import ComparisonOp, OutcomeConstraint
from ax.utils.common.sympy import extract_metric_weights_from_objective_expr, parse_objective_expression

from loops.objective import Constraint, Goal, Objective

Weights = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Aim:
    """An objective; the sums that it calls metrics, by their expression; and what to know of it, in sentences."""

    objective: Objective
    sums: Mapping[str, Weights]
    notes: tuple[str, ...]

    def with_sums(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The metrics of a trial, and the sums of those that it has."""
        made = {
            name: sum(weight * metrics[metric] for metric, weight in weights)
            for name, weights in self.sums.items()
            if all(metric in metrics for metric, _ in weights)
        }
        return {**metrics, **made}


def aim_of(experiment: Experiment, reference: Mapping[str, float]) -> Aim:
    """What the experiment is after.

    reference: the metrics of its status quo, for bounds that are relative to it; empty where it was not measured.
    """
    notes: list[str] = []
    sums: dict[str, Weights] = {}
    goals = _goals(experiment, sums, notes)
    config = experiment.optimization_config
    bounds = []
    for constraint in config.outcome_constraints if config else ():
        bound = _bound(constraint, reference, sums, notes)
        if bound is not None:
            bounds.append(bound)
    if config is not None and config.is_moo_problem and config.objective_thresholds:
        texts = ", ".join(threshold.expression for threshold in config.objective_thresholds)
        notes.append(f"Ax measures the hypervolume from {texts}.")
    try:
        objective = Objective(goals, tuple(bounds))
    except ValueError as error:
        notes.append(f"The outcome constraints are not shown: {error}.")
        objective = Objective(goals)
    return Aim(objective, sums, tuple(notes))


def _goals(experiment: Experiment, sums: dict[str, Weights], notes: list[str]) -> tuple[Goal, ...]:
    config = experiment.optimization_config
    if config is None:
        return (_first_metric(experiment, "The experiment has no objective", notes),)
    text = config.objective.expression
    try:
        parsed = parse_objective_expression(text)
        parts = parsed if isinstance(parsed, tuple) else (parsed,)
        weighted = [tuple(extract_metric_weights_from_objective_expr(part)) for part in parts]
    except Exception as error:  # whatever SymPy makes of a metric's name
        reason = " ".join(str(error).split())
        return (_first_metric(experiment, f"The objective '{text}' cannot be read ({reason})", notes),)
    goals: dict[str, Goal] = {}
    for weights in weighted:
        if len(weights) == 1:
            ((name, weight),) = weights
            goal = Goal(name, weight > 0)
        else:
            goal = Goal(_name_sum(weights, sums), True)
            notes.append(f"'{goal.metric}' is a weighted sum, computed from the metrics.")
        goals.setdefault(goal.metric, goal)
    return tuple(goals.values())


def _first_metric(experiment: Experiment, why: str, notes: list[str]) -> Goal:
    names = sorted(experiment.metrics)
    if not names:
        notes.append(f"{why} and no metrics.")
        return Goal("no metric")
    notes.append(f"{why}; its first metric, '{names[0]}', is shown in its place.")
    return Goal(names[0], not experiment.metrics[names[0]].lower_is_better)


def _bound(
    constraint: OutcomeConstraint, reference: Mapping[str, float], sums: dict[str, Weights], notes: list[str]
) -> Constraint | None:
    text = constraint.expression
    weights = tuple(constraint.metric_weights)
    bound, upper = float(constraint.bound), constraint.op is not ComparisonOp.GEQ
    if constraint.relative:
        # In per cent of the status quo, as Ax reads it: from there towards larger values, whatever its sign.
        start = sum(weight * reference.get(metric, math.nan) for metric, weight in weights)
        bound = start + abs(start) * bound / 100
        if not math.isfinite(bound):
            notes.append(f"The constraint '{text}' is not shown: it is relative to a status quo that was not measured.")
            return None
        notes.append(f"The constraint '{text}' is relative to the status quo: {bound:.6g}.")
    if len(weights) != 1:
        return Constraint(_name_sum(weights, sums), "<=" if upper else ">=", bound)
    ((name, weight),) = weights
    return Constraint(name, "<=" if upper == (weight > 0) else ">=", bound / weight)


def _name_sum(weights: Weights, sums: dict[str, Weights]) -> str:
    """The sum's name, under which it is noted: its expression."""
    terms = [f"{weight:+.6g}*{metric}" for metric, weight in weights]
    name = " ".join(terms).removeprefix("+").replace("+1*", "+").replace("-1*", "-").removeprefix("1*")
    sums[name] = weights
    return name
