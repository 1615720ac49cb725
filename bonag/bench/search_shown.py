"""The table of a contest as text: a column per strategy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

Row = Any


def shown(made: pd.DataFrame) -> str:
    """As ``search_table.table`` made it; medians over seeds, with the quartiles of what decides."""
    bests = [name for name in map(str, made) if name.startswith("best@") and name.removeprefix("best@").isdecimal()]
    queries = next(name for name in map(str, made) if name.startswith("queries to ") and not name.endswith("of seeds"))
    cells: dict[str, Callable[[Row], str]] = {"seeds": lambda row: str(row["seeds"])}
    for best in bests:
        cells[best] = lambda row, best=best: _number(row[best])  # type: ignore[misc]
    cells |= {
        f"{bests[-1]} quartiles": lambda row: _quartiles(row, bests[-1]),
        queries: lambda row: _number(row[queries]),
        f"{queries}, 90 % of seeds": lambda row: _number(row[f"{queries}, 90 % of seeds"]),
        "reached": lambda row: f"{row['reached']:.0%}",
        "area under regret": lambda row: _number(row["area"]),
        "area quartiles": lambda row: _quartiles(row, "area"),
    }
    for tested in ("area", bests[-1], queries):
        cells[f"p {tested}"] = lambda row, name=f"p {tested}": _p(row[name], row[f"{name} sign"])  # type: ignore[misc]
    cells |= {
        "s/query near 100": lambda row: _number(row["s/query near 100"], 2),
        "s/query": lambda row: _number(row["s/query"], 2),
        "peak MB": lambda row: _number(row["peak MB"], 3),
        "labels": lambda row: str(row["labels"]),
    }
    rows = made.to_dict("records")
    text = pd.DataFrame({row["strategy"]: [cell(row) for cell in cells.values()] for row in rows}, index=list(cells))
    first = made.iloc[0]
    head = (
        f"{first['measure']}, best {_number(first['best'])} ({first['best is']})\n"
        f"p against {first['reference']}: + where it is better, - where it is worse"
    )
    return f"{head}\n{text.to_string()}"


def _number(value: float, digits: int = 6) -> str:
    if math.isnan(value):
        return ""
    return "-" if math.isinf(value) else f"{value:.{digits}g}"


def _quartiles(row: Row, name: str) -> str:
    return f"{row[f'{name} q1']:.5g}..{row[f'{name} q3']:.5g}"


def _p(value: float, sign: str) -> str:
    return "" if math.isnan(value) else f"{value:.1g} {sign}"
