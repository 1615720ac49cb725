"""A run as the text of one HTML file."""

from __future__ import annotations

import base64
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

from bonag.plots.pareto import better_sign, pareto
from bonag.plots.progress import progress
from bonag.plots.seconds import seconds
from bonag.ui.app import templates
from bonag.ui.assets import ICON
from bonag.ui.belief import Belief, Subject
from bonag.ui.figures import Figure, draw
from bonag.ui.overview import overview_of
from bonag.ui.report.best import champions, top
from bonag.ui.report.inlining import own_script, plotly_script, policy, styles
from bonag.ui.report.portable import describe, portable, without_home
from bonag.ui.report.reproduction import reproduction
from bonag.ui.samples import Samples
from bonag.ui.source import View
from bonag.ui.trials import axes
from bonag.ui.trials.costs import with_costs
from bonag.ui.trials.table import csv_of, table_of

STYLES = ("style.css", "trial.css", "insight.css", "report.css")
FIRST, LATER = ("theme.js",), ("figures.js", "report.js")
# Metrics of the objective that are looked into; and trials, since a fit takes a time that grows with their cube.
MOST_METRICS, MOST_TRIALS = 3, 200
# Fronts of the first goal with others.
MOST_FRONTS = 3


def page(view: View, predictor: bool = True, tell: Callable[[str], None] = lambda text: None) -> str:
    """The report, which loads nothing and tells nothing of the machine's own paths.

    predictor: whether to compute what the run's predictor knows and what guidance makes of the generator's samples,
    which takes PyTorch and up to minutes. tell: gets a line before each thing that takes long.
    """
    # Of the run as it was read, since its evaluator is asked.
    samples = sample(view, tell) if predictor else None
    view = portable(view)
    first, later = ([own_script(name) for name in names] for names in (FIRST, LATER))
    plotly = plotly_script()
    return (
        templates()
        .env.get_template("report.html")
        .render(
            **_content(view),
            beliefs=beliefs(view, tell) if predictor else None,
            unlooked=view.objective.metrics[MOST_METRICS:],
            samples=samples,
            now=time.time(),
            icon="data:image/svg+xml;base64," + base64.b64encode(ICON.encode()).decode(),
            policy=policy(*first, plotly, *later),
            styles=styles(*STYLES),
            first=[script.text for script in first],
            plotly=plotly.text,
            later=[script.text for script in later],
        )
    )


def _content(view: View) -> dict[str, object]:
    history, overview, table = view.history, overview_of(view), table_of(view)
    timed = any(t.proposal_seconds is not None or t.evaluation_seconds is not None for t in history)
    return {
        "view": view,
        "summary": view.summary,
        "overview": overview,
        "champions": champions(view, overview.best),
        "top": top(view),
        "progress": draw(progress, history, view.objective),
        "seconds": draw(seconds, history) if timed else None,
        "fronts": _fronts(view),
        "table": table,
        "states": [state for state in table.states if any(row.is_in(state) for row in table.rows)],
        "csv": json.dumps(csv_of(view), ensure_ascii=False),
        "reproduction": reproduction(view),
    }


def _fronts(view: View) -> list[tuple[Figure, str]]:
    """The first goal against the others, or a single one against what it costs; none where there is but one metric."""
    history, objective = with_costs(view), view.objective
    x, y = axes.default(axes.metrics(history, objective), objective)
    xs = [goal.metric for goal in objective.goals[1:]] or [x]
    return [
        (draw(pareto, history, objective, x, y), _directions(view, x, y))
        for x in xs[:MOST_FRONTS]
        if x != y and any(x in trial.metrics and y in trial.metrics for trial in history.completed)
    ]


def _directions(view: View, x: str, y: str) -> str:
    signs = {metric: better_sign(metric, view.objective) for metric in (y, x)}
    words = ", ".join(f"{'larger' if sign > 0 else 'smaller'} {name} is better" for name, sign in signs.items() if sign)
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def beliefs(view: View, tell: Callable[[str], None] = lambda text: None) -> list[Belief]:
    """What is known of each of the objective's first metrics; one whose predictor fails is there with the reason."""
    found = []
    for subject in (Subject.of(view, metric) for metric in view.objective.metrics[:MOST_METRICS]):
        if subject.reason is None:
            tell(f"fitting the predictor of {subject.metric} on held-out trials (--no-predictor leaves that out)")
        found.append(_belief(subject))
    return found if view.space is not None else found[:1]


def _belief(subject: Subject) -> Belief:
    if subject.reason is not None:
        return Belief(subject, reason=subject.reason)
    try:
        with warnings.catch_warnings():
            # The fits of some folds are hard, and say so.
            warnings.simplefilter("ignore")
            return Belief.compute(subject, MOST_TRIALS)
    except Exception as error:  # a report without this part is better than none
        return Belief(subject, reason=f"The predictor could not be fitted: {describe(error)}")


def sample(view: View, tell: Callable[[str], None] = lambda text: None) -> Samples:
    """What guidance made of the generator's samples."""
    samples = Samples.of(view)
    if samples.reason is not None:
        return samples
    tell("drawing samples for some steps of the run (--no-predictor leaves that out)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = Samples.compute(view)
    except Exception as error:
        return replace(samples, reason=f"Nothing could be generated: {describe(error)}")
    assert found.result is not None
    problem = None if found.result.problem is None else without_home(found.result.problem)
    return replace(found, result=replace(found.result, problem=problem))
