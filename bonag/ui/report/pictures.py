"""The figures of a report, as text that stands in its file."""

from __future__ import annotations

from dataclasses import dataclass

from bonag.plots.pareto import better_sign, pareto
from bonag.plots.plot import Plot
from bonag.plots.progress import progress
from bonag.plots.seconds import seconds
from bonag.ui.figures import figure_json
from bonag.ui.report.inlining import data_block
from bonag.ui.trials import axes
from bonag.ui.trials.costs import counted
from bonag.ui.view import View

# Fronts of the first goal with others.
MOST_FRONTS = 3


@dataclass(frozen=True)
class Picture:
    """json: the figure, safe inside a script block. summary: for those who do not see it. caption: below it."""

    json: str
    summary: str
    caption: str = ""

    @classmethod
    def of(cls, plot: Plot, caption: str = "") -> Picture:
        """The picture of a plot."""
        return cls(data_block(figure_json(plot)), plot.summary, caption)


def progress_picture(view: View) -> Picture:
    """How it went."""
    return Picture.of(progress(view.history, view.objective))


def seconds_picture(view: View) -> Picture | None:
    """Where the time went, if that is known."""
    known = any(t.proposal_seconds is not None or t.evaluation_seconds is not None for t in view.history)
    return Picture.of(seconds(view.history)) if known else None


def front_pictures(view: View) -> list[Picture]:
    """The first goal against the others, or a single one against what it costs; none where there is but one metric."""
    history, objective = counted(view), view.objective
    if not history.completed:
        return []
    names = axes.metrics(history, objective)
    x, y = axes.default(names, objective)
    pairs = [(goal.metric, y) for goal in objective.goals[1:]] if len(objective.goals) > 1 else [(x, y)]
    return [
        Picture.of(pareto(history, objective, x, y), _directions(view, x, y))
        for x, y in pairs[:MOST_FRONTS]
        if x != y and any(x in trial.metrics and y in trial.metrics for trial in history.completed)
    ]


def _directions(view: View, x: str, y: str) -> str:
    told = [
        f"{'larger' if sign > 0 else 'smaller'} {metric} is better"
        for metric in (y, x)
        if (sign := better_sign(metric, view.objective)) is not None
    ]
    words = ", ".join(told)
    return f"{words[:1].upper()}{words[1:]}." if words else ""
