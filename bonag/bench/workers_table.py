"""The table of `bonag bench workers`: a row per strategy and number of workers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

RESAMPLES = 2000


def make_table(runs: pd.DataFrame, strategies: Sequence[str]) -> pd.DataFrame:
    """One row per strategy, in their order, and number of workers. runs: as ``workers_run.COLUMNS``.

    seeds; found: share that found the target; time: median until then, q1 and q3, infinite for who did not find it;
    speed-up: the median time of 1 worker over that; paired speed-up: the median of each seed's own; queries: median
    place of the trial that found it; queries ratio: that over the one of 1 worker; begun: median of all trials that
    were begun by then; idle: mean share; events: median number a unit of time; s/proposal: mean; slowest: the longest
    of all. low and high: 95 % of the bootstrap over seeds, the same ones for both numbers of a ratio.
    """
    rows = []
    for strategy in strategies:
        own = runs[runs["strategy"] == strategy]
        alone = own[own["workers"] == 1].set_index("seed")
        for workers, some in own.groupby("workers"):
            some = some.set_index("seed")
            time = _where_found(some, "time")
            low, high = np.quantile(time, [0.25, 0.75], method="higher").tolist()
            row: dict[str, object] = {"strategy": strategy, "workers": workers, "seeds": len(some)}
            row |= {"found": float(some["found"].mean()), "time": float(np.median(time)), "time q1": low}
            row["time q3"] = high
            common = alone.index.intersection(some.index)
            before, after = alone.loc[common], some.loc[common]
            row |= _ratio("speed-up", _where_found(before, "time"), _where_found(after, "time"))
            row["paired speed-up"] = _median_ratio(_where_found(before, "time"), _where_found(after, "time"))
            row["queries"] = float(np.median(_where_found(some, "queries")))
            row |= _ratio("queries ratio", _where_found(after, "queries"), _where_found(before, "queries"))
            row |= {"begun": float(some["begun"].median()), "idle": float(some["idle"].mean())}
            row |= {"events": float(some["events"].median()), "s/proposal": float(some["proposal_seconds"].mean())}
            row["slowest"] = float(some["slowest_proposal"].max())
            rows.append(row)
    return pd.DataFrame(rows)


def table_text(table: pd.DataFrame) -> str:
    """The table in Markdown, with what is between its quartiles or bounds in brackets."""
    cells = table[["strategy", "workers", "seeds"]].copy()
    cells["found"] = table["found"].map("{:.0%}".format)
    cells["time (quartiles)"] = _with(table, "time", "time q1", "time q3")
    cells["speed-up (95 %)"] = _with(table, "speed-up", "speed-up low", "speed-up high")
    cells["paired"] = table["paired speed-up"].map(_number)
    cells["queries"] = table["queries"].map(_number)
    cells["against 1 (95 %)"] = _with(table, "queries ratio", "queries ratio low", "queries ratio high")
    cells["begun"] = table["begun"].map(_number)
    cells["idle"] = table["idle"].map("{:.1%}".format)
    cells["events/unit"] = table["events"].map(_number)
    cells["s/proposal"] = table["s/proposal"].map("{:.2g}".format)
    return str(cells.to_markdown(index=False, disable_numparse=True))


def _where_found(runs: pd.DataFrame, column: str) -> np.ndarray:
    return np.where(runs["found"], runs[column], np.inf)


def _median_ratio(above: np.ndarray, below: np.ndarray) -> float:
    """The median of the ratios of paired values; nan where a pair has none."""
    with np.errstate(invalid="ignore"):
        return float(np.median(above / below)) if len(above) else np.nan


def _ratio(name: str, above: np.ndarray, below: np.ndarray) -> dict[str, object]:
    """The ratio of the medians of paired values, and where 95 % of the bootstrap's lie; nan where there is none."""
    if len(above) == 0:
        return dict.fromkeys((name, f"{name} low", f"{name} high"), np.nan)
    rows = np.random.default_rng(0).integers(len(above), size=(RESAMPLES, len(above)))
    with np.errstate(invalid="ignore"):
        middle = float(np.median(above) / np.median(below))
        drawn = np.median(above[rows], axis=1) / np.median(below[rows], axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975], method="nearest").tolist()
    return {name: middle, f"{name} low": low, f"{name} high": high}


def _with(table: pd.DataFrame, name: str, low: str, high: str) -> pd.Series:
    columns = (table[column].map(_number) for column in (name, low, high))
    return pd.Series([f"{middle} ({less} to {more})" for middle, less, more in zip(*columns, strict=True)])


def _number(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.3g}"
