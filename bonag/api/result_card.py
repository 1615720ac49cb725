"""A result in a notebook: light, and in the notebook's own colours."""

from __future__ import annotations

from bonag.api.found import Findings, Found
from bonag.plots import notation
from bonag.plots.sparkline import sparkline
from bonag.record.reading import RunSnapshot
from loops.counting import count_words
from loops.objective import Objective
from search_spaces.architecture import COUNTED
from search_spaces.drawing.svg import Markup, element

# Trials in the table, and metrics of the objective that it shows.
_TOP, _METRICS = 5, 4
_LINE = "1px solid rgba(128,128,128,.35)"
_FAINT = "opacity:.75"


def result_card(result: Findings, run: RunSnapshot) -> Markup:
    """State, progress, the best trials, and a drawing of the best one; every text in it is escaped."""
    parts = [
        _head(run),
        element("div", *_facts(result.objective, run), style=f"{_FAINT};font-size:.92em;margin:.15em 0 .6em"),
    ]
    best = result.best or result.nearest
    if best is not None:
        line = sparkline(result.history, result.objective)
        left = [] if line is None else [element("div", _small(_progress_of(result)), line, style="margin-bottom:.5em")]
        left.append(_table(result))
        shown = "best trial" if result.best else "nearest to the constraints"
        picture = element(
            "div",
            _small(f"trial {best.trial}, {shown}"),
            element("div", result.space.draw(best.architecture), style="overflow-x:auto"),
            style="flex:1 1 280px;min-width:0;max-width:560px",
        )
        columns = [element("div", *left, style="flex:1 1 320px;min-width:0"), picture]
        parts.append(element("div", *columns, style="display:flex;flex-wrap:wrap;gap:1.2em;align-items:flex-start"))
    outside = f"border:{_LINE};border-radius:8px;padding:.8em 1em;max-width:1100px;color:inherit;text-align:left"
    return element("div", *parts, style=outside)


def _head(run: RunSnapshot) -> Markup:
    pill = f"border:{_LINE};border-radius:1em;padding:.05em .6em;font-size:.85em;margin:0 .6em"
    return element(
        "div",
        element("strong", run.config.name, style="font-size:1.1em"),
        element("span", str(run.state), style=pill),
        element("span", count_words(run.history, run.config.budget) + (f" ({run.reason})" if run.reason else "")),
    )


def _facts(objective: Objective, run: RunSnapshot) -> list[str]:
    config = run.config
    what = " · ".join(part for part in (config.space, config.evaluator, config.task) if part)
    facts = [what, str(objective), f"strategy {config.strategy}", f"seed {config.seed}"]
    return [" · ".join(facts), element("br"), str(run.path)]


def _progress_of(result: Findings) -> str:
    if len(result.objective.goals) > 1:
        return f"front of {notation.count(len(result.front), 'trial')}; dominated share of the hypervolume"
    return f"best {result.objective.goal.metric} so far"


def _table(result: Findings) -> Markup:
    found = result.top(_TOP)
    heading = "" if found else f"no trial meets {', '.join(map(str, result.objective.constraints))}; the nearest:"
    if not found and result.nearest is not None:
        found = [result.nearest]
    metrics = [name for name in result.objective.metrics if name not in COUNTED][:_METRICS]
    names = ["trial", *metrics, "params", "MACs", "architecture"]
    head = element("tr", *(element("th", name, scope="col", style=_cell(name)) for name in names))
    rows = [_row(one, metrics) for one in found]
    table = element(
        "table",
        element("thead", head),
        element("tbody", *rows),
        style="border-collapse:collapse;font-size:.92em;background:transparent;color:inherit",
    )
    words = [_small(heading)] if heading else []
    return element("div", *words, table, style="overflow-x:auto")


def _row(found: Found, metrics: list[str]) -> Markup:
    cells = {"trial": f"{found.trial:,}"}
    cells |= {name: notation.number(found.metrics[name], digits=6) for name in metrics}
    costs = {"params": found.params, "MACs": found.macs}
    cells |= {name: "" if cost is None else f"{cost:,}" for name, cost in costs.items()}
    shown = [element("td", text, style=_cell(name)) for name, text in cells.items()]
    # Shortened it is escaped already.
    name = element("code", Markup(notation.short(found.architecture)), style="background:transparent;color:inherit")
    return element("tr", *shown, element("td", name, style=_cell("architecture"), title=str(found.architecture)))


def _cell(name: str) -> str:
    side = "left" if name == "architecture" else "right"
    return f"text-align:{side};padding:.2em .6em;border-bottom:{_LINE};white-space:nowrap"


def _small(words: str) -> Markup:
    return element("div", words, style=f"{_FAINT};font-size:.85em;margin-bottom:.2em")
