"""The Gaussian process and the graph ensemble as one predictor, and the ensemble alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bonag.predictors.ensemble import MEMBERS, GraphEnsemble, fit_ensemble
from bonag.predictors.gp import FittedProcess, GaussianProcess
from loops.protocols import Model, Prediction
from search_spaces import SearchSpace

# Below this weight the ensemble moves no decision and is not asked.
NEGLIGIBLE = 0.02
MIN_ENSEMBLE_ROWS = 3 * MEMBERS


@dataclass(frozen=True, eq=False)
class FittedMixture:
    """A Gaussian process and, with this weight, a deep ensemble: the Gaussian with the mixture's mean and variance.

    taught: by code, the scores that the ensemble was trained on. line: factor and offset from these to the scores that
    the process is given now. before: the process before evaluations were imagined. It is sure of them at once; the
    ensemble's spread shrinks in the same proportion.
    """

    process: FittedProcess
    ensemble: GraphEnsemble
    weight: float
    taught: Mapping[bytes, float]
    line: tuple[float, float] = (1.0, 0.0)
    before: FittedProcess | None = None
    # An ensemble cannot forget what it was trained on.
    forgets = False

    @property
    def noise(self) -> float:
        """Standard deviation of a measurement around the mean."""
        return self.process.noise

    def predict(self, codes: np.ndarray) -> Prediction:
        """(B, S) codes -> B scores, without the noise of a measurement."""
        alone = self.process.predict(codes)
        w = self.weight
        if w <= NEGLIGIBLE:
            return alone
        factor, offset = self.line
        other = self.ensemble.predict(codes)
        mean, spread = factor * other.mean + offset, abs(factor) * other.stddev
        if self.before is not None:
            spread = spread * alone.stddev / self.before.predict(codes).stddev
        mixed = (1 - w) * alone.mean + w * mean
        second = (1 - w) * (alone.stddev**2 + alone.mean**2) + w * (spread**2 + mean**2)
        return Prediction(mixed, np.sqrt(np.maximum(second - mixed**2, 1e-12)))

    def condition(self, codes: np.ndarray, scores: np.ndarray) -> FittedMixture:
        """The process on these (n, S) codes and (n,) scores; the ensemble as it is, on the scale of these scores."""
        rows = [row for row, code in enumerate(codes) if code.tobytes() in self.taught]
        old, new = np.array([self.taught[codes[row].tobytes()] for row in rows]), scores[rows]
        # Both scales rank the same values, so a line between them is nearly exact.
        apart = old - old.mean()
        factor = float(apart @ new / max(apart @ apart, 1e-12))
        line = (factor, float(new.mean() - factor * old.mean()))
        return replace(self, process=self.process.condition(codes, scores), line=line, before=None)

    def after(self, codes: np.ndarray) -> FittedMixture:
        """As if the (k, S) codes had been evaluated, and turned out as the mixture expects."""
        process = self.process.extended(codes, self.predict(codes).mean)
        return replace(self, process=process, before=self.before or self.process)

    def shares(self, codes: np.ndarray) -> dict[tuple[str, str], float]:
        """Those of the Gaussian process' kernel: see ``FittedProcess.shares``."""
        return self.process.shares(codes)

    def note(self) -> dict[str, float]:
        """What a trial's provenance should say of the model."""
        return {"ensemble_weight": round(self.weight if self.weight > NEGLIGIBLE else 0.0, 4)}


class Mixture:
    """The predictor ``mixture``: of MIN_ENSEMBLE_ROWS architectures or more a mixture, before that the process alone.

    weight: of the ensemble; None for that by stacking. device: where the ensemble computes.
    """

    # An ensemble takes seconds to train.
    growth = 0.35

    def __init__(self, space: SearchSpace, device: str = "cpu", weight: float | None = None) -> None:
        self.space, self.device, self.weight = space, device, weight
        self.process = GaussianProcess(space)

    def fit(self, codes: np.ndarray, scores: np.ndarray) -> Model:
        """codes: (n, S). scores: (n,) of mean 0 and standard deviation 1."""
        process = self.process.fit(codes, scores)
        if len(scores) < MIN_ENSEMBLE_ROWS:
            return process
        ensemble = fit_ensemble(self.space, codes, scores, seed=len(scores), device=self.device)
        weight = self.weight
        if weight is None:
            weight = stacking_weight(scores, process.leave_one_out().mean, ensemble.held_out.mean)
        taught = {code.tobytes(): float(score) for code, score in zip(codes, scores, strict=True)}
        return FittedMixture(process, ensemble, weight, taught)

    def log_likelihoods(self, codes: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Those of the Gaussian process."""
        return self.process.log_likelihoods(codes, scores)


def graph_ensemble(space: SearchSpace, device: str = "cpu") -> Mixture:
    """The predictor ``ensemble``, from MIN_ENSEMBLE_ROWS architectures on; its spread follows the process'."""
    return Mixture(space, device, weight=1.0)


def stacking_weight(y: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """The weight in [0, 1] of the second of two predictors with which their mean has the least squared held-out error.

    Stacked regression (Breiman, 1996). y: (n,) targets; first, second: (n,) held-out predictions.
    """
    difference = second - first
    return float(np.clip((y - first) @ difference / max(difference @ difference, 1e-12), 0, 1))
