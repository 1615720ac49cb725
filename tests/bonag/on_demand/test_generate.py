"""Wishes move what is generated, by every method; what they mean is computed against the exact answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bonag
from bonag.evaluators import make_evaluator
from bonag.generators.artifact import load_generator, save_generator
from bonag.generators.fitting import Schedule
from bonag.generators.regressor import fit_regressor
from bonag.generators.training import train_generator
from bonag.on_demand import guidance
from bonag.on_demand.beliefs import learn_conditions
from bonag.on_demand.generated import Generated
from bonag.on_demand.guidance import STRENGTHS
from search_spaces import Architecture, ProductSpace, Site, get_space
from search_spaces.errors import UserError

SPACE = get_space("nb201")
EVALUATOR = make_evaluator(SPACE)


@pytest.fixture(scope="module")
def go() -> Callable[..., Generated]:
    def run(**options: Any) -> Generated:
        return bonag.generate(SPACE, **{"n": 64, "evaluator": EVALUATOR, **options})

    return run


@pytest.fixture(scope="module")
def guided(go: Callable[..., Generated]) -> Generated:
    return go(where=["accuracy>=top10%"], labels=60)


@pytest.mark.slow
def test_unguided_samples_are_those_of_the_generator(go: Callable[..., Generated]) -> None:
    made = go(n=256, as_drawn=True)
    generator = load_generator(SPACE)
    assert (made.method, made.family, made.labels) == ("unguided", "discrete", 0)
    assert made.architectures == generator.sample(256, np.random.default_rng([0, 4]))
    figures = made.summary()
    assert figures["validity"] == 1
    assert figures["raw_validity"] > 0.98
    assert figures["meets"] == {}
    assert np.isnan(figures["meets_all"])
    assert made.meets.all()
    # The generator saw nearly all of a space this small, less the tenth that is held out.
    assert figures["novelty"] == pytest.approx(figures["held_out"], abs=0.06)


@pytest.mark.numeric
def test_a_wish_is_met_far_more_often_than_by_chance(go: Callable[..., Generated], guided: Generated) -> None:
    [bound] = guided.wishes
    assert guided.method == "resampling"
    assert guided.labels == 60
    assert guided.strengths == {"accuracy": STRENGTHS["resampling"][0]}
    architectures = SPACE.sample(2000, np.random.default_rng(0))
    chance = bound.met(EVALUATOR.evaluate_many(architectures)["accuracy"]).mean()
    assert guided.summary()["meets_all"] > 3 * chance
    assert guided.summary()["uniqueness"] > 0.5
    drawn = go(where=["accuracy>=top10%"], labels=60, as_drawn=True)
    assert drawn.summary()["meets"] == {"accuracy>=top10%": drawn.meets.mean()}
    assert drawn.meets.mean() < 1


@pytest.mark.slow
def test_all_differ_and_meet_the_wish_and_the_figures_are_of_all_that_was_drawn(
    go: Callable[..., Generated], guided: Generated
) -> None:
    assert len(set(guided.architectures)) == len(guided.architectures) == 64
    assert guided.meets.all()
    figures = guided.summary()
    drawn, raw = figures["drawn"], len(guided.raw)
    assert (figures["asked"], guided.drawn.count) == (64, drawn)
    assert 64 < figures["evaluated"] == round(drawn * figures["uniqueness"]) < drawn == raw
    assert 0.3 < figures["meets_all"] == figures["meets"]["accuracy>=top10%"] < 1
    # The first of them are those of the same seed that are drawn first.
    first = go(where=["accuracy>=top10%"], labels=60, as_drawn=True)
    good = [one for one, meets in zip(first.architectures, first.meets, strict=True) if meets]
    assert guided.architectures[: len(set(good))] == list(dict.fromkeys(good))
    assert len(guided.raw) > len(first.raw) == 64


def test_where_there_are_fewer_than_asked_for_it_says_so() -> None:
    class Small(ProductSpace):
        name, sites = "small", [Site(name, "xyz") for name in "abc"]

    def length(architecture: Architecture) -> float:
        return float(str(architecture).count("x"))

    made = bonag.generate(Small(), 40, evaluator=length)
    assert len(set(made.architectures)) == len(made.architectures) == 27
    assert "27 architectures of small, 40 were asked for" in repr(made)
    made = bonag.generate(Small(), 5, "accuracy>=3", evaluator=length, labels=20)
    assert [str(one) for one in made.architectures] == ["x|x|x"]
    assert (made.drawn.asked, made.meets.all()) == (5, True)


@pytest.mark.slow
def test_where_none_is_found_the_error_says_how_near_they_come(go: Callable[..., Generated]) -> None:
    message = r"none of \d+ architectures drawn .* 0.0% and comes to 9\d.\d+ at best.*--as-drawn"
    with pytest.raises(UserError, match=message):
        go(where=["accuracy>=99"], n=4, labels=40)


def test_an_evaluator_that_takes_its_time_is_asked_five_times_as_often_as_asked_for_at_most() -> None:
    asked: list[Architecture] = []

    def never(architecture: Architecture) -> float:
        asked.append(architecture)
        return float(len(asked))

    with pytest.raises(UserError, match="none of 20 architectures drawn"):
        bonag.generate(SPACE, 4, "accuracy<=0", evaluator=never, labels=20, guidance={"accuracy": 0.0})
    assert len(asked) <= 20 + 5 * 4


@pytest.mark.slow
def test_another_seed_gives_other_labels_and_other_architectures(
    go: Callable[..., Generated], guided: Generated
) -> None:
    other = go(where=["accuracy>=top10%"], labels=60, seed=1)
    assert other.architectures != guided.architectures
    assert other.wishes != guided.wishes


@pytest.mark.slow
def test_without_strength_the_wish_changes_nothing(go: Callable[..., Generated]) -> None:
    where = ["accuracy>=top10%"]
    free, firm = (go(where=where, labels=120, guidance={"accuracy": value}, n=200) for value in (0, 10))
    assert free.summary()["meets_all"] < 0.25
    assert firm.summary()["meets_all"] > 0.7
    assert firm.labels == 120


@pytest.mark.slow
@pytest.mark.parametrize("where", [["accuracy>=top50%", "accuracy<=92"], ["accuracy<=92", "accuracy>=top50%"]])
def test_of_two_bounds_on_a_metric_the_one_in_units_says_how_strong(
    go: Callable[..., Generated], where: list[str]
) -> None:
    expected = guidance.STRENGTHS["resampling"][1]
    assert go(where=where, labels=40, n=4).strengths == {"accuracy": expected}


def test_the_frame_holds_what_is_true_of_each(guided: Generated) -> None:
    frame = guided.frame
    assert list(frame.columns) == ["architecture", "accuracy", "accuracy_sd", "params", "macs", "meets"]
    assert len(frame) == 64
    row = frame.iloc[5]
    assert row["architecture"] == str(guided.architectures[5])
    assert {name: row[name] for name in EVALUATOR.metrics} == pytest.approx(
        EVALUATOR.evaluate(guided.architectures[5], 0)
    )
    assert row["meets"] == (row["accuracy"] >= guided.wishes[0].bound)


@pytest.mark.slow
@pytest.mark.parametrize("where", [["params<=bottom10%"], ["accuracy>=top10%", "macs<=5e7", "params>=2e5"]])
def test_all_meet_what_is_counted(go: Callable[..., Generated], where: list[str]) -> None:
    made = go(where=where, labels=80, as_drawn=True, guidance={where[0].partition(">")[0].partition("<")[0]: 0.0})
    counted = [wish for wish in made.wishes if wish.metric != "accuracy"]
    assert all(made.summary()["meets"][str(wish)] == 1 for wish in counted)
    assert made.summary()["uniqueness"] > 0.4
    assert len(made.raw) >= len(made.architectures) == 64


def test_what_few_architectures_meet_is_found_by_repair(go: Callable[..., Generated]) -> None:
    least = min(SPACE.costs(architecture).params for architecture in SPACE.all())
    made = go(where=[f"params<={least}"], labels=40, n=12, guidance={"params": 0.0})
    assert {SPACE.costs(architecture).params for architecture in made.architectures} == {least}
    assert len(set(made.architectures)) == len(made.architectures) == 12


def test_a_count_that_no_architecture_has_is_refused_before_anything_is_evaluated() -> None:
    def never(architecture: Architecture) -> float:
        raise AssertionError("evaluated")

    with pytest.raises(UserError) as refused:
        bonag.generate("nb201", 5, ["kernels>=3", "params<=1"], labels=40, evaluator=never)
    least = min(SPACE.costs(architecture).params for architecture in SPACE.all())
    assert str(refused.value) == (
        f"no architecture of space 'nb201' was found that meets 'params<=1': the nearest has params {least:,}"
    )


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noisy regressors are fitted in a tenth of the usual steps."""
    monkeypatch.setattr(guidance, "fit_regressor", partial(fit_regressor, steps=100))


class TestConditional:
    """A generator that was trained with conditions, too briefly to be good."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        conditions = learn_conditions(SPACE, EVALUATOR, ["accuracy"], seed=0, count=40)
        assert (conditions.labels, conditions.source) == (40, "surrogate cifar10")
        generator, record = train_generator(SPACE, schedule=Schedule(steps=12, batch_size=32), conditions=conditions)
        path = tmp_path_factory.mktemp("model") / "conditional.safetensors"
        save_generator(generator, record, path)
        return path

    @pytest.mark.slow
    def test_its_own_labels_tell_shares(self, go: Callable[..., Generated], model: Path) -> None:
        made = go(model=model, where=["accuracy>=top10%"])
        assert (made.method, made.labels) == ("classifier-free", 0)
        assert made.summary()["labels_in_training"] == 40
        [quantiles] = load_generator(SPACE, model).quantiles.values()
        assert made.wishes[0].bound == pytest.approx(np.quantile(quantiles, 0.9))
        assert made.model == model

    @pytest.mark.slow
    def test_shares_of_a_part_take_new_labels(self, go: Callable[..., Generated], model: Path) -> None:
        made = go(model=model, where=["accuracy>=top10%", "accuracy<=93"], labels=300)
        assert (made.method, made.labels) == ("classifier-free", 300)

    def test_what_it_does_not_know_is_guided_by_a_predictor(self, go: Callable[..., Generated], model: Path) -> None:
        assert go(model=model, where=["params<=1e6"], labels=40).method == "resampling"
        with pytest.raises(UserError, match=r"not trained with the condition 'params': .* choose from resampling"):
            go(model=model, where=["params<=1e6", "accuracy>=90"], method="classifier-free")

    @pytest.mark.slow
    def test_labels_of_another_evaluator_are_of_another_metric(self, go: Callable[..., Generated], model: Path) -> None:
        other = make_evaluator(SPACE, "surrogate", "cifar100")
        assert go(model=model, where=["accuracy>=60"], labels=40, evaluator=other).method == "resampling"
        with pytest.raises(UserError, match="learnt its conditions from 'surrogate cifar10' and not from"):
            go(model=model, where=["accuracy>=60"], method="classifier-free", evaluator=other)


@pytest.mark.slow
def test_a_score_based_generator_is_guided_by_gradients(
    go: Callable[..., Generated], tmp_path: Path, briefly: None
) -> None:
    generator, record = train_generator(SPACE, "score", Schedule(steps=12, batch_size=32))
    save_generator(generator, record, tmp_path / "score")
    made = go(model=tmp_path / "score", where=["params<=bottom10%"], labels=40)
    assert (made.family, made.method) == ("score", "gradient")
    assert made.summary()["meets_all"] == 1
    with pytest.raises(UserError, match="holds a score generator, not a discrete one"):
        go(model=tmp_path / "score", generator="discrete")
    with pytest.raises(UserError, match="unknown method 'resampling' for a score generator: choose from gradient"):
        go(model=tmp_path / "score", method="resampling", where=["params<=1e6"])


@pytest.mark.slow
def test_first_order_guidance(go: Callable[..., Generated]) -> None:
    made = go(where=["accuracy>=top10%"], labels=40, method="first-order")
    assert made.method == "first-order"
    assert made.summary()["meets_all"] > 0.3


def test_bounds_on_counts_are_those_of_the_networks_that_the_evaluator_measures() -> None:
    def measure(architecture: Architecture) -> float:
        return float(str(architecture).count("conv"))

    measure.network_size = bonag.NetworkSize(10, 16)  # type: ignore[attr-defined]
    made = bonag.generate(SPACE, n=20, where=["macs<=8e6"], evaluator=measure, labels=20)
    macs = [SPACE.costs(one, 10, 16).macs for one in made.architectures]
    assert made.values["macs"].tolist() == macs
    assert made.meets.all()
    assert max(macs) <= 8e6 < max(SPACE.costs(one).macs for one in made.architectures)
