"""What decides the predicted metric: by slot, by operation, and by the kernel's own terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bonag.insight.progress import report
from bonag.insight.slots import Option, Slot, slots_of, with_classes
from bonag.insight.trials import RANDOM_ARCHITECTURES, Measured, rng_of

if TYPE_CHECKING:
    import pandas as pd

    from loops.protocols import Model

# Predictions that may be asked for in all, and random architectures that they are spread over.
MOST_PREDICTIONS, MOST_SAMPLES, LEAST_SAMPLES = 50_000, 1024, 64
AT_ONCE = 2048

# The predicted metric of (B, S) codes: (B,).
Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Influence:
    """Over uniform random architectures of the space, of the predicted mean in the metric's unit.

    importance: slot, share (total effect of Sobol: the share of the variance that is lost when all other slots are
    known; with interactions the shares add up to more than one), alone (its main effect's share).
    effects: slot, operation, effect: how far the mean lies above that of all architectures once the slot holds it.
    kernel: block, kind, share of the variance of the Gaussian process' mean; None where nothing is learned.
    mean, deviation: of the predictions. samples: random architectures behind each number. exact: counted metric.
    """

    importance: pd.DataFrame
    effects: pd.DataFrame
    kernel: pd.DataFrame | None
    slots: tuple[Slot, ...]
    mean: float
    deviation: float
    samples: int
    exact: bool


def influence(data: Measured, predictor: str, seed: int) -> Influence:
    """Fit the run's predictor on all trials and see what its mean depends on."""
    from bonag.insight.validation import fit_model

    report("fitting the predictor")
    model = fit_model(data, predictor)
    slots = slots_of(data.space)
    rng = rng_of(seed, len(data), RANDOM_ARCHITECTURES)
    count = samples_for(slots)
    first, second = (data.space.codes(data.space.sample(count, rng)) for _ in range(2))
    predict = _in_chunks(lambda codes: model.predict_values(codes).mean)
    base, other = predict(first), predict(second)
    variance = float(np.concatenate([base, other]).var())
    rows, effects = [], []
    for number, slot in enumerate(slots, start=1):
        report(f"importance: slot {number} of {len(slots)}")
        swapped = with_classes(data.space, first, slot.sites, second[:, list(slot.sites)])
        total = 0.5 * float(((predict(swapped) - base) ** 2).mean())
        found = [(option.name, *_effect(data, predict, first, base, option)) for option in slot.options]
        alone = sum(weight * effect**2 for _, effect, weight in found if np.isfinite(effect))
        rows.append((slot.name, total / variance if variance else 0.0, alone / variance if variance else 0.0))
        effects += [(slot.name, name, effect) for name, effect, _ in found if np.isfinite(effect)]
    return Influence(
        _frame(rows, "slot", "share", "alone"),
        _frame(effects, "slot", "operation", "effect"),
        kernel_shares(model.model, first),
        tuple(slots),
        float(base.mean()),
        float(np.sqrt(variance)),
        count,
        model.exact,
    )


def samples_for(slots: list[Slot]) -> int:
    """How many random architectures are looked at, so that the predictions stay below their cap."""
    each = 2 + sum(1 + len(slot.options) for slot in slots)
    return max(LEAST_SAMPLES, min(MOST_SAMPLES, MOST_PREDICTIONS // each))


def kernel_shares(model: Model, codes: np.ndarray) -> pd.DataFrame | None:
    """Of a model's mean over (B, S) codes, the share of each term of its kernel: block, kind, share; None without."""
    shares = getattr(model, "shares", None)
    if shares is None:
        return None
    return _frame([(*name, share) for name, share in shares(codes).items()], "block", "kind", "share")


def _effect(
    data: Measured, predict: Predict, codes: np.ndarray, base: np.ndarray, option: Option
) -> tuple[float, float]:
    """The mean rise of the prediction once this is chosen, and the share of the codes where it is anyway."""
    site, value = option.site, option.value
    changed = with_classes(data.space, codes, (site,), np.array([value]))
    possible = changed[:, site] == value
    if not possible.any():
        return np.nan, 0.0
    rise = predict(changed[possible]) - base[possible]
    return float(rise.mean()), float((codes[:, site] == value).mean())


def _in_chunks(predict: Predict) -> Predict:
    def predict_in_chunks(codes: np.ndarray) -> np.ndarray:
        parts = [codes[start : start + AT_ONCE] for start in range(0, len(codes), AT_ONCE)]
        return np.concatenate([predict(part) for part in parts])

    return predict_in_chunks


def _frame(rows: Sequence[tuple[object, ...]], *columns: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns))
