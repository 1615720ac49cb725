"""The trial table of a report: every cell as text, with the number behind it where the text has lost some of it."""

from __future__ import annotations

from dataclasses import dataclass

from bonag.ui.ordering import Column
from bonag.ui.trial_table import STATES, Row, columns_of, csv_of, metrics_of, rows_of
from bonag.ui.view import View
from bonag.ui.wording import duration, number


@dataclass(frozen=True)
class Heading:
    """A column. first: the direction in which it is sorted first. screen: it has no place on paper."""

    label: str
    numeric: bool
    first: str
    screen: bool


@dataclass(frozen=True)
class Cell:
    """A number. value: by which it is sorted, as text, where it is not what ``text`` says."""

    text: str
    value: str | None


@dataclass(frozen=True)
class Line:
    """A trial: its row, its numbers before the origin, and those after it."""

    row: Row
    metrics: tuple[Cell, ...]
    rest: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """All trials in the order of their index. states: by which they can be filtered. unshown: metrics that only the
    CSV has. csv: as ``bonag trials --csv`` writes it."""

    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]
    states: tuple[str, ...]
    unshown: int
    csv: str


def table(view: View) -> Table:
    """Every trial of the run."""
    metrics = metrics_of(view)
    rows = rows_of(view)[::-1]
    headings = tuple(_heading(column) for column in columns_of(metrics))
    states = [state for state in STATES if view.objective.constraints or "feasible" not in state]
    known = {name for trial in view.history for name in trial.metrics}
    return Table(
        headings=headings,
        lines=tuple(_line(row, metrics) for row in rows),
        states=tuple(state for state in states if any(row.is_in(state) for row in rows)),
        unshown=len(known.difference(metrics)),
        csv=csv_of(view),
    )


def _heading(column: Column[Row]) -> Heading:
    # Of numbers the largest are looked at first, but trials in their order.
    first = "descending" if column.numeric and column.name != "trial" else "ascending"
    return Heading(column.label, column.numeric, first, column.name in ("acquisition", "proposal", "evaluation"))


def _line(row: Row, metrics: list[str]) -> Line:
    trial = row.trial
    return Line(
        row,
        tuple(_cell(value := trial.metrics.get(name), number(value)) for name in metrics),
        (
            _cell(row.acquisition, number(row.acquisition, 4)),
            _cell(trial.proposal_seconds, duration(trial.proposal_seconds)),
            _cell(trial.evaluation_seconds, duration(trial.evaluation_seconds)),
        ),
    )


def _cell(value: float | None, text: str) -> Cell:
    if value is None or value != value:
        return Cell(text, None)
    try:
        exact = float(text.replace(",", "")) == value
    except ValueError:
        exact = False
    return Cell(text, None if exact else f"{value:.9g}")
