"""What a run's predictor knows of a metric: for its page, and for the report."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bonag.insight.importance import Influence, influence
from bonag.insight.quality import Quality, quality
from bonag.insight.trials import Measured, measured_trials
from bonag.insight.validation import FIRST_AHEAD, LEAST_TRIALS, NUMBER_OF_FOLDS, HeldOut, held_out
from bonag.plots import beliefs
from bonag.plots.plot import Plot
from bonag.ui.background.growing import Version
from bonag.ui.figures import ByIdentity, Figure, draw
from bonag.ui.filters import amount, share
from bonag.ui.source import View

if TYPE_CHECKING:
    import pandas as pd

# The strategies that decide by the predictors that are shown here.
OWN = ("bonag", "mutation-bo")
NAMES = {"gp": "Gaussian process", "ensemble": "ensemble of graph networks", "mixture": "mixture of both"}
CAPTIONS = {
    "predicted": f"{NUMBER_OF_FOLDS}-fold cross-validation: the {{metric}} of each trial, predicted by a predictor "
    "fitted wholly anew without its fold. Dots on the line are right.",
    "calibration": "How many measurements lie within predicted intervals of each size. On the line the predictor knows "
    "what it does not know; below it, it is too sure of itself.",
    "ahead": f"Each trial after the first {FIRST_AHEAD} predicted from earlier ones only, by a predictor fitted anew "
    "{often}. Harder than cross-validation: a search moves to where it has not been.",
    "importance": "Share of the variance that is left when all other slots are known (Sobol's total effect); darker: "
    "what the slot decides alone. Interactions count for each slot that takes part, so shares may add up to more than "
    "100 %.",
    "effects": "How far mean {metric} moves when the slot is set to the operation, in its own unit. The rest of the "
    "architecture stays as it is, but for what the space demands; empty where the slot cannot hold it.",
}


@dataclass(frozen=True)
class Number:
    """A number as it is shown, and one sentence on what it says."""

    name: str
    value: str
    meaning: str


# What the numbers of held-out predictions say.
MEANINGS = {
    "Kendall tau": "Pairs of trials in the right order less those in the wrong one: 1 is perfect, 0 is chance.",
    "Spearman": "The correlation of predicted and measured ranks.",
    "R²": "The share of the variance that is predicted; below 0, the mean of all trials predicts better.",
    "RMSE": "The root of the mean squared error, in the metric's unit.",
    "In 50 % intervals": "Measurements in the central half of their predicted distribution; fewer: it is too sure.",
    "In 90 % intervals": "The same for the central nine tenths.",
    "Mean standardised error": "Errors in predicted deviations: 0 ± 1 if the predictor knows what it does not know.",
    "Trials": "Held-out trials behind these numbers.",
}
BLOCKS = {
    "slots": "what each slot holds",
    "totals": "how often each operation is live, and how long the live paths are",
    "paths": "the sequences of operations along live paths",
    "sequences": "which two or three operations follow one another on live paths",
}


def numbers(found: Quality, metric: str, measured: np.ndarray, units: Mapping[str, str]) -> list[Number]:
    """What ``quality`` found. measured, units: see ``filters.amount``."""
    values = {
        "Kendall tau": _plain(found.kendall),
        "Spearman": _plain(found.spearman),
        "R²": _plain(found.r2),
        "RMSE": amount(found.rmse, metric, measured, units, 3),
        "In 50 % intervals": share(found.within_50),
        "In 90 % intervals": share(found.within_90),
        "Mean standardised error": _with_spread(found.bias, found.spread),
        "Trials": f"{found.trials:,}",
    }
    return [Number(name, values[name], meaning) for name, meaning in MEANINGS.items()]


@dataclass(frozen=True)
class Subject:
    """A metric of a run, and the predictor that decides by it. reason: why there is nothing to compute, or None; then
    ``data`` is there."""

    view: View
    metric: str
    predictor: str
    seed: int
    data: Measured | None
    reason: str | None

    @classmethod
    def of(cls, view: View, metric: str) -> Subject:
        """A metric of the objective."""
        config = view.config
        predictor = config.predictor if config and _is_own(view) else "gp"
        seed = config.seed if config else 0
        if view.space is None:
            reason = (
                "The predictor reads the graphs of a bonag search space, and this experiment has parameters only. "
                "Models of its parameters are among the analyses of Ax."
            )
            return cls(view, metric, predictor, seed, None, reason)
        data = measured_trials(view.space, view.objective, view.history, metric)
        short = None
        if len(data) < LEAST_TRIALS:
            have = "trial has" if len(data) == 1 else "trials have"
            short = (
                f"{len(data)} completed {have} a value of {metric} so far. "
                f"From {LEAST_TRIALS} on, each of them is held out and predicted here."
            )
        return cls(view, metric, predictor, seed, data, short)

    @property
    def version(self) -> Version:
        """For which trials it is."""
        assert self.data is not None
        return len(self.data), zlib.crc32(self.data.values.tobytes() + self.data.codes.tobytes())

    @property
    def words(self) -> str:
        """Which predictor it is, in a sentence."""
        config = self.view.config
        name = NAMES.get(self.predictor, self.predictor)
        if config is None:
            return f"This is what bonag's default predictor ({name}) makes of the trials."
        if not _is_own(self.view):
            return (
                f"Strategy {config.strategy} does not use bonag's predictors; this is what the default one ({name}) "
                "makes of its trials."
            )
        return f"The predictor that the run decides by: {name}, fitted as the strategy fits it."


@dataclass(frozen=True)
class Belief:
    """What was computed of a metric, as far as it is there. note: of which trials it is, where that is not all."""

    subject: Subject
    checked: HeldOut | None = None
    found: Influence | None = None
    reason: str | None = None
    note: str | None = None

    @classmethod
    def compute(cls, subject: Subject, most: int) -> Belief:
        """All of it, here and now, of so many of the trials at most. Imports PyTorch."""
        assert subject.data is not None
        data, note = spread(subject.data, most), None
        if len(data) < len(subject.data):
            note = (
                f"Of {len(data):,} of the {len(subject.data):,} trials, evenly spread over them: the predictor here "
                "has seen less than the search had."
            )
        args = (data, subject.predictor, subject.seed)
        return cls(replace(subject, data=data), held_out(*args), influence(*args), note=note)

    @property
    def metric(self) -> str:
        """Whose it is."""
        return self.subject.metric

    @property
    def exact(self) -> bool:
        """Whether the metric is counted, so that nothing is predicted."""
        return self.checked is not None and self.checked.crossed is None

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """By the names of CAPTIONS, those that there are."""
        plots = {name: self.figure(name) for name in CAPTIONS}
        return {name: figure for name, figure in plots.items() if figure is not None}

    @property
    def captions(self) -> dict[str, str]:
        """Below each figure."""
        every = self.checked.every if self.checked else 1
        often = "before each" if every == 1 else f"every {every} trials"
        return {name: text.format(metric=self.metric, often=often) for name, text in CAPTIONS.items()}

    @cached_property
    def numbers(self) -> dict[str, list[Number]]:
        """How good the predictions were: ``crossed`` and ``ahead``."""
        if self.checked is None or self.checked.crossed is None or self.checked.ahead is None:
            return {}
        assert self.subject.data is not None
        frames = {"crossed": self.checked.crossed, "ahead": self.checked.ahead}
        values, units = self.subject.data.values, self.subject.view.units
        return {name: numbers(quality(one), self.metric, values, units) for name, one in frames.items()}

    @property
    def kernel(self) -> list[tuple[str, ...]]:
        """Rows: block, what it is, the shares of its two terms."""
        if self.found is None or self.found.kernel is None:
            return []
        table = self.found.kernel.pivot(index="block", columns="kind", values="share")
        kinds = ("additive", "interactions")
        return [
            (str(block), BLOCKS.get(str(block), ""), *(f"{100 * row[kind]:.1f} %" for kind in kinds))
            for block, row in table.iterrows()
        ]

    def figure(self, name: str) -> Figure | None:
        """One of the figures, or None where there is none of that name."""
        frame = self._frame(name)
        return None if frame is None else draw(_plot, name, ByIdentity(frame), self.metric, self.subject.view.units)

    def _frame(self, name: str) -> pd.DataFrame | None:
        """What is drawn under one of the names of CAPTIONS."""
        if name in ("importance", "effects"):
            return None if self.found is None else getattr(self.found, name)
        if name not in CAPTIONS or self.checked is None:
            return None
        return self.checked.ahead if name == "ahead" else self.checked.crossed


def spread(data: Measured, most: int) -> Measured:
    """At most so many of the trials, evenly spread over them, the first and the last included."""
    if len(data) <= most:
        return data
    rows = np.unique(np.linspace(0, len(data) - 1, most).round().astype(int))
    return replace(data, trials=data.trials[rows], codes=data.codes[rows], values=data.values[rows])


def _is_own(view: View) -> bool:
    return view.config is not None and view.config.strategy.partition(":")[0] in OWN


def _plot(name: str, frame: ByIdentity[pd.DataFrame], metric: str, units: Mapping[str, str]) -> Plot:
    if name == "importance":
        return beliefs.importance(frame.value)
    if name == "effects":
        return beliefs.effects(frame.value, metric, units)
    if name == "calibration":
        return beliefs.calibration(frame.value)
    return beliefs.predicted_against_measured(frame.value, metric, units)


def _plain(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _with_spread(mean: float, deviation: float) -> str:
    return "–" if np.isnan(mean) else f"{mean:+.2f} ± {deviation:.2f}"
