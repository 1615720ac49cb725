"""The generators' benchmark: speed, validity, distribution, guidance, and candidates for the search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from bonag.bench.figures import guidance_figure
from bonag.bench.generator_candidates import candidates_blocks
from bonag.bench.generator_distribution import distribution_blocks, novelty_blocks, validity_blocks
from bonag.bench.generator_guided import SPACE, conditional_devices, conditions_blocks, guided_blocks
from bonag.bench.generator_lab import Lab
from bonag.bench.generator_plan import TABLES, Plan
from bonag.bench.generator_rows import Block, read_rows, run_blocks, shown
from bonag.bench.generator_speed import sampling_blocks, training_blocks
from search_spaces.errors import UserError

__all__ = ["TABLES", "Plan", "blocks_of", "measure", "shown"]

ROWS_FILE, FIGURE_FILE = "generator.csv", "generator.svg"
# The blocks of a table for a space; in place of one that cannot be measured, what is left out and why.
MAKERS: dict[str, Callable[[Plan, Lab, str], Iterator[Block] | Iterator[Block | str]]] = {
    "sampling": sampling_blocks,
    "training": training_blocks,
    "validity": validity_blocks,
    "distribution": distribution_blocks,
    "guided": guided_blocks,
    "conditions": conditions_blocks,
    "novelty": novelty_blocks,
    "candidates": candidates_blocks,
}
# Their blocks begin by asking for an evaluator.
EVALUATED = ("sampling", "guided", "conditions", "candidates")


def blocks_of(plan: Plan, lab: Lab) -> tuple[list[Block], list[str]]:
    """All that the plan asks for, and a line for each part that is left out because its data is missing.

    Raises UserError where a generator is missing, or data in the folder that the user has named.
    """
    for space in plan.spaces:
        for family in plan.families:
            lab.generator(space, family)
    if plan.model is not None:
        if SPACE not in plan.spaces or "conditions" not in plan.tables:
            raise UserError(f"{plan.model} is for table 'conditions' of space '{SPACE}', which is not asked for")
        conditional_devices(plan, lab)
    blocks: list[Block] = []
    left_out: list[str] = []
    for table in [table for table in TABLES if table in plan.tables]:
        for space in plan.spaces:
            try:
                made = list(MAKERS[table](plan, lab, space))
            except UserError as error:
                if plan.data is not None or table not in EVALUATED:
                    raise
                left_out.append(f"{table} {space} is left out: {error}")
                continue
            blocks += [part for part in made if isinstance(part, Block)]
            left_out += [part for part in made if isinstance(part, str)]
    return blocks, left_out


def measure(
    plan: Plan,
    folder: Path,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
    lab: Lab | None = None,
) -> pd.DataFrame:
    """The rows of ``generator.csv`` in the folder, which grows block by block; ``generator.svg`` is drawn of them.

    resume: keep the rows that are there, and measure what is missing. One thread. Raises UserError.
    """
    path = folder / ROWS_FILE
    if path.exists() and not resume:
        raise UserError(f"{path} holds measurements: go on with them by --resume, or delete it")
    rows = read_rows(path)
    blocks, left_out = blocks_of(plan, lab or Lab(plan.data))
    if not blocks:
        raise UserError(left_out[0] if left_out else "there is nothing to measure: no such table for these spaces")
    for line in left_out:
        say(line)
    folder.mkdir(exist_ok=True)
    rows = run_blocks(blocks, path, rows, say)
    guidance_figure(rows, folder / FIGURE_FILE)
    return rows
