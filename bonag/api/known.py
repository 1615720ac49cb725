"""What is known before a run: its own trials of another run, or a table of the user's."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bonag.evaluators.counting_evaluator import counts
from bonag.record import RunSnapshot, find_run, read_record
from loops.history import KNOWN, Trial, TrialStatus
from search_spaces import Architecture, InvalidArchitectureError, SearchSpace
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError
from search_spaces.registry import space_name

COLUMN = "architecture"


def known_trials(sources: Sequence[str], space: SearchSpace, metrics: Sequence[str], out: Path) -> list[Trial]:
    """The trials of all sources, completed, those of an architecture that came before left out; raises UserError.

    sources: CSV files with a column ``architecture`` and one for each metric, or runs. metrics: what each must have;
    exact costs are counted.
    """
    found: dict[Architecture, dict[str, float]] = {}
    for source in sources:
        for where, architecture, values in measured_rows(source, space, out):
            exact = [name for name in metrics if name in COUNTED and name not in values and space.counts]
            values = counts(space, architecture, exact) | values
            lacking = next((name for name in metrics if name not in values), None)
            if lacking is not None:
                raise UserError(f"{where} has no '{lacking}', which the objective needs")
            found.setdefault(architecture, values)
    now = time.time()
    return [
        Trial(
            index=index,
            architecture=architecture,
            status=TrialStatus.COMPLETED,
            metrics=dict(sorted(values.items())),
            provenance={"origin": KNOWN},
            proposed_at=now,
            ended_at=now,
            proposed_event=2 * index,
            ended_event=2 * index + 1,
        )
        for index, (architecture, values) in enumerate(found.items())
    ]


Rows = list[tuple[str, Architecture, dict[str, float]]]


def measured_rows(source: str, space: SearchSpace, out: Path) -> Rows:
    """Of a CSV file or a run, where each completed evaluation stands, its architecture and its metrics.

    Raises UserError.
    """
    if Path(source).is_file():
        return table_rows(Path(source), space)
    return run_rows(read_record(find_run(source, out)), space)


def run_rows(snapshot: RunSnapshot, space: SearchSpace) -> Rows:
    """Of a run, where each completed evaluation stands, its architecture and its metrics; raises UserError."""
    name = snapshot.config.name
    if snapshot.config.space != space_name(space):
        raise UserError(f"run '{name}' is of the space '{snapshot.config.space}' and not of '{space_name(space)}'")
    # What networks of another size cost is nothing known of these.
    other = COUNTED if snapshot.space.network_size != space.network_size else ()
    return [
        (
            f"trial {trial.index} of run '{name}'",
            trial.architecture,
            {name: value for name, value in trial.metrics.items() if name not in other},
        )
        for trial in snapshot.history.completed
    ]


def table_rows(path: Path, space: SearchSpace) -> Rows:
    """Of a CSV file, which row holds each evaluation, its architecture and its metrics; raises UserError."""
    import pandas as pd

    try:
        frame = pd.read_csv(path)
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise UserError(f"{path} is no CSV table: {str(error).splitlines()[0]}") from None
    if COLUMN not in frame.columns:
        raise UserError(f"{path} has no column '{COLUMN}': it holds {', '.join(map(str, frame.columns))}")
    if "status" in frame.columns:
        # What `bonag trials --csv` writes.
        frame = frame[frame["status"] == str(TrialStatus.COMPLETED)]
    numeric = [name for name in frame.select_dtypes("number").columns if name not in _NO_METRICS]
    rows: Rows = []
    for number, record in zip(frame.index, frame.to_dict("records"), strict=True):
        where = f"row {number + 1} of {path}"
        try:
            architecture = space.parse(str(record[COLUMN]))
        except InvalidArchitectureError as error:
            raise UserError(f"{where}: {error}") from None
        rows.append((where, architecture, _finite(record, numeric)))
    return rows


# Columns of `bonag trials --csv` that no evaluation measured.
_NO_METRICS = ("trial", "acquisition", "proposal_seconds", "evaluation_seconds", "proposed_at", "ended_at", "feasible")


def _finite(record: Mapping[Any, Any], names: Sequence[str]) -> dict[str, float]:
    values = {name: float(record[name]) for name in names}
    return {name: value for name, value in values.items() if math.isfinite(value)}
