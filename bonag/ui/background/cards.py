"""Computes one card: the work of the background process. Imports Ax where it is used."""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Hashable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachetools import LRUCache, cached

from bonag.insight.progress import report
from bonag.ui.cards import BONAG, OBSERVED, Card
from bonag.ui.filters import number
from bonag.ui.source import Source, View
from search_spaces.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bonag.ax.analyses import Adapter, AxCard, Experiment

# Of a table, what is shown.
ROWS, COLUMNS = 200, 40
# Bar charts of marginal effects that are shown, those with the largest effects.
CHARTS = 12
# Experiments, and models of them, that are kept for the next card; one of 5,000 trials takes some 50 MB with Ax.
KEPT = 3


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


def compute(source: Source, key: str, stamp: Hashable, card: Card) -> Computed:
    """The card of the experiment as it is now. What Ax raises becomes the card's problem, in plain words."""
    report("loading Ax")
    from bonag.ax.analyses import analyse, last_trials, stored_texts
    from bonag.ax.untrusted import arithmetic_only

    report("reading the experiment")
    view, experiment = _read(source, key, stamp)
    trials = len(view.history.completed)
    # What others wrote is data, also when Ax works on it.
    with arithmetic_only() if view.config is None else nullcontext():
        try:
            adapter = None if card.model == OBSERVED else _fit(source, key, stamp, card.model)
            note = ""
            if card.recent is not None and len(experiment.trials) > card.recent:
                note = f"Of {len(experiment.trials)} trials, the last {card.recent}: Ax takes too long to draw all."
                experiment = last_trials(experiment, card.recent)
            report("computing")
            found = analyse(card.analysis, card.metrics, experiment, adapter, card.model != OBSERVED)
            texts = stored_texts(experiment)
            shown = [_show(one, texts) for one in found.cards]
        except UserError as error:
            return Computed((), str(error), "", trials)
        except Exception as error:  # of whatever kind Ax makes it
            return Computed((), _plain(error), "", trials)
    return Computed(
        tuple(_largest(shown) if card.analysis == "MarginalEffects" else shown), found.problem, note, trials
    )


def _which(source: Source, *which: Hashable) -> tuple[Hashable, ...]:
    return pickle.dumps(source), *which


@cached(LRUCache(KEPT), key=_which)
def _read(source: Source, key: str, stamp: Hashable) -> tuple[View, Experiment]:
    """The experiment as bonag and as Ax has it, read once for each stamp; raises as ``Source.view``."""
    return source.view(key), source.experiment(key)


@cached(LRUCache(KEPT), key=_which)
def _fit(source: Source, key: str, stamp: Hashable, model: str) -> Adapter:
    """The model behind a card, fitted once for all cards."""
    from bonag.ax.analyses import fit_adapter

    view, experiment = _read(source, key, stamp)
    own = model == BONAG and view.space is not None
    report("fitting bonag's predictor" if own else "fitting Ax's Gaussian process")
    predictor = view.config.predictor if view.config else "gp"
    return fit_adapter(experiment, view.objective, view.space, predictor if own else None)


def _show(card: AxCard, stored: Iterable[str]) -> Shown:
    """A card, safe to be shown. stored: the experiment's texts."""
    from bonag.ax.markup import safe_figure, safe_markdown

    shown = Shown(card.title, safe_markdown(card.subtitle), safe_markdown(card.text) if card.text else "")
    if card.table is None:
        return shown
    if card.figure:
        rows = f"{len(card.table)} row{'s' if len(card.table) != 1 else ''}"
        alternative = f"{card.title}. A figure of {rows}; its numbers can be downloaded below it."
        return replace(shown, figure=safe_figure(card.figure, stored), alternative=alternative, csv=_csv(card.table))
    columns, texts, more = _table(card.table)
    csv = "" if card.status else _csv(card.table)
    return replace(shown, columns=columns, rows=texts, more=more, status=card.status, csv=csv)


def _csv(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False))


def _table(table: pd.DataFrame) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], int]:
    """The texts of a table's columns and of its last rows, latest first if they are trials, and the rows left out."""
    if table.empty:
        return (), (), 0
    if "trial_index" in table.columns:
        table = table.sort_values("trial_index", ascending=False, kind="stable")
    cut = table.iloc[:ROWS, :COLUMNS]
    rows = tuple(tuple(_texts(row)) for row in cut.itertuples(index=False, name=None))
    return tuple(map(str, cut.columns)), rows, len(table) - len(cut)


def _texts(row: Iterable[object]) -> Iterator[str]:
    for value in row:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            yield "–"
        elif isinstance(value, float):
            yield number(value)
        else:
            # Ax puts Markdown into some cells.
            yield str(value).replace("**", "").replace("`", "")


def _largest(found: list[Shown]) -> list[Shown]:
    """Of the charts of marginal effects, those with the largest ones."""
    import pandas as pd

    charts = [one for one in found if one.figure]
    if len(charts) <= CHARTS:
        return found
    sizes = {one.title: float(pd.read_csv(io.StringIO(one.csv))["Beta"].abs().max()) for one in charts}
    kept = set(sorted(sizes, key=lambda title: -sizes[title])[:CHARTS])
    return [one for one in found if not one.figure or one.title in kept]


def _plain(error: Exception) -> str:
    text = " ".join(str(error).split())
    text = text if len(text) <= 300 else f"{text[:300]}..."
    return f"Ax could not compute it: {type(error).__name__}: {text}" if text else f"Ax raised {type(error).__name__}."
