"""What guidance made of the generator's samples, computed here and now."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from bonag.plots.origins import origins
from bonag.ui.insight.guidance import Guidance, guidance
from bonag.ui.pages.generator import CAPTIONS, Row, drawn, rows, why_nothing, words
from bonag.ui.report.pictures import Picture
from bonag.ui.report.portable import told, without_home
from bonag.ui.view import View
from loops.history import History


@dataclass(frozen=True)
class Guided:
    """goals: names of metrics. reason: why nothing was computed, or None. spreads: of each goal, the distributions of
    guided and unguided samples by step. own: of each goal, the run's own proposals."""

    goals: tuple[str, ...]
    reason: str | None = None
    words: tuple[str, ...] = ()
    result: Guidance | None = None
    rows: tuple[Row, ...] = ()
    spreads: tuple[Picture, ...] = ()
    own: tuple[Picture, ...] = ()


def guided(view: View, tell: Callable[[str], None] = lambda text: None) -> Guided:
    """Of a run as it was read, since its evaluator is asked. tell: gets a line before what takes long."""
    goals = tuple(goal.metric for goal in view.objective.goals)
    own = tuple(
        Picture.of(origins(view.history, goal), CAPTIONS["own"].format(metric=goal))
        for goal in goals
        if view.history.completed
    )
    reason = why_nothing(view)
    if reason is not None:
        return Guided(goals, reason, own=own)
    assert view.space is not None
    tell("drawing samples for some steps of the run (--no-predictor leaves that out)")
    try:
        with warnings.catch_warnings():
            # The fits of some steps are hard, and say so.
            warnings.simplefilter("ignore")
            result = guidance(view.space, view.objective, view.config, History(view.history.completed))
    except Exception as error:  # a report without this part is better than none
        return Guided(goals, f"Nothing could be generated: {told(error)}", own=own)
    return Guided(
        goals,
        words=tuple(without_home(sentence) for sentence in words(view, result)),
        result=result,
        rows=tuple(rows(view, result)),
        spreads=tuple(Picture.of(drawn(result, goal), CAPTIONS["spread"].format(metric=goal)) for goal in goals),
        own=own,
    )
