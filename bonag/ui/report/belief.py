"""What the run's predictor knows, computed here and now."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bonag.ui.insight.importance import Influence, influence
from bonag.ui.insight.quality import quality
from bonag.ui.insight.trials import Measured
from bonag.ui.insight.validation import FIRST_AHEAD, LEAST_TRIALS, NUMBER_OF_FOLDS, HeldOut, held_out
from bonag.ui.insight.wording import Number, numbers
from bonag.ui.pages.predictor import Asked, asked, drawn, words
from bonag.ui.report.pictures import Picture
from bonag.ui.report.portable import told
from bonag.ui.view import View

# Metrics of the objective that are looked into; and trials, since a fit takes a time that grows with their cube.
MOST_METRICS, MOST_TRIALS = 3, 200


@dataclass(frozen=True)
class Belief:
    """What is known of one metric.

    reason: why nothing was computed, or None. note: of which trials it is, where that is not all. exact: the metric is
    counted, so that nothing is predicted. predicted, calibration, ahead: figures of held-out trials; crossed_numbers,
    ahead_numbers: how good the predictions were; every: so many trials apart it was fitted for ``ahead``. importance,
    effects: figures of what decides it, over ``samples`` random architectures with this mean and deviation.
    """

    metric: str
    words: str
    reason: str | None = None
    note: str | None = None
    exact: bool = False
    predicted: Picture | None = None
    calibration: Picture | None = None
    ahead: Picture | None = None
    crossed_numbers: tuple[Number, ...] = ()
    ahead_numbers: tuple[Number, ...] = ()
    importance: Picture | None = None
    effects: Picture | None = None
    samples: int = 0
    mean: float = 0.0
    deviation: float = 0.0


def beliefs(view: View, tell: Callable[[str], None] = lambda text: None) -> list[Belief]:
    """One for each of the objective's first metrics. tell: gets a line before each that takes long.

    A metric whose predictor fails is there with the reason. Imports PyTorch where there is something to compute.
    """
    if view.space is None:
        return [Belief(view.objective.metrics[0], "", reason=NO_GRAPHS)]
    found = []
    for metric in view.objective.metrics[:MOST_METRICS]:
        this = asked(view, metric)
        assert this.data is not None
        if this.reason is not None:
            found.append(Belief(metric, words(this), reason=_too_few(len(this.data), metric)))
            continue
        tell(f"fitting the predictor of {metric} on held-out trials (--no-predictor leaves that out)")
        try:
            with warnings.catch_warnings():
                # The fits of some folds are hard, and say so.
                warnings.simplefilter("ignore")
                found.append(_belief(this))
        except Exception as error:  # a report without this part is better than none
            found.append(Belief(metric, words(this), reason=f"The predictor could not be fitted: {told(error)}"))
    return found


def evenly(data: Measured, most: int = MOST_TRIALS) -> Measured:
    """At most so many of the trials, evenly spread over them, the first and the last included."""
    if len(data) <= most:
        return data
    rows = np.unique(np.linspace(0, len(data) - 1, most).round().astype(int))
    return replace(data, trials=data.trials[rows], codes=data.codes[rows], values=data.values[rows])


def _too_few(count: int, metric: str) -> str:
    have = "trial has" if count == 1 else "trials have"
    return f"{count} completed {have} a value of {metric}; it takes {LEAST_TRIALS} to hold some out and predict them."


def _belief(this: Asked) -> Belief:
    assert this.data is not None
    data = evenly(this.data)
    note = None
    if len(data) < len(this.data):
        note = (
            f"Of {len(data):,} of the {len(this.data):,} trials, evenly spread over them: the predictor here has seen "
            "less than the search had."
        )
    checked = held_out(data, this.predictor, this.seed)
    found = influence(data, this.predictor, this.seed)
    belief = Belief(
        this.metric,
        words(this),
        note=note,
        exact=checked.crossed is None,
        importance=_picture("importance", found, this.metric, IMPORTANCE),
        effects=_picture("effects", found, this.metric, EFFECTS.format(metric=this.metric)),
        samples=found.samples,
        mean=found.mean,
        deviation=found.deviation,
    )
    if checked.crossed is None or checked.ahead is None:
        return belief
    often = "before each" if checked.every == 1 else f"every {checked.every} trials"
    return replace(
        belief,
        predicted=_picture("predicted", checked, this.metric, PREDICTED.format(metric=this.metric)),
        calibration=_picture("calibration", checked, this.metric, CALIBRATION),
        ahead=_picture("ahead", checked, this.metric, AHEAD.format(often=often)),
        crossed_numbers=tuple(numbers(quality(checked.crossed), this.metric, data.values)),
        ahead_numbers=tuple(numbers(quality(checked.ahead), this.metric, data.values)),
    )


def _picture(name: str, result: HeldOut | Influence, metric: str, caption: str) -> Picture | None:
    plot = drawn(name, result, metric)
    return None if plot is None else Picture.of(plot, caption)


NO_GRAPHS = "The predictor reads the graphs of a bonag search space, and this experiment has parameters only."
PREDICTED = (
    f"{NUMBER_OF_FOLDS}-fold cross-validation: the {{metric}} of each trial, predicted by a predictor fitted wholly "
    "anew without its fold. Dots on the line are right."
)
CALIBRATION = (
    "How many measurements lie within predicted intervals of each size. On the line the predictor knows what it does "
    "not know; below it, it is too sure of itself."
)
AHEAD = (
    f"Each trial after the first {FIRST_AHEAD} predicted from earlier ones only, by a predictor fitted anew {{often}}. "
    "Harder than cross-validation: a search moves to where it has not been."
)
IMPORTANCE = (
    "Share of the variance that is left when all other slots are known (Sobol's total effect); darker: what the slot "
    "decides alone. Interactions count for each slot that takes part, so shares may add up to more than 100 %."
)
EFFECTS = (
    "How far mean {metric} moves when the slot is set to the operation, in its own unit. The rest of the architecture "
    "stays as it is, but for what the space demands; empty where the slot cannot hold it."
)
