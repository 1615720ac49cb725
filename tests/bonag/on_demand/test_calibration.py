"""Spreads that follow the errors on labels that are left out."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.on_demand.beliefs import fit_beliefs
from bonag.on_demand.calibration import NEAREST, Calibration
from bonag.on_demand.labels import Labels
from search_spaces import get_space

SPACE = get_space("nb201")
COUNT = 4 * NEAREST


@pytest.fixture(scope="module")
def labels() -> Labels:
    """Of a latency in steps, which is exact up to 1.5 and noisy above."""
    rng = np.random.default_rng(0)
    codes = SPACE.codes(SPACE.sample(COUNT, rng))
    exact = (codes == 3).sum(axis=1) * 1.0 + (codes == 2).sum(axis=1) * 0.5
    noisy = exact + np.where(exact > 1.5, rng.normal(0, 0.6, COUNT), 0)
    return Labels(codes, {"latency": noisy}, COUNT, "test")


def test_predictions_are_as_sure_as_the_errors_around_them_are_small(labels: Labels) -> None:
    beliefs = fit_beliefs(SPACE, labels, {"latency": -1.0})
    model = beliefs.models["latency"]
    calibration = Calibration.of(model.model)
    quick, slow = (float(model.scale.to_scores(-latency)) for latency in (0.5, 3.0))
    assert calibration(np.array([quick]))[0] < 0.75 < 0.9 < calibration(np.array([slow]))[0] < 1.6
    mean, variance = beliefs.posterior(labels.codes)
    spread = np.hypot(model.predict(labels.codes).stddev, model.noise)
    assert np.sqrt(variance[:, 0]) == pytest.approx(spread * calibration(mean[:, 0]))
