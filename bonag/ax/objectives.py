"""bonag's objective as Ax's optimization config, and back."""

from __future__ import annotations

import torch
from ax import Client
from ax.core.optimization_config import OptimizationConfig
from ax.core.outcome_constraint import ComparisonOp, OutcomeConstraint
from ax.exceptions.core import AxError
from botorch.utils.multi_objective.hypervolume import infer_reference_point

from loops.history import History
from loops.objective import Constraint, Goal, Objective
from search_spaces.errors import UserError


def configure_objective(view: Client, objective: Objective, reference: History | None = None) -> None:
    """Set a client's objective.

    In Ax, a bound on the metric of one of several goals is that goal's threshold: what does not pass it adds nothing to
    the hypervolume. reference: where to take the thresholds of the other goals from, by the rule of BoTorch's
    ``infer_reference_point`` (a tenth of the front's range below its worst value); None leaves them to Ax. Ax has no
    other bounds on the metrics of goals, so these are left out.

    Raises UserError for names that Ax cannot read: it hands them to SymPy, to which ``E`` or ``lambda`` mean something
    else.
    """
    several = len(objective.goals) > 1
    signs = {goal.metric: goal.sign for goal in objective.goals}
    bounds = [
        bound
        for bound in objective.constraints
        if bound.metric not in signs or (several and bound.sign == signs[bound.metric])
    ]
    if several and reference is not None:
        bounds += _thresholds(objective, reference)
    try:
        view.configure_optimization(
            objective=", ".join(map(str, objective.goals)),
            outcome_constraints=[f"{bound.metric} {bound.relation} {bound.bound!r}" for bound in bounds],
        )
    except (AxError, ValueError, TypeError) as error:
        raise UserError(
            f"Ax cannot read the objective '{objective}': a name in it means something in SymPy; rename the metric"
        ) from error


def objective_of(config: OptimizationConfig | None) -> Objective:
    """The objective of an Ax experiment; thresholds become bounds. Raises UserError for what bonag has no word for."""
    if config is None:
        raise UserError("the experiment has no objective: call Client.configure_optimization first")
    text = config.objective.expression
    weights = config.objective.metric_weights
    # Goals are parted by commas: as many as there are metrics, if each has its own.
    if len(weights) != text.count(",") + 1 or any(weight == 0 for _, weight in weights):
        raise UserError(
            f"bonag maximises or minimises metrics, not a sum of them as in '{text}': give several, by commas"
        )
    names = config.objective.metric_names
    goals = tuple(Goal(name, weight > 0) for name, (_, weight) in zip(names, weights, strict=True))
    try:
        return Objective(goals, tuple(map(_bound, config.all_constraints)))
    except ValueError as error:
        raise UserError(str(error)) from None


def _bound(constraint: OutcomeConstraint) -> Constraint:
    if constraint.relative:
        raise UserError(f"bonag has no bound relative to a baseline, as '{constraint.expression}': give it in units")
    if len(constraint.metric_names) != 1:
        raise UserError(f"bonag bounds one metric at a time, not a sum as in '{constraint.expression}'")
    relation = ">=" if constraint.op is ComparisonOp.GEQ else "<="
    return Constraint(constraint.metric_names[0], relation, float(constraint.bound))


def _thresholds(objective: Objective, history: History) -> list[Constraint]:
    """Of the goals that have no bound on their worse side, as far as the history has a front."""
    front = objective.front(history)
    if not front:
        return []
    values = objective.values(History(front))
    points = infer_reference_point(torch.from_numpy(values)).tolist()
    bounded = {(bound.metric, bound.relation) for bound in objective.constraints}
    made = [
        Constraint(goal.metric, ">=" if goal.maximise else "<=", goal.sign * point)
        for goal, point in zip(objective.goals, points, strict=True)
    ]
    return [bound for bound in made if (bound.metric, bound.relation) not in bounded]
