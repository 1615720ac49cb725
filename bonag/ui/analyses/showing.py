"""Ax's cards as values for the page, from their public fields. Imports Ax where it is used."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bonag.ui.analyses.markup import safe_figure, safe_markdown
from bonag.ui.analyses.values import Shown
from bonag.ui.wording import number

if TYPE_CHECKING:
    import pandas as pd
    from ax.core.analysis_card import AnalysisCard, AnalysisCardBase
    from ax.core.experiment import Experiment

ROWS = 200
COLUMNS = 40


def shown(card: AnalysisCardBase, stored: Iterable[str]) -> tuple[Shown, ...]:
    """A card, or those of a group, the group's explanation first. stored: the experiment's texts."""
    from ax.core.analysis_card import AnalysisCardGroup

    texts = list(stored)
    if not isinstance(card, AnalysisCardGroup):
        return (_one(card, texts),)  # type: ignore[arg-type]
    head = Shown(card.title, safe_markdown(card.subtitle)) if card.subtitle else None
    return (*((head,) if head else ()), *(_one(child, texts) for child in card.flatten()))


def stored_texts(experiment: Experiment) -> set[str]:
    """Every text in an experiment that somebody chose."""
    found = {experiment.name if experiment.has_name else "", experiment.description or "", *experiment.metrics}
    for parameter in experiment.search_space.parameters.values():
        found |= {parameter.name, *map(str, getattr(parameter, "values", ()))}
    for trial in experiment.trials.values():
        found.add(trial.status_reason or "")
        found |= {run._generation_node_name or run._generator_key or "" for run in trial.generator_runs}
        for arm in trial.arms:
            found |= {arm.name, *(value for value in arm.parameters.values() if isinstance(value, str))}
    return found - {""}


def _one(card: AnalysisCard, stored: list[str]) -> Shown:
    from ax.analysis.healthcheck.healthcheck_analysis import HealthcheckAnalysisCard
    from ax.analysis.markdown.markdown_analysis import MarkdownAnalysisCard
    from ax.analysis.plotly.plotly_analysis import PlotlyAnalysisCard
    from ax.core.analysis_card import ErrorAnalysisCard, NotApplicableStateAnalysisCard

    plain = Shown(card.title, safe_markdown(card.subtitle))
    if isinstance(card, PlotlyAnalysisCard) and not _is_table(card.blob):
        rows = f"{len(card.df)} row{'s' if len(card.df) != 1 else ''}"
        alternative = f"{card.title}. A figure of {rows}; its numbers can be downloaded below it."
        return replace(plain, figure=safe_figure(card.blob, stored), alternative=alternative, csv=_csv(card.df))
    if isinstance(card, HealthcheckAnalysisCard):
        columns, rows_, more = _table(card.df)
        return replace(plain, columns=columns, rows=rows_, more=more, status=card.get_status().name.lower())
    if isinstance(card, MarkdownAnalysisCard):
        return replace(plain, body=safe_markdown(card.get_markdown()))
    if isinstance(card, ErrorAnalysisCard | NotApplicableStateAnalysisCard):
        return Shown(title=card.title, explanation=safe_markdown(_last_line(card.blob) or card.subtitle))
    columns, rows_, more = _table(card.df)
    return replace(plain, columns=columns, rows=rows_, more=more, csv=_csv(card.df))


def _is_table(blob: str) -> bool:
    """Whether a figure is a table, which is better shown as one."""
    traces = json.loads(blob).get("data") or []
    return bool(traces) and all(trace.get("type") == "table" for trace in traces)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


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


def _texts(row: Iterable[Any]) -> Iterator[str]:
    for value in row:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            yield "–"
        elif isinstance(value, float):
            yield number(value)
        else:
            # Ax puts Markdown into some cells.
            yield str(value).replace("**", "").replace("`", "")
