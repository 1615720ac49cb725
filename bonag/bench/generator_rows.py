"""Blocks of measurements, and the table that they fill: one row per figure, with the bar that it must clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bonag.whole_file import whole_file
from search_spaces.errors import UserError

KEY = ("table", "space", "generator", "method", "setting")
COLUMNS = (*KEY, "figure", "value", "low", "high", "seeds", "bar")


@dataclass(frozen=True)
class Block:
    """One thing that is measured, once per seed.

    table, space, generator, method, setting: what it is, and what names its rows. measure: the number of a seed, and
    its stream of random numbers -> figures by name. seeds: how many. bars: of figures, such as ``<=0.03``.
    """

    table: str
    space: str
    generator: str
    method: str
    setting: str
    measure: Callable[[int, np.random.Generator], Mapping[str, float]] = field(compare=False)
    seeds: int = 1
    bars: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> tuple[str, ...]:
        """What names its rows, in the order of ``KEY``."""
        return self.table, self.space, self.generator, self.method, self.setting

    def rows(self) -> pd.DataFrame:
        """Measure: the median over the seeds of every figure, and the quartiles."""
        found = [self.measure(seed, stream(*self.key, seed=seed)) for seed in range(self.seeds)]
        rows = []
        for name in found[0]:
            low, middle, high = np.quantile([figures[name] for figures in found], [0.25, 0.5, 0.75]).tolist()
            rows.append((*self.key, name, middle, low, high, self.seeds, self.bars.get(name, "")))
        return pd.DataFrame(rows, columns=list(COLUMNS))


def stream(*names: str, seed: int) -> np.random.Generator:
    """The random numbers of one thing and one seed: a pure function of both, so each can be measured again alone."""
    digest = blake2b("/".join(names).encode(), digest_size=8).digest()
    return np.random.default_rng(np.random.SeedSequence([int.from_bytes(digest, "little"), seed]))


def run_blocks(
    blocks: Sequence[Block], path: Path, rows: pd.DataFrame, say: Callable[[str], None] = lambda line: None
) -> pd.DataFrame:
    """Measure the blocks that ``rows`` lacks; after each, all rows are written to the CSV file. Returns them.

    On one thread.
    """
    waiting = [block for block in blocks if not _is_measured(block, rows)]
    if len(waiting) < len(blocks):
        rows = _with_bars(blocks, rows)
        write_rows(path, rows)
        say(f"{len(blocks) - len(waiting)} of {len(blocks)} blocks are in {path}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for number, block in enumerate(waiting, start=1):
            old = rows[~_of(block, rows)]
            new = block.rows()
            rows = pd.concat([old, new], ignore_index=True) if len(old) else new
            write_rows(path, rows)
            say(f"{number} of {len(waiting)} blocks: {' '.join(part for part in block.key if part)}")
    finally:
        torch.set_num_threads(threads)
    return rows


def write_rows(path: Path, rows: pd.DataFrame) -> None:
    """Write the CSV file, whole or not at all."""
    with whole_file(path) as file:
        rows.to_csv(file, index=False, float_format="%.6g")


def read_rows(path: Path) -> pd.DataFrame:
    """The rows of a CSV file, none where there is no file; raises UserError for another kind of file."""
    if not path.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    text = dict.fromkeys((*KEY, "figure", "bar"), str)
    numbers = {name: [""] for name in ("value", "low", "high")}
    try:
        rows = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=numbers)
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a table of this benchmark: {error}") from None
    if tuple(rows.columns) != COLUMNS:
        raise UserError(f"{path} is not a table of this benchmark: its columns are not {', '.join(COLUMNS)}")
    return rows


def meets_bar(bar: str, value: float) -> str:
    """Whether a value clears its bar, ``yes`` or ``no``; nothing where there is none."""
    if not bar:
        return ""
    number = float(bar[2:])
    return "yes" if (value <= number if bar.startswith("<=") else value >= number) else "no"


def shown(rows: pd.DataFrame) -> str:
    """The tables as text, bars beside what was measured."""
    parts = []
    for table, of_table in rows.groupby("table", sort=False):
        columns = of_table.drop(columns=["table"])
        columns["cleared"] = [
            meets_bar(bar, value) for bar, value in zip(of_table["bar"], of_table["value"], strict=True)
        ]
        parts.append(f"{table}\n{columns.to_string(index=False, float_format=lambda value: f'{value:.4g}')}")
    return "\n\n".join(parts)


def _of(block: Block, rows: pd.DataFrame) -> np.ndarray:
    """(rows,) bool: which are of the block, with however many seeds."""
    named = [(rows[name] == part).to_numpy(dtype=bool) for name, part in zip(KEY, block.key, strict=True)]
    return np.logical_and.reduce(named)


def _with_bars(blocks: Sequence[Block], rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that were measured earlier, with the bars of today."""
    rows = rows.copy()
    for block in blocks:
        own = _of(block, rows)
        rows.loc[own, "bar"] = [block.bars.get(name, "") for name in rows.loc[own, "figure"]]
    return rows


def _is_measured(block: Block, rows: pd.DataFrame) -> bool:
    own = rows[_of(block, rows)]
    return len(own) > 0 and bool((own["seeds"] == block.seeds).all())
