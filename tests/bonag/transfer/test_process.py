"""A process that takes advice: exact under each hypothesis, and the search's own as soon as advice misleads."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bonag.predictors.gp import GaussianProcess
from bonag.transfer.process import OFFSET_SPREAD, Hypothesis, TransferredProcess, upper_gaussian
from bonag.transfer.summary import Advice, summarise
from search_spaces import get_space

pytestmark = pytest.mark.numeric

SPACE = get_space("nb201")
PREDICTOR = GaussianProcess(SPACE)
CELLS = SPACE.sample(300, np.random.default_rng(0))
CODES = SPACE.codes(CELLS)
TRUTH = np.array(
    [2.0 * str(cell).count("3x3") + str(cell).count("skip") - 3 * str(cell).count("none") for cell in CELLS]
)
ADVICE = Advice([summarise("s", CODES[:100], TRUTH[:100])])
NEW = CODES[200:]


def after(n: int, sign: float = 1.0, advice: Advice = ADVICE) -> TransferredProcess:
    """After n trials of a task whose values are those of the source, times the sign, in its own unit."""
    values = sign * TRUTH[100 : 100 + n]
    scores = (values - values.mean()) / values.std()
    codes = CODES[100 : 100 + n]
    unit = float(values.std())
    return TransferredProcess(PREDICTOR.fit(codes, scores), codes, advice, unit)


def test_before_any_trial_it_goes_by_the_sources() -> None:
    model = TransferredProcess(PREDICTOR.prior(), CODES[:0], ADVICE, ADVICE.unit)
    advised = ADVICE(NEW)[:, 0]
    assert model.trusts
    assert rankcorrelation(model.predict(NEW).mean, advised) > 0.99


def test_under_one_hypothesis_it_is_a_gaussian_process_with_that_mean() -> None:
    found = after(20)
    one = Hypothesis(0, 0.8, 0.3, 0.02, 1.0)
    model = TransferredProcess(found.process, found.codes, ADVICE, found.unit, (one,))
    kernel = found.process.kernel
    inputs, seen = kernel.inputs(NEW), found.process.inputs
    unit = found._unit_of(0)[0]
    spread = (OFFSET_SPREAD * max(1.0, unit)) ** 2
    scale = one.variance / kernel.level
    # The offset, integrated out, is a constant term of the kernel.
    noisy = scale * kernel.matrix(seen, seen) + spread + one.noise * np.eye(20)
    cross = scale * kernel.matrix(inputs, seen) + spread
    advised = one.slope * ADVICE(found.codes)[:, 0]
    mean = one.slope * ADVICE(NEW)[:, 0] + cross @ np.linalg.solve(noisy, found.process.scores - advised)
    variance = scale * kernel.variances(inputs) + spread - np.einsum("ij,ji->i", cross, np.linalg.solve(noisy, cross.T))
    predicted = model.predict(NEW)
    assert predicted.mean == pytest.approx(mean, abs=1e-6)
    assert predicted.stddev == pytest.approx(np.sqrt(variance), rel=1e-5)


def test_probabilities_are_those_of_the_evidence() -> None:
    found = after(20)
    assert sum(one.weight for one in found.hypotheses) + found.alone == pytest.approx(1)
    assert sum(one.weight for one in found.believed) == pytest.approx(1)
    assert found.source_weights == pytest.approx([1 - found.alone])
    assert found.note() == {"sources": {"s": pytest.approx(1 - found.alone, abs=1e-4)}}


def test_good_advice_is_followed_and_predicts_better() -> None:
    found = after(12)
    assert found.trusts
    errors = [np.abs(rankcorrelation(one.predict(NEW).mean, TRUTH[200:]) - 1) for one in (found, found.process)]
    assert errors[0] < errors[1]


def test_advice_that_misleads_is_dropped_and_leaves_the_process_as_it_was() -> None:
    found = after(30, sign=-1.0)
    assert not found.trusts
    own = found.process.predict(NEW)
    assert np.array_equal(found.predict(NEW).mean, own.mean)
    assert np.array_equal(found.predict(NEW).stddev, own.stddev)
    assert found.noise == found.process.noise


def test_the_source_that_fits_is_told_from_one_that_does_not() -> None:
    other = np.array([float(str(cell).count("avg")) for cell in CELLS])
    both = Advice([summarise("other", CODES[:100], other[:100]), ADVICE.summaries[0]])
    weights = after(40, advice=both).source_weights
    assert weights[1] > 5 * weights[0]


def test_what_is_imagined_teaches_nothing_of_the_sources() -> None:
    found = after(12)
    later = found.after(NEW[:5])
    assert later.hypotheses == found.hypotheses
    assert len(later.codes) == 17
    assert later.predict(NEW[:5]).mean == pytest.approx(found.predict(NEW[:5]).mean, abs=0.05)
    assert (later.predict(NEW[:5]).stddev < found.predict(NEW[:5]).stddev).all()


def test_what_all_hypotheses_take_for_bad_does_not_look_promising() -> None:
    means, stddevs, weights = np.array([[0.0, -2.0], [0.0, -30.0]]), np.full((2, 2), 0.1), np.array([0.5, 0.5])
    found = upper_gaussian(means, stddevs, weights)
    assert found.mean[0] == pytest.approx(0, abs=1e-5)
    assert found.stddev[0] == pytest.approx(0.1, abs=1e-4)
    # At two deviations it is the better of both, and no better than that.
    assert found.mean[1] + 2 * found.stddev[1] == pytest.approx(-2 + 0.1 * norm.ppf(2 * norm.cdf(2) - 1), abs=1e-4)


def rankcorrelation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])
