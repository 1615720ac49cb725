"""What runs and their trials are in a notebook."""

from __future__ import annotations

from bonag.api.found import Findings, Found
from bonag.plots import notation
from bonag.plots.sparkline import sparkline
from bonag.record.reading import RunSnapshot
from loops.counting import count_words
from loops.metric_units import words
from loops.objective import Objective
from search_spaces.architecture import COUNTED
from search_spaces.drawing.notebook import card, code, columns, facts, heading, picture, small, table
from search_spaces.drawing.svg import Markup, element

# Trials in the table, and metrics of the objective that it shows.
_TOP, _METRICS = 5, 4


def result_card(result: Findings, run: RunSnapshot) -> Markup:
    """State, progress, the best trials, and a drawing of the best one."""
    config = run.config
    done = count_words(run.history, config.budget) + (f" ({run.reason})" if run.reason else "")
    parts = [heading(config.name, str(run.state), done), facts(_facts(result.objective, run), str(run.path))]
    best = result.best or result.nearest
    if best is not None:
        line = sparkline(result.history, result.objective)
        drawn = [] if line is None else [small(_progress_of(result)), line]
        shown = "best trial" if result.best else "nearest to the constraints"
        left = element("div", *drawn, _table(result))
        parts.append(columns(left, picture(result.space.draw(best.architecture), f"trial {best.trial}, {shown}")))
    return card(*parts)


def found_card(found: Found) -> Markup:
    """A trial with its metrics and the drawing of its architecture."""
    counts = {name: cost for name in COUNTED if (cost := getattr(found, name)) is not None}
    told = [words(name, value) for name, value in {**found.metrics, **counts}.items()]
    return card(
        heading(f"trial {found.trial}", found.space.name, " · ".join(told)),
        facts(code(str(found.architecture))),
        picture(found.space.draw(found.architecture)),
    )


def _facts(objective: Objective, run: RunSnapshot) -> str:
    config = run.config
    what = [part for part in (config.space, config.evaluator, config.task) if part]
    return " · ".join([*what, str(objective), f"strategy {config.strategy}", f"seed {config.seed}"])


def _progress_of(result: Findings) -> str:
    if len(result.objective.goals) > 1:
        return f"front of {notation.count(len(result.front), 'trial')}; dominated share of the hypervolume"
    return f"best {result.objective.goal.metric} so far"


def _table(result: Findings) -> Markup:
    found = result.top(_TOP)
    lines = []
    if not found and result.nearest is not None:
        lines = [small(f"no trial meets {', '.join(map(str, result.objective.constraints))}; the nearest:")]
        found = [result.nearest]
    metrics = [name for name in result.objective.metrics if name not in COUNTED][:_METRICS]
    names = ["trial", *metrics, "params", "MACs", "architecture"]
    return element("div", *lines, table(names, [_row(one, metrics) for one in found], left=("architecture",)))


def _row(found: Found, metrics: list[str]) -> list[str]:
    values = [notation.number(found.metrics[name], digits=6) for name in metrics]
    costs = ["" if cost is None else f"{cost:,}" for cost in (found.params, found.macs)]
    # Shortened it is escaped already.
    name = code(Markup(notation.short(found.architecture)), title=str(found.architecture))
    return [f"{found.trial:,}", *values, *costs, name]
