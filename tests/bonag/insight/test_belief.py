"""What the pages say of a predictor, held against objectives whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bonag.insight.importance import influence, samples_for
from bonag.insight.quality import quality
from bonag.insight.slots import slots_of, with_classes
from bonag.insight.trials import Measured, measured_trials
from bonag.insight.validation import NUMBER_OF_FOLDS, folds, held_out
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import get_space

NB201 = get_space("nb201")
# What each operation of the third edge (edge_2_1, site 3) is worth; all else is worth nothing.
WORTH = {2: -3.0, 3: -1.0, 4: 0.0, 5: 1.0, 6: 3.0}


def trials(n: int, value, space=NB201, noise: float = 0.0) -> Measured:
    """n random architectures, and value(codes) plus noise."""
    rng = np.random.default_rng(3)
    codes = space.codes(list(dict.fromkeys(space.sample(2 * n, rng)))[:n])
    return Measured(space, "score", 1.0, np.arange(n), codes, value(codes) + noise * rng.normal(size=n))


def third_edge(codes: np.ndarray) -> np.ndarray:
    return np.array([WORTH[op] for op in codes[:, 3].tolist()])


@pytest.fixture(scope="module")
def known():
    data = trials(100, third_edge, noise=0.02)
    return data, influence(data, "gp", seed=0)


def test_importance_finds_the_slot_that_matters(known):
    _, found = known
    shares = found.importance.set_index("slot")["share"]
    assert list(shares.index) == [parameter.name for parameter in NB201.parameters()]
    assert shares["edge_2_1"] > 0.9
    assert (shares.drop("edge_2_1") < 0.05).all()
    # There are no interactions: what the slot decides, it decides alone.
    assert found.importance.set_index("slot")["alone"]["edge_2_1"] == pytest.approx(shares["edge_2_1"], abs=0.1)


def test_effects_have_the_right_sign_and_size(known):
    _, found = known
    effects = found.effects.set_index(["slot", "operation"])["effect"]
    assert len(effects) == 30
    for op, worth in WORTH.items():
        assert effects["edge_2_1"][NB201.op_names[op]] == pytest.approx(worth, abs=0.5)
    assert effects.drop("edge_2_1").abs().max() < 0.3


def test_the_kernels_terms_share_the_variance_among_them(known):
    _, found = known
    assert found.kernel["share"].sum() == pytest.approx(1)
    by_kind = found.kernel.groupby("kind")["share"].sum()
    assert by_kind["additive"] > 0.8


@pytest.mark.slow
def test_effects_of_skipping_a_block_are_counted_only_where_one_can():
    space = get_space("mbv3")
    data = trials(60, lambda codes: (codes != space.identity_op).sum(axis=1).astype(float), space)
    found = influence(data, "gp", seed=0)
    effects = found.effects.set_index(["slot", "operation"])["effect"]
    assert "skip" not in effects["slot 1_1"]
    # Skipping the third block skips the fourth one too.
    assert effects["slot 1_3"]["skip"] < effects["slot 1_4"]["skip"] < 0
    assert found.samples == samples_for(slots_of(space)) < 1024


@pytest.mark.parametrize("name", ["nb101", "nb201", "darts", "mbv3", "nbgraph"])
def test_every_slot_has_a_name_of_its_own_and_options_that_can_be_had(name):
    space = get_space(name)
    slots = slots_of(space)
    assert len({slot.name for slot in slots}) == len(slots)
    codes = space.codes(space.sample(32, np.random.default_rng(0)))
    for slot in slots:
        option = slot.options[-1]
        changed = with_classes(space, codes, (option.site,), np.array([option.value]))
        assert (changed[:, option.site] == option.value).any(), (slot.name, option.name)
        assert all(space.is_valid(space.graph(code)) for code in changed)


@pytest.mark.slow
def test_a_model_that_fits_the_truth_is_calibrated_and_ranks_well(monkeypatch):
    monkeypatch.setattr("bonag.insight.validation.FITS_AHEAD", 1)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(6, 7))
    data = trials(150, lambda codes: weights[np.arange(6), codes[:, 1:7]].sum(axis=1), noise=0.7)
    found = held_out(data, "gp", seed=0)
    numbers = quality(found.crossed)
    assert numbers.trials == 150
    assert numbers.kendall > 0.55
    assert numbers.spearman > numbers.kendall
    assert numbers.r2 > 0.6
    # Half as much again as the noise, which nobody can predict.
    assert 0.6 < numbers.rmse < 1.2
    assert numbers.within_50 == pytest.approx(0.5, abs=0.12)
    assert numbers.within_90 == pytest.approx(0.9, abs=0.07)
    assert numbers.bias == pytest.approx(0, abs=0.2)
    assert numbers.spread == pytest.approx(1, abs=0.25)


@pytest.mark.slow
def test_every_trial_is_held_out_once_and_never_predicted_from_itself(monkeypatch):
    monkeypatch.setattr("bonag.insight.validation.FITS_AHEAD", 3)
    data = trials(20, third_edge, noise=0.1)
    found = held_out(data, "gp", seed=1)
    assert found.crossed["trial"].tolist() == list(range(20))
    assert sorted(found.crossed["fold"].value_counts()) == [20 // NUMBER_OF_FOLDS] * NUMBER_OF_FOLDS
    assert (found.ahead["fold"] <= found.ahead["trial"]).all()
    # A value that nobody could foresee moves predictions of others, not its own.
    odd = held_out(replace(data, values=np.where(data.trials == 7, 100.0, data.values)), "gp", seed=1)
    assert odd.crossed["mean"][7] == pytest.approx(found.crossed["mean"][7])
    # Nor does it move what was said before it was there.
    before = found.ahead["trial"] < 7
    assert odd.ahead["mean"][before].tolist() == pytest.approx(found.ahead["mean"][before].tolist())


@pytest.mark.slow
def test_the_same_trials_and_seed_give_the_same_numbers(monkeypatch):
    monkeypatch.setattr("bonag.insight.importance.MOST_PREDICTIONS", 3000)
    monkeypatch.setattr("bonag.insight.validation.FITS_AHEAD", 1)
    small = trials(12, third_edge, noise=0.1)
    first, again = (influence(small, "gp", seed=0) for _ in range(2))
    assert again.effects.equals(first.effects)
    assert again.importance.equals(first.importance)
    same, again = (held_out(small, "gp", seed=2).crossed for _ in range(2))
    assert same.equals(again)
    assert folds(40, seed=2)[0][2].tolist() == folds(40, seed=2)[0][2].tolist() != folds(40, seed=3)[0][2].tolist()


@pytest.mark.slow
def test_what_is_counted_is_not_predicted_but_has_effects():
    architectures = NB201.sample(12, np.random.default_rng(0))
    history = History(
        Trial(i, a, TrialStatus.COMPLETED, {"accuracy": float(i), "macs": float(NB201.costs(a).macs)})
        for i, a in enumerate(architectures)
    )
    data = measured_trials(NB201, Objective.parse("accuracy", ["macs<=1e8"]), history, "macs")
    assert data.sign == -1
    assert held_out(data, "gp", seed=0).crossed is None
    found = influence(data, "gp", seed=0)
    assert found.exact
    assert found.kernel is None
    effects = found.effects.set_index(["slot", "operation"])["effect"]
    cheap, dear = (NB201.parse(f"|{op}~0|+|none~0|none~1|+|none~0|none~1|none~2|") for op in ("none", "nor_conv_3x3"))
    difference = effects["edge_1_0"]["nor_conv_3x3"] - effects["edge_1_0"]["none"]
    assert difference == pytest.approx(NB201.costs(dear).macs - NB201.costs(cheap).macs)


def test_only_completed_trials_with_a_finite_value_count():
    first, second, third = NB201.sample(3, np.random.default_rng(0))
    history = History(
        [
            Trial(0, first, TrialStatus.COMPLETED, {"accuracy": 1.0}),
            Trial(1, second, TrialStatus.FAILED, reason="out of memory"),
            Trial(2, third, TrialStatus.COMPLETED, {"accuracy": float("nan")}),
        ]
    )
    data = measured_trials(NB201, Objective.parse("accuracy"), history, "accuracy")
    assert data.trials.tolist() == [0]
    assert data.values.tolist() == [1.0]
