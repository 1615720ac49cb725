"""How a search went, trial by trial."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty, note
from bonag.plots.curves import best_so_far, extent, volume_share
from bonag.plots.marks import STRIP_AXIS, dots, mark_size, steps, strip
from bonag.plots.measured import column, feasible, indices, values, why_empty, without_value
from bonag.plots.palette import BEST, INFEASIBLE, TRIAL
from bonag.plots.plot import Plot
from bonag.plots.zoom import leave_out_the_far
from loops import metric_units
from loops.history import History, Trial
from loops.objective import Objective


def progress(history: History, objective: Objective, units: Mapping[str, str] = metric_units.NONE) -> Plot:
    """Every trial's value and the best feasible one so far; those without a value are marked at the bottom.

    Of several goals: the share of the volume between the worst and the best values seen that the front so far
    dominates, with a mark where a trial joined the front. A trial's mark has its index as customdata.
    """
    return _front(history, objective) if len(objective.goals) > 1 else _single(history, objective, units)


def _single(history: History, objective: Objective, units: Mapping[str, str]) -> Plot:
    metric = objective.goal.metric
    drawn = [trial for trial in history.completed if np.isfinite(trial.metrics.get(metric, np.nan))]
    numbers = column(drawn, metric)
    y_title = notation.title(metric, numbers, units)
    if not len(history):
        return empty("trial", y_title, why_empty(history))
    figure = canvas("trial", y_title, yaxis2=STRIP_AXIS)
    met = feasible(drawn, objective)
    shown, unit = notation.hover_format(numbers), metric_units.unit(metric, numbers, units)
    hover = f"{notation.escape(metric)} %{{y:{shown}}} {unit}"
    size = mark_size(len(drawn))
    marks = {
        "infeasible": (~met, {"color": INFEASIBLE, "symbol": "circle-open", "size": size, "opacity": 0.7}),
        "feasible" if objective.constraints else "trials": (met, {"color": TRIAL, "size": size, "opacity": 0.75}),
    }
    for name, (which, marker) in marks.items():
        chosen = [drawn[i] for i in np.flatnonzero(which)]
        if chosen:
            figure.add_trace(dots(chosen, indices(chosen), numbers[which], name, hover, marker))
    best = best_so_far(history, objective)
    if np.isfinite(best).any():
        line = {"color": BEST, "width": 2.5}
        figure.add_trace(
            steps(indices(history.trials), best, "best so far", f"trial %{{x:,}}: %{{y:{shown}}} {unit}", line)
        )
    missing = without_value(history, [metric])
    figure.add_traces(strip(missing))
    if not drawn:
        note(figure, why_empty(history), 0.5, 0.5, xanchor="center", yanchor="middle", font={"size": 14})
        figure.update_yaxes(range=[0, 1], showticklabels=False, selector={"title.text": y_title})
    else:
        leave_out_the_far(figure, numbers, objective.goal.sign)
    return Plot(figure, _summary(history, metric, best, unit, met, missing))


def _front(history: History, objective: Objective) -> Plot:
    y_title = "dominated share of hypervolume (%)"
    box = extent([history], objective)
    if box is None:
        return empty("trial", y_title, why_empty(history))
    figure = canvas("trial", y_title, yaxis2=STRIP_AXIS)
    share = 100 * volume_share(history, objective, box)
    line = {"color": BEST, "width": 2.5}
    figure.add_trace(steps(indices(history.trials), share, "dominated share", "trial %{x:,}: %{y:.2f} %", line))
    joined = np.flatnonzero(np.diff(share, prepend=0.0) > 0)
    if len(joined):
        trials: list[Trial] = [history.trials[i] for i in joined]
        marker = {"color": TRIAL, "size": 7}
        trace = dots(trials, indices(trials), share[joined], "enlarged the front", "%{y:.2f} % dominated", marker)
        trace["text"] = [_goals(trial, objective) for trial in trials]
        figure.add_trace(trace)
    goals = [goal.metric for goal in objective.goals]
    missing = without_value(history, goals)
    figure.add_traces(strip(missing))
    met = feasible(history.completed, objective)
    if not (met & np.isfinite(values(history.completed, objective)).all(axis=1)).any():
        note(figure, "no trial meets the constraints yet", 0.5, 0.5, xanchor="center", yanchor="middle")
    figure.update_layout(yaxis_rangemode="tozero")
    text = (
        f"Dominated share of the hypervolume over {notation.count(len(history), 'trial')}: {share[-1]:.1f} % at the end"
    )
    return Plot(figure, text + _rest(met, missing) + ".")


def _goals(trial: Trial, objective: Objective) -> str:
    names = [goal.metric for goal in objective.goals]
    lines = [f"{notation.escape(name)} {notation.number(trial.metrics[name])}" for name in names]
    return "<br>".join([*lines, notation.short(trial.architecture)])


def _summary(
    history: History, metric: str, best: np.ndarray, unit: str, met: np.ndarray, missing: dict[str, list[Trial]]
) -> str:
    text = f"{metric} of {notation.count(len(history), 'trial')}"
    if np.isfinite(best).any():
        last = best[-1]
        # The first that reached it.
        trial = history.trials[int(np.flatnonzero(best == last)[0])]
        text += f": the best so far is {notation.number(last, unit)}, of trial {trial.index}"
    elif len(met):
        text += ": none meets the constraints"
    return text + _rest(met, missing) + "."


def _rest(met: np.ndarray, missing: dict[str, list[Trial]]) -> str:
    parts = [f"{(~met).sum():,} infeasible"] if not met.all() else []
    parts += [f"{len(trials):,} {kind}" for kind, trials in missing.items()]
    return f"; {', '.join(parts)}" if parts else ""
