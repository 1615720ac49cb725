"""A run as the text of one HTML file."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

from bonag.ui.app import templates
from bonag.ui.assets import ICON
from bonag.ui.report.belief import MOST_METRICS, Belief, beliefs
from bonag.ui.report.best import champions, top
from bonag.ui.report.guided import guided
from bonag.ui.report.inlining import as_json, data_block, own_script, plotly_script, policy, styles
from bonag.ui.report.pictures import front_pictures, progress_picture, seconds_picture
from bonag.ui.report.portable import portable
from bonag.ui.report.reproduction import reproduction
from bonag.ui.report.table import table
from bonag.ui.trials.axes import metrics
from bonag.ui.view import View
from loops.history import TrialStatus

STYLES = ("style.css", "trial.css", "insight.css", "report.css")
FIRST, LATER = ("theme.js",), ("figures.js", "report.js")


def page(view: View, predictor: bool = True, tell: Callable[[str], None] = lambda text: None) -> str:
    """The report, which loads nothing and tells nothing of the machine's own paths.

    predictor: whether to compute what the run's predictor knows and what guidance makes of the generator's samples,
    which takes PyTorch and up to minutes. tell: gets a line before each thing that takes long.
    """
    made = None if not predictor else guided(view, tell)
    view = portable(view)
    now = time.time()
    first, later = ([own_script(name) for name in names] for names in (FIRST, LATER))
    plotly = plotly_script()
    template = templates().env.get_template("report.html")
    return template.render(
        **_content(view, beliefs(view, tell) if predictor else None),
        made=made,
        now=now,
        icon="data:image/svg+xml;base64," + base64.b64encode(ICON.encode()).decode(),
        policy=policy(*first, plotly, *later),
        styles=styles(*STYLES),
        first=[script.text for script in first],
        plotly=plotly.text,
        later=[script.text for script in later],
    )


def _content(view: View, believed: list[Belief] | None) -> dict[str, Any]:
    history, objective = view.history, view.objective
    completed = history.completed
    trials = table(view)
    return {
        "view": view,
        "summary": view.summary,
        "counts": {status: sum(trial.status is status for trial in history) for status in TrialStatus},
        "feasible": int(objective.feasible(history).sum()) if objective.constraints else len(completed),
        "champions": champions(view),
        "top": top(view),
        "progress": progress_picture(view),
        "seconds": seconds_picture(view),
        "fronts": front_pictures(view),
        "beliefs": believed,
        "unlooked": objective.metrics[MOST_METRICS:],
        "table": trials,
        "csv": data_block(as_json(trials.csv)),
        "measured": metrics(history, objective),
        "reproduction": reproduction(view),
        "proposals": sum(trial.proposal_seconds or 0.0 for trial in history),
        "evaluations": sum(trial.evaluation_seconds or 0.0 for trial in history),
    }
