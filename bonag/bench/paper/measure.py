"""``bonag bench paper``: measure, and write the table and the figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from bonag.bench.generator_lab import Lab
from bonag.bench.generator_rows import read_rows, run_blocks
from bonag.bench.paper.figure import draw
from bonag.bench.paper.protocols import PROTOCOLS, Settings, blocks_of
from bonag.bench.paper.table import paper_table, table_text
from bonag.whole_file import whole_file
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

ROWS_FILE, TABLE_FILE, TEXT_FILE, FIGURE_FILE = "rows.csv", "table.csv", "table.md", "figure.svg"


def measure(
    folder: Path,
    settings: Settings,
    protocols: Sequence[str] = tuple(PROTOCOLS),
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """The table of both papers' protocols, as ``table.paper_table``, which is written to the folder too.

    resume: keep what is measured there. say: takes a line about every part. One thread. Raises UserError.
    """
    for name in protocols:
        if name not in PROTOCOLS:
            raise UserError(f"unknown protocol '{name}': {suggestion(name, list(PROTOCOLS))}")
    path = folder / ROWS_FILE
    if path.exists() and not resume:
        raise UserError(f"{path} holds measurements: go on with them by --resume, or delete it")
    rows = read_rows(path)
    blocks, left_out = blocks_of(settings, Lab(settings.data), protocols)
    for line in left_out:
        say(line)
    if not blocks:
        raise UserError("nothing can be measured here: see the lines above for what is missing")
    folder.mkdir(parents=True, exist_ok=True)
    rows = run_blocks(blocks, path, rows, say)
    table = paper_table(rows)
    with whole_file(folder / TABLE_FILE) as file:
        table.to_csv(file, index=False, float_format="%.6g")
    with whole_file(folder / TEXT_FILE) as file:
        file.write_text(table_text(table))
    draw(table, folder / FIGURE_FILE)
    return table
