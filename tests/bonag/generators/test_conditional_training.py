"""Training with conditions: labels are counted, and one training serves all bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bonag.generators.artifact import load_generator, save_generator
from bonag.generators.conditions import normal_scores, quantiles_of
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.fitting import Schedule
from bonag.generators.training import Conditions, train_generator
from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError

BRIEF = Schedule(steps=3, batch_size=16)
CONV_3X3 = 5


@pytest.fixture(scope="module")
def nb201() -> SearchSpace:
    return get_space("nb201")


def convolutions(codes: np.ndarray) -> np.ndarray:
    """A metric that costs nothing to know: how many of the six edges are 3x3 convolutions."""
    return (codes == CONV_3X3).sum(axis=1).astype(np.float64)


@pytest.fixture(scope="module")
def known(all_cells: np.ndarray) -> Conditions:
    """That metric, known exactly."""
    quantiles = quantiles_of(convolutions(all_cells))

    def posterior(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = normal_scores(quantiles, convolutions(codes))[:, None]
        return mean, np.zeros_like(mean)

    return Conditions({"convolutions": quantiles}, posterior, labels=60, source="counting")


@pytest.mark.slow
def test_labels_are_counted_and_their_source_is_named(nb201: SearchSpace, known: Conditions, tmp_path: Path) -> None:
    generator, record = train_generator(nb201, schedule=BRIEF, conditions=known)
    assert isinstance(generator, DiscreteGenerator)
    assert (record["conditions"], record["labels"], record["source"]) == (["convolutions"], 60, "counting")
    save_generator(generator, record, tmp_path / "x.safetensors")
    again = load_generator(nb201, tmp_path / "x.safetensors")
    assert isinstance(again, DiscreteGenerator)
    assert list(again.quantiles) == ["convolutions"]
    bounds = np.array([[0.5, np.inf]])
    samples = [each.raw_sample(20, np.random.default_rng(0), 3, bounds) for each in (generator, again)]
    assert np.array_equal(*samples)


@pytest.mark.slow
def test_labels_change_what_is_trained(nb201: SearchSpace, known: Conditions) -> None:
    def opposite(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, variance = known.posterior(codes)
        return -mean, variance

    others = Conditions(known.quantiles, opposite, known.labels, known.source)
    made = [train_generator(nb201, schedule=BRIEF, conditions=c)[0] for c in (known, known, others)]
    one, again, other = (generator.denoiser.readout.weight for generator in made)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_score_family_takes_no_conditions(nb201: SearchSpace, known: Conditions) -> None:
    with pytest.raises(UserError, match="takes no conditions in training: it is guided when it samples"):
        train_generator(nb201, "score", BRIEF, known)


@pytest.mark.slow
def test_one_conditional_training_serves_all_bounds(
    nb201: SearchSpace, known: Conditions, all_cells: np.ndarray
) -> None:
    generator, _ = train_generator(nb201, schedule=Schedule(steps=500), conditions=known)
    assert isinstance(generator, DiscreteGenerator)
    [quantiles], truth = known.quantiles.values(), convolutions(all_cells)

    def drawn(low: float, high: float, strength: float = 1.0) -> np.ndarray:
        bounds = np.array([normal_scores(quantiles, np.array([low, high]))])
        return generator.raw_sample(1024, np.random.default_rng(0), 20, bounds, np.array([strength]))

    # Without a bound it is p(x), of which the operations of a node have a standard error of 0.0125.
    free = drawn(-np.inf, np.inf)
    assert np.array_equal(free, generator.raw_sample(1024, np.random.default_rng(0)))
    assert np.abs(np.eye(7)[free].mean(axis=0)[1:-1, 2:] - 0.2).max() < 0.06
    assert convolutions(free).mean() == pytest.approx(1.2, abs=0.12)
    # With bounds, it is p(x) among those that meet them. None of these was known when it was trained.
    for low, high, least in ((2.5, np.inf, 0.9), (3.5, np.inf, 0.85), (-np.inf, 0.5, 0.9), (1.5, 3.5, 0.75)):
        count, inside = convolutions(drawn(low, high)), (truth > low) & (truth < high)
        met = (count > low) & (count < high)
        assert met.mean() > least > inside.mean() + 0.2
        assert count[met].mean() == pytest.approx(truth[inside].mean(), abs=0.2)
    # A strength of more than one makes surer that the bound is met. Since it is known of each cell whether it is, those
    # that meet it stay as likely as they were.
    weak, strong, strongest = (convolutions(drawn(2.5, np.inf, strength)) for strength in (1.0, 3.0, 24.0))
    assert min((strong > 2.5).mean(), (strongest > 2.5).mean()) > 0.98
    assert (strong > 2.5).mean() > (weak > 2.5).mean()
    assert strong.mean() == pytest.approx(truth[truth > 2.5].mean(), abs=0.1)
    # Nodes are alike where the metric treats them alike.
    shares = (drawn(2.5, np.inf)[:, 1:-1] == CONV_3X3).mean(axis=0)
    exact = (all_cells[truth > 2.5][:, 1:-1] == CONV_3X3).mean()
    assert np.abs(shares - exact).max() < 0.08
