"""What the background process hands to the page: plain values, without Ax."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """One card of Ax, ready to be shown.

    explanation, body: safe markup, the latter of cards that are text. figure: a Plotly figure's JSON, or empty.
    alternative: the figure in a sentence. columns, rows: of a table, its texts; more: rows that are left out. status:
    of a health check, "pass", "warning", "fail" or "info". csv: the card's numbers.
    """

    title: str
    explanation: str
    body: str = ""
    figure: str = ""
    alternative: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0
    status: str = ""
    csv: str = ""


@dataclass(frozen=True)
class Computed:
    """What became of a card. problem: why there is nothing to show, in a sentence. trials: completed ones then."""

    shown: tuple[Shown, ...]
    problem: str | None
    note: str
    trials: int
    ax: str
