"""How results are put into words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from loops.counting import count_words
from loops.metric_units import units_of, words
from search_spaces.architecture import COUNTED

if TYPE_CHECKING:
    from bonag.api.found import Found
    from bonag.api.result import Result

DEFAULT_OUT = Path("results")
# Metrics shown to people; a table of latencies has dozens.
SHOWN = 4
# Letters of what is said of an evaluator where nobody asked.
BRIEF = 100


def brief(description: str) -> str:
    """What an evaluator's numbers are, in one line: how its description begins."""
    return shorten(re.split(r"[.:;](?= |$)", description, maxsplit=1)[0], BRIEF, placeholder=" ...")


def run_argument(path: Path) -> str:
    """What to type for this run: its name where that is enough, else its folder."""
    return path.name if path.parent == DEFAULT_OUT else str(path)


def found_json(found: Found) -> dict[str, Any]:
    """A trial with its costs, for ``--json``."""
    return {
        "trial": found.trial,
        "architecture": str(found.architecture),
        "metrics": dict(found.metrics),
        "params": found.params,
        "macs": found.macs,
    }


def found_lines(found: Found, objective: Sequence[str], declared: Mapping[str, str]) -> list[str]:
    """A trial with its costs, which come last, for people; the other metrics of the objective come first.

    declared: the units that the evaluator declares.
    """
    measured = [name for name in (*objective, *found.metrics) if name not in COUNTED]
    names, shown = list(dict.fromkeys(measured)), max(SHOWN, len(objective))
    units = units_of(found.metrics, declared)
    metrics = [words(name, found.metrics[name], units=units) for name in names]
    if len(metrics) > shown:
        metrics[shown:] = [f"{len(metrics) - shown} more metrics (--json)"]
    counts = {name: getattr(found, name) for name in COUNTED}
    costs = [words(name, value) for name, value in counts.items() if value is not None]
    return [
        f"trial {found.trial}: {', '.join([*metrics, *costs])}",
        f"  {found.architecture}",
    ]


def summary_lines(result: Result) -> list[str]:
    """How the run stands, and its best trial, or how far the front goes."""
    counts = count_words(result.history, result.config.budget)
    lines = [f"{result.state}: {counts}" + (f" ({result.reason})" if result.reason else "")]
    lines += [f"learned from {source}" for source in result.sources]
    goals = result.objective.goals
    if result.best is not None and len(goals) > 1:
        ends = ((goal.metric, [found.metrics[goal.metric] for found in result.front]) for goal in goals)
        spans = ", ".join(words(name, min(values), max(values), units=result.units) for name, values in ends)
        lines += [f"front of {len(result.front)} trials: {spans}"]
    elif result.best is not None:
        first, second = found_lines(result.best, result.objective.metrics, result.units)
        lines += [f"best {first}", second]
    return lines + nearest_lines(result)


def nearest_lines(result: Result) -> list[str]:
    """While no trial meets the constraints: that this is so, and which one comes nearest."""
    if result.nearest is None:
        return []
    first, second = found_lines(result.nearest, result.objective.metrics, result.units)
    bounds = ", ".join(map(str, result.objective.constraints))
    return [f"no trial meets {bounds}; the nearest is {first}", second]
