"""What was measured beside what was published."""

from __future__ import annotations

import pandas as pd

from bonag.bench.paper.benchmarks import BENCHMARKS
from bonag.bench.paper.published import PUBLISHED, Published

COSTS = ("labels", "queries")
TITLES = {benchmark.space: benchmark.title for benchmark in BENCHMARKS}
COLUMNS = (
    "protocol", "benchmark", "setting", "figure", "bonag", "low", "high", "seeds", "labels", "queries",
    "published", "published labels", "published queries", "by",
)  # fmt: skip


def paper_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a figure, with ``COLUMNS``: median and quartiles over seeds, what they cost, and the published figure.

    rows: of blocks, as ``generator_rows.COLUMNS``. Where nothing was published those cells are empty.
    """
    found = []
    for (protocol, space, setting), block in rows.groupby(["table", "space", "setting"], sort=False):
        costs = {name: _cost(block, name) for name in COSTS}
        for row in block[~block["figure"].isin(COSTS)].itertuples():
            other = _published(str(protocol), str(space), str(setting), str(row.figure))
            found.append(
                (protocol, TITLES[str(space)], setting, row.figure, row.value, row.low, row.high, row.seeds)
                + (costs["labels"], costs["queries"])
                + ((other.value, other.labels, other.queries, other.by) if other else (None, None, None, ""))
            )
    table = pd.DataFrame(found, columns=list(COLUMNS))
    whole = ["labels", "queries", "published labels", "published queries"]
    return table.astype({name: "Int64" for name in whole} | {"published": "float64"})


def table_text(table: pd.DataFrame) -> str:
    """The table in Markdown, a heading a protocol."""
    parts = []
    for protocol, of_protocol in table.groupby("protocol", sort=False):
        shown = of_protocol.drop(columns=["protocol"])
        lines = ["| " + " | ".join(shown.columns) + " |", "|" + "---|" * len(shown.columns)]
        lines += ["| " + " | ".join(map(_cell, cells)) + " |" for cells in shown.itertuples(index=False)]
        parts.append(f"## {str(protocol).capitalize()}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cost(block: pd.DataFrame, name: str) -> int | None:
    values = block.loc[block["figure"] == name, "value"]
    return round(float(values.iloc[0])) if len(values) else None


def _published(protocol: str, space: str, setting: str, figure: str) -> Published | None:
    for one in PUBLISHED:
        if (one.protocol, one.space, one.figure) == (protocol, space, figure) and one.setting in ("", setting):
            return one
    return None


def _cell(value: object) -> str:
    if value is pd.NA or value is None or value != value:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
