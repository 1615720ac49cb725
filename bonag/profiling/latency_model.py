"""Architecture -> latency: chosen by cross-validation of sums over sites and Gaussian processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bonag.profiling.process_regression import ProcessRegression
from bonag.profiling.regression import SiteRegression
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.architecture import COUNTED

if TYPE_CHECKING:
    from bonag.predictors.gp import GaussianProcess

SITES, PROCESS = "sites", "gp"
FOLDS = 10
# As evaluators round what they compute: the last bits depend on the machine.
DECIMALS = 6
# Every kind of model, and whether it is one of the logarithm.
KINDS = ((SITES, False), (SITES, True), (PROCESS, True))


@dataclass(frozen=True, eq=False)
class LatencyModel:
    """The latency (ms) of the networks of a space on one machine.

    arrays: the fitted parameters. facts: kind and log, what was measured (machine, cpu, runtime, threads, image_size,
    num_classes, samples, ...) and how well it predicts what it has not seen: ``tau``, Kendall's, and ``error``, the
    root mean square relative error.
    """

    space: SearchSpace
    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]

    @property
    def size(self) -> NetworkSize:
        """Of the networks that were measured."""
        return NetworkSize(self.facts["num_classes"], self.facts["image_size"])

    def predict(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The latency of B architectures in ms: (B,) float64."""
        if not architectures:
            return np.empty(0)
        codes = self.space.codes(architectures)
        if isinstance(self._regression, SiteRegression):
            costs = exact_costs(self.space, architectures, self.facts["num_classes"], self.facts["image_size"])
            values = self._regression.predict(codes, costs)
        else:
            values = self._regression.predict(codes)
        return np.round(np.exp(values) if self.facts["log"] else np.maximum(values, 0.0), DECIMALS)

    def description(self, metric: str) -> str:
        """One sentence on what the numbers are."""
        facts = self.facts
        return (
            f"{metric} (ms) is predicted by a model of {facts['samples']} networks that were timed on "
            f"{facts['machine']} ({facts['cpu']}) with {facts['runtime']} {facts['version']}, {facts['threads']} "
            f"{'thread' if facts['threads'] == 1 else 'threads'}, one image of {facts['image_size']} px; held out, "
            f"Kendall's tau is {facts['tau']:.3f} and the error {100 * facts['error']:.1f} %."
        )

    @cached_property
    def _regression(self) -> SiteRegression | ProcessRegression:
        if self.facts["kind"] == SITES:
            return SiteRegression(**self.arrays)
        return ProcessRegression.of_arrays(self.space, dict(self.arrays))


def fit_latency(
    space: SearchSpace, architectures: Sequence[Architecture], ms: np.ndarray, facts: Mapping[str, Any]
) -> LatencyModel:
    """Fit every kind of model on (n,) ms, and keep the one of the least relative error in K-fold cross-validation.

    facts: what was measured, with ``num_classes`` and ``image_size``.
    """
    data = _Measured(space, architectures, ms, facts)
    folds = np.random.default_rng(0).permutation(len(ms)) % min(FOLDS, len(ms))
    quality = {kind: _held_out(data, folds, *kind) for kind in KINDS}
    (kind, log), (tau, error) = min(quality.items(), key=lambda one: one[1][1])
    arrays = data.fit(np.arange(len(ms)), kind, log).arrays()
    return LatencyModel(space, arrays, {**facts, "kind": kind, "log": log, "tau": tau, "error": error})


def exact_costs(
    space: SearchSpace, architectures: Sequence[Architecture], num_classes: int, image_size: int
) -> np.ndarray:
    """The costs that are counted, at this number of classes and side in pixels: (B, C) float64."""
    sized = space.at(NetworkSize(num_classes, image_size))
    costs = [sized.costs(one) for one in architectures]
    return np.array([[getattr(one, name) for name in COUNTED] for one in costs], dtype=np.float64)


class _Measured:
    """The measured networks, as the models see them."""

    def __init__(
        self, space: SearchSpace, architectures: Sequence[Architecture], ms: np.ndarray, facts: Mapping[str, Any]
    ) -> None:
        self.space, self.ms, self.codes = space, ms, space.codes(architectures)
        self.costs = exact_costs(space, architectures, facts["num_classes"], facts["image_size"])

    @cached_property
    def process(self) -> GaussianProcess:
        """The process before it is fitted; its features take a second to make."""
        from bonag.predictors.gp import GaussianProcess

        return GaussianProcess(self.space)

    def fit(self, rows: np.ndarray, kind: str, log: bool) -> SiteRegression | ProcessRegression:
        values = np.log(self.ms[rows]) if log else self.ms[rows]
        if kind == SITES:
            return SiteRegression.fit(self.space, self.codes[rows], self.costs[rows], values)
        return ProcessRegression.fit(self.space, self.codes[rows], values, self.process)

    def predict(self, fitted: SiteRegression | ProcessRegression, rows: np.ndarray, log: bool) -> np.ndarray:
        if isinstance(fitted, SiteRegression):
            values = fitted.predict(self.codes[rows], self.costs[rows])
        else:
            values = fitted.predict(self.codes[rows])
        return np.exp(values) if log else values


def _held_out(data: _Measured, folds: np.ndarray, kind: str, log: bool) -> tuple[float, float]:
    """Kendall's tau and the root mean square relative error of predictions for networks that were not fitted on."""
    from scipy.stats import kendalltau

    predicted = np.empty(len(folds))
    for fold in range(folds.max() + 1):
        left_out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        predicted[left_out] = data.predict(data.fit(rest, kind, log), left_out, log)
    tau = float(np.nan_to_num(kendalltau(predicted, data.ms).statistic))
    return tau, float(np.sqrt(np.mean((predicted / data.ms - 1) ** 2)))
