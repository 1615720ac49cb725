"""The table of a contest as text: a column per strategy."""

from __future__ import annotations

import math

import pandas as pd


def table_text(table: pd.DataFrame) -> str:
    """As ``search_table.make_table`` made it; medians over seeds, with the quartiles of what decides."""
    bests = [name for name in map(str, table) if name.startswith("best@") and name.removeprefix("best@").isdecimal()]
    queries = next(name for name in map(str, table) if name.startswith("queries to ") and not name.endswith("of seeds"))
    cells = {
        "seeds": table["seeds"].map(str),
        **{best: table[best].map(_number) for best in bests},
        f"{bests[-1]} quartiles": _quartiles(table, bests[-1]),
        queries: table[queries].map(_number),
        f"{queries}, 90 % of seeds": table[f"{queries}, 90 % of seeds"].map(_number),
        "reached": table["reached"].map("{:.0%}".format),
        "area under regret": table["area"].map(_number),
        "area quartiles": _quartiles(table, "area"),
    }
    for tested in ("area", bests[-1], queries):
        pairs = zip(table[f"p {tested}"], table[f"p {tested} sign"], strict=True)
        cells[f"p {tested}"] = pd.Series(["" if math.isnan(p) else f"{p:.1g} {sign}" for p, sign in pairs])
    for name, digits in {"s/query near 100": 2, "s/query": 2, "peak MB": 3}.items():
        cells[name] = pd.Series([_number(value, digits) for value in table[name]])
    cells["labels"] = table["labels"].map(str)
    text = pd.DataFrame(cells).set_axis(table["strategy"].to_list()).T
    first = table.iloc[0]
    head = (
        f"{first['measure']}, best {_number(first['best'])} ({first['best is']})\n"
        f"p against {first['reference']}: + where it is better, - where it is worse"
    )
    return f"{head}\n{text.to_string()}"


def _number(value: float, digits: int = 6) -> str:
    if math.isnan(value):
        return ""
    return "-" if math.isinf(value) else f"{value:.{digits}g}"


def _quartiles(table: pd.DataFrame, name: str) -> pd.Series:
    return table[f"{name} q1"].map("{:.5g}".format) + ".." + table[f"{name} q3"].map("{:.5g}".format)
