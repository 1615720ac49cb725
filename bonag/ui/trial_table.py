"""The table of a run's trials: its rows, columns, filters and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bonag.ui.ordering import Column
from bonag.ui.view import View
from loops.history import Trial, TrialStatus

# Metrics shown; a table of latencies has dozens. The CSV has all.
SHOWN = 4
STATES = ("completed", "feasible", "infeasible", "running", "failed", "abandoned")


@dataclass(frozen=True)
class Row:
    """A trial; feasible is None for one that has no metrics, or where nothing is bounded."""

    trial: Trial
    feasible: bool | None

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
        text = " ".join(parts).lower()
        return all(word in text for word in words)


def rows_of(view: View) -> list[Row]:
    """All trials, newest first."""
    met: dict[int, bool] = {}
    if view.objective.constraints:
        completed = view.history.completed
        met = dict(zip((one.index for one in completed), map(bool, view.objective.feasible(view.history)), strict=True))
    return [Row(trial, met.get(trial.index)) for trial in reversed(view.history.trials)]


def metrics_of(view: View) -> list[str]:
    """The metrics to show: those of the objective, then some of the others."""
    others = sorted({name for trial in view.history.completed for name in trial.metrics})
    names = list(dict.fromkeys([*view.objective.metrics, *others]))
    return names[: max(SHOWN, len(view.objective.metrics))]


def columns_of(metrics: Sequence[str]) -> list[Column[Row]]:
    """The table's columns, in order."""

    def metric(name: str) -> Column[Row]:
        return Column(f"m.{name}", name, lambda row: row.trial.metrics.get(name), numeric=True)

    return [
        Column("trial", "Trial", lambda row: row.trial.index, numeric=True),
        Column("status", "Status", lambda row: (str(row.trial.status), row.feasible is False)),
        *map(metric, metrics),
        Column("origin", "Origin", lambda row: row.origin or None),
        Column("acquisition", "Acquisition", lambda row: row.acquisition, numeric=True),
        Column("proposal", "Proposal", lambda row: row.trial.proposal_seconds, numeric=True),
        Column("evaluation", "Evaluation", lambda row: row.trial.evaluation_seconds, numeric=True),
        Column("architecture", "Architecture or reason", lambda row: str(row.trial.architecture)),
    ]


def csv_of(view: View) -> str:
    """All trials with all metrics, as ``bonag trials --csv`` writes them; a cell that a spreadsheet would run is text.

    Text that begins like a formula gets an apostrophe before it.
    """
    frame = view.history.frame()
    if view.objective.constraints:
        met = {row.trial.index: row.feasible for row in rows_of(view)}
        frame.insert(2, "feasible", [met.get(index) for index in frame["trial"]])
    for name in ("architecture", "reason", "origin"):
        frame[name] = frame[name].map(_harmless)
    return frame.to_csv(index=False, lineterminator="\n")


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value
