"""Any two metrics against each other, with what is best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty
from bonag.plots.marks import dots, mark_size
from bonag.plots.measured import column, feasible, why_empty
from bonag.plots.palette import FEASIBLE_REGION, FRONT, INFEASIBLE, TRIAL
from bonag.plots.plot import Part, Plot
from bonag.plots.zoom import leave_out_the_far
from loops import metric_units
from loops.dominance import non_dominated
from loops.history import History
from loops.objective import Constraint, Objective
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Of the front at the beginning, at least.
_SEEN = 2 / 3


def pareto(
    history: History, objective: Objective, x: str, y: str, units: Mapping[str, str] = metric_units.NONE
) -> Plot:
    """The trials by two metrics, the front of the two among the feasible ones, and where constraints bound them.

    Whether a metric's front is at its large or its small values is the objective's to say, then a constraint's, then
    its name's; where none tells, there is no front. A mark has its trial's index as customdata.
    """
    trials = [trial for trial in history.completed if np.isfinite(column([trial], x) + column([trial], y)).all()]
    xs, ys = column(trials, x), column(trials, y)
    if not trials:
        why = why_empty(history)
        both = f"no trial has both {x} and {y}" if history.completed else why
        return empty(notation.title(x, xs, units), notation.title(y, ys, units), both)
    figure = canvas(notation.title(x, xs, units), notation.title(y, ys, units))
    met = feasible(trials, objective)
    front = front_of(xs, ys, met, better_sign(x, objective), better_sign(y, objective))
    known = {x: metric_units.unit(x, xs, units), y: metric_units.unit(y, ys, units)}
    hover = "<br>".join(
        _value(metric, axis, values, known[metric]) for metric, axis, values in ((x, "x", xs), (y, "y", ys))
    )
    size = mark_size(len(trials))
    looks: dict[str, tuple[np.ndarray, Part]] = {
        "infeasible": (~met, {"color": INFEASIBLE, "symbol": "circle-open", "size": size, "opacity": 0.6}),
        "feasible" if objective.constraints else "trials": (
            met & ~front,
            {"color": TRIAL, "size": size, "opacity": 0.75},
        ),
        "front": (front, {"color": FRONT, "symbol": "diamond", "size": 10}),
    }
    for constraint in objective.constraints:
        _bound(figure, constraint, {x: "x", y: "y"}, known)
    _region(figure, objective.constraints, {x: xs, y: ys})
    for axis, metric, values in (("x", x, xs), ("y", y, ys)):
        sign = better_sign(metric, objective)
        if sign is not None:
            # The cheapest network is on the front even where it is a dead one.
            leave_out_the_far(figure, values, sign, front, _SEEN, axis)
    if front.any():
        figure.add_trace(_edge(xs[front], ys[front], better_sign(x, objective), better_sign(y, objective)))
    for name, (which, marker) in looks.items():
        chosen = [trials[i] for i in np.flatnonzero(which)]
        if chosen:
            figure.add_trace(dots(chosen, xs[which], ys[which], name, hover, marker))
    text = f"{y} against {x} of {notation.count(len(trials), 'trial')}"
    parts = [f"{notation.count(int(front.sum()), 'trial')} on the front"] if front.any() else []
    parts += [f"{(~met).sum():,} infeasible"] if not met.all() else []
    return Plot(figure, f"{text}: {', '.join(parts)}." if parts else f"{text}.")


def pareto_metrics(
    histories: Sequence[History], objective: Objective, x: str | None = None, y: str | None = None
) -> tuple[str, str]:
    """The metrics to draw, x and y: those asked for, else the second and the first of the objective.

    Raises UserError for a metric that no trial has, and where the objective has too few to choose from.
    """
    measured = {name for history in histories for trial in history.completed for name in trial.metrics}
    for name in (x, y):
        if name is not None and name not in measured.union(objective.metrics):
            raise UserError(f"no trial has a metric '{name}': {suggestion(name, sorted(measured))}")
    names = [name for name in objective.metrics if name not in (x, y)]
    y = y or (names.pop(0) if names else None)
    x = x or (names.pop(0) if names else None)
    if x is None or y is None:
        others = sorted(measured - set(objective.metrics))
        raise UserError(f"the objective {objective} has one metric only; choose another as x: {', '.join(others)}")
    return x, y


def better_sign(metric: str, objective: Objective) -> float | None:
    """+1 where larger values of the metric are better, -1 where smaller ones are, None where nothing tells."""
    return objective.signs.get(metric, notation.direction(metric))


def front_of(xs: np.ndarray, ys: np.ndarray, met: np.ndarray, x_sign: float | None, y_sign: float | None) -> np.ndarray:
    """Which of the n points meet the constraints and are dominated by no other that does: (n,) bool."""
    front = np.zeros(len(xs), dtype=bool)
    if x_sign is not None and y_sign is not None and met.any():
        rows = np.flatnonzero(met)
        front[rows[non_dominated(np.stack([x_sign * xs[rows], y_sign * ys[rows]], axis=1))]] = True
    return front


def edge_order(xs: np.ndarray, ys: np.ndarray, y_sign: float) -> np.ndarray:
    """The order in which a front's points are joined: by x, and of equal ones the worse y first."""
    return np.lexsort((y_sign * ys, xs))


def _edge(xs: np.ndarray, ys: np.ndarray, x_sign: float | None, y_sign: float | None) -> Part:
    """The border of what the front dominates: it steps so that it never runs through better values."""
    order = edge_order(xs, ys, y_sign or 1.0)
    shape = "hv" if x_sign == -1 else "vh"
    line = {"color": FRONT, "width": 1.5, "shape": shape}
    return {
        "type": "scatter", "mode": "lines", "x": xs[order], "y": ys[order], "line": line, "hoverinfo": "skip",
        "showlegend": False, "name": "front",
    }  # fmt: skip


def _value(metric: str, axis: str, values: np.ndarray, unit: str) -> str:
    return f"{notation.escape(metric)} %{{{axis}:{notation.hover_format(values)}}} {unit}"


def _bound(figure: go.Figure, constraint: Constraint, axes: Mapping[str, str], units: Mapping[str, str]) -> None:
    if constraint.metric not in axes:
        return
    line = {"color": FEASIBLE_REGION, "width": 1.5, "dash": "dash"}
    relation = {"<=": "≤", ">=": "≥"}[constraint.relation]
    text = f"{relation} {notation.number(constraint.bound, units[constraint.metric])}"
    if axes[constraint.metric] == "x":
        figure.add_vline(constraint.bound, line=line, annotation={"text": text, "font": {"size": 11}})
    else:
        figure.add_hline(constraint.bound, line=line, annotation={"text": text, "font": {"size": 11}})


def _region(figure: go.Figure, constraints: tuple[Constraint, ...], values: dict[str, np.ndarray]) -> None:
    """Shade where both metrics keep their bounds, as far as the axes go."""
    if not any(constraint.metric in values for constraint in constraints):
        return
    corners: dict[str, float | str] = {}
    for axis, (metric, numbers) in zip("xy", values.items(), strict=False):
        bounds = [constraint for constraint in constraints if constraint.metric == metric]
        known = np.append(numbers, [constraint.bound for constraint in bounds])
        room = 0.05 * float(np.ptp(known)) or 1.0
        low, high = float(known.min()) - room, float(known.max()) + room
        figure.update_layout({f"{axis}axis": {"range": [low, high]}})
        for constraint in bounds:
            low, high = (low, constraint.bound) if constraint.relation == "<=" else (constraint.bound, high)
        corners |= {f"{axis}0": low, f"{axis}1": high}
    if "y0" not in corners:
        corners |= {"yref": "paper", "y0": 0, "y1": 1}
    figure.add_shape(type="rect", layer="below", line_width=0, fillcolor=FEASIBLE_REGION, opacity=0.09, **corners)
