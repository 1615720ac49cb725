"""A run as one file that opens anywhere, without a server or a network; it appears whole or not at all."""

from __future__ import annotations

import base64
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bonag.plots.pareto import better_sign, pareto
from bonag.plots.progress import progress
from bonag.plots.seconds import seconds
from bonag.ui.app import templates
from bonag.ui.assets import ICON, inline_plotly, inline_script, policy, styles
from bonag.ui.belief import Belief, Subject
from bonag.ui.commands import reproduction
from bonag.ui.figures import Figure, draw
from bonag.ui.overview import champions, overview_of, top
from bonag.ui.portable import describe, portable, without_home
from bonag.ui.samples import Samples
from bonag.ui.source import Source, View
from bonag.ui.trials import fronts
from bonag.ui.trials.fronts import with_costs
from bonag.ui.trials.table import csv_of, table_of
from bonag.whole_file import whole_file
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

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
    first, later = ([inline_script(name) for name in names] for names in (FIRST, LATER))
    plotly = inline_plotly()
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
        "progress": draw(progress, history, view.objective, view.units),
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
    x, y = fronts.default(fronts.metrics(history, objective), objective)
    xs = [goal.metric for goal in objective.goals[1:]] or [x]
    return [
        (draw(pareto, history, objective, x, y, view.units), _directions(view, x, y))
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


ENDINGS = (".html", ".htm")


@dataclass(frozen=True)
class Written:
    """name: of the experiment. size: of the file, in bytes."""

    name: str
    trials: int
    size: int


def choose_run(source: Source, name: str | None = None) -> str:
    """The key of the experiment of this name, or of the only one; raises UserError where that is none, or many."""
    if source.single is not None and name is None:
        return source.single
    found = source.summaries()
    if name is None:
        if len(found) == 1:
            return found[0].key
        if not found:
            raise UserError("there is no run, and no other experiment")
        names = ", ".join(one.name for one in found[:3]) + (", ..." if len(found) > 3 else "")
        raise UserError(f"there are {len(found)} experiments ({names}): choose one by --name")
    # A folder may hold two of the same name in different folders below it; their keys differ.
    named = [one.key for one in found if name in (one.name, one.key)]
    if len(named) > 1:
        keys = ", ".join(named[:3])
        raise UserError(f"{len(named)} experiments are named '{name}': choose one by --name and its key ({keys})")
    if not named:
        raise UserError(f"there is no experiment '{name}': {suggestion(name, [one.name for one in found])}")
    return named[0]


def write_report(
    source: Source,
    key: str,
    path: Path,
    predictor: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> Written:
    """Write the report of an experiment; a file that is there already is replaced.

    predictor, tell: see ``page``. Raises UnknownKeyError, or UserError if the experiment cannot be read or the file
    cannot be written, which is found out before anything is computed.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path} must end in one of {', '.join(ENDINGS)}")
    view = source.view(key)
    try:
        with whole_file(path) as temporary:
            content = page(view, predictor, tell).encode()
            temporary.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror or error}") from error
    return Written(view.summary.name, len(view.history), len(content))
