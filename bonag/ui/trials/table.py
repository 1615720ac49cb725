"""The table of a run's trials: its rows, columns, filters and CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bonag.record.note_rows import NO_NOTE, Note, add_notes
from bonag.ui.filters import duration, heading, number
from bonag.ui.ordering import Column
from bonag.ui.source import View
from loops.history import MOMENT, Trial, TrialStatus

# Metrics shown; a table of latencies has dozens. The CSV has all.
SHOWN = 4
STATES = ("completed", "feasible", "infeasible", "stopped", "running", "failed", "abandoned")


@dataclass(frozen=True)
class Row:
    """A trial; feasible is None for one that has no metrics, or where nothing is bounded. note: somebody's."""

    trial: Trial
    feasible: bool | None
    note: Note = NO_NOTE

    @property
    def acquisition(self) -> float | None:
        """The acquisition's value at its proposal."""
        value = self.trial.provenance.get("acquisition")
        return float(value) if isinstance(value, int | float) else None

    @property
    def origin(self) -> str:
        """The step that proposed it."""
        return str(self.trial.provenance.get("origin") or "")

    def is_in(self, state: str) -> bool:
        """Whether it is shown for one of STATES."""
        if state in ("feasible", "infeasible"):
            known = self.trial.status is TrialStatus.COMPLETED
            return known and (self.feasible is not False) == (state == "feasible")
        return str(self.trial.status) == state

    def mentions(self, words: Sequence[str]) -> bool:
        """Whether all words are in what is written about it."""
        parts = (str(self.trial.index), str(self.trial.architecture), self.trial.reason or "", self.origin)
        text = " ".join((*parts, *self.note.tags, self.note.text)).lower()
        return all(word in text for word in words)


@dataclass(frozen=True)
class Cells(Column[Row]):
    """A column of numbers. text: how one of them is written."""

    text: Callable[[float | None], str] = number

    def cell(self, row: Row) -> tuple[str, str | None]:
        """A number as it is written, and more digits of it where that has lost some."""
        value = self.value(row) if self.value else None
        text = self.text(value)
        if value is None or value != value:
            return text, None
        try:
            exact = float(text.replace(",", "")) == value
        except ValueError:
            exact = False
        return text, None if exact else f"{value:.9g}"


@dataclass(frozen=True)
class Table:
    """A table of trials. states: by which it can be filtered. metrics, rest: its columns of numbers, before the step
    that proposed a trial and after it. unshown: metrics that only the CSV has."""

    rows: list[Row]
    states: list[str]
    metrics: list[Cells]
    rest: list[Cells]
    unshown: int

    @property
    def columns(self) -> list[Column[Row]]:
        """All columns, in order."""
        return [
            Column("trial", "Trial", lambda row: row.trial.index, numeric=True),
            Column("status", "Status", lambda row: (str(row.trial.status), row.feasible is False)),
            *self.metrics,
            Column("origin", "Origin", lambda row: row.origin or None),
            *self.rest,
            Column("architecture", "Architecture or reason", lambda row: str(row.trial.architecture)),
        ]


def table_of(view: View) -> Table:
    """All trials of a run, newest first."""
    known = {name for trial in view.history for name in trial.metrics}
    others = sorted({name for trial in view.history.completed for name in trial.metrics})
    names = list(dict.fromkeys([*view.objective.metrics, *others]))[: max(SHOWN, len(view.objective.metrics))]
    return Table(
        _rows(view),
        [state for state in STATES if view.objective.constraints or "feasible" not in state],
        [_metric(name, view) for name in names],
        [
            Cells("acquisition", "Acquisition", lambda row: row.acquisition, True, True, lambda x: number(x, 4)),
            Cells("proposal", "Proposal", lambda row: row.trial.proposal_seconds, True, True, duration),
            Cells("evaluation", "Evaluation", lambda row: row.trial.evaluation_seconds, True, True, duration),
        ],
        len(known.difference(names)),
    )


def csv_of(view: View) -> str:
    """All trials with all metrics, as ``bonag trials --csv`` writes them; a cell that a spreadsheet would run is text.

    Text that begins like a formula gets an apostrophe before it.
    """
    frame = view.history.frame()
    if view.objective.constraints:
        met = {row.trial.index: row.feasible for row in _rows(view)}
        frame.insert(2, "feasible", [met.get(index) for index in frame["trial"]])
    add_notes(frame, view.notes)
    for name in {"architecture", "reason", "origin", "tags", "note"} & set(frame):
        frame[name] = frame[name].map(_harmless)
    return frame.to_csv(index=False, lineterminator="\n", date_format=MOMENT)


def _rows(view: View) -> list[Row]:
    met: dict[int, bool] = {}
    if view.objective.constraints:
        met = {trial.index: view.objective.admits(trial) for trial in view.history.completed}
    trials, notes = reversed(view.history.trials), view.notes
    return [Row(trial, met.get(trial.index), notes.get(trial.index, NO_NOTE)) for trial in trials]


def _metric(name: str, view: View) -> Cells:
    return Cells(f"m.{name}", heading(name, view.units), lambda row: row.trial.metrics.get(name), True)


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value
