"""Training: it learns what can be known, repeats itself exactly, resumes, and says what it used."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bonag.generators import fitting
from bonag.generators.artifact import load_generator, save_generator, training_record
from bonag.generators.diffusion import signal
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.fitting import Progress, Schedule
from bonag.generators.score import ScoreGenerator
from bonag.generators.sde import VE, VP
from bonag.generators.split import POOL
from bonag.generators.training import LEVEL_POWER, train_generator
from search_spaces import Architecture, SearchSpace, get_space
from search_spaces.errors import UserError
from search_spaces.nb201 import NB201

STARTED = time.monotonic()
BRIEF = Schedule(steps=3, batch_size=16)


class Twins(NB201):
    """The 125 cells in which the first and the second edge have the same operation, and so on."""

    name = "twins"

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        codes = np.tile(self.fixed_ops, (n, 1))
        codes[:, 1:-1] = rng.integers(2, 7, size=(n, 3)).repeat(2, axis=1)
        return self.project(np.eye(7)[codes])


@pytest.fixture(scope="module")
def nb201() -> SearchSpace:
    return get_space("nb201")


@pytest.fixture(scope="module")
def trained() -> tuple[DiscreteGenerator, dict, list[Progress]]:
    """A briefly trained generator of twins, the record of its training, and how that went."""
    progress: list[Progress] = []
    generator, record = train_generator(Twins(), schedule=Schedule(steps=250, batch_size=64), report=progress.append)
    assert isinstance(generator, DiscreteGenerator)
    return generator, record, progress


def weights(generator: object) -> dict[str, torch.Tensor]:
    return generator.denoiser.state_dict()  # type: ignore[attr-defined, no-any-return]


def equal(one: object, other: object) -> bool:
    return all(torch.equal(weights(one)[name], value) for name, value in weights(other).items())


def refusal(space: SearchSpace, **options: object) -> str:
    with pytest.raises(UserError) as error:
        train_generator(space, **options)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    return str(error.value)


# What is learned


def losses(generator: DiscreteGenerator, t: float) -> tuple[float, float, float]:
    """Cross-entropy of the clean operations of twins at a noise level: the generator's, the least that can be, and what
    nodes tell of themselves."""
    space = generator.space
    x = torch.from_numpy(space.codes(space.sample(3000, np.random.default_rng(99))))
    z = generator.transition.noised(x, t, torch.Generator().manual_seed(0))
    with torch.no_grad():
        probabilities = generator.clean_probabilities(z, t)[:, 1:-1, 2:]
    kept = float(signal(t))
    likelihood = kept * torch.eye(7, dtype=torch.float64)[:, 2:] + (1 - kept) / 5
    # Both twins tell of what they are, each with the likelihood of its own noise.
    own, twin = likelihood[z[:, 1:-1]], likelihood[z[:, [2, 1, 4, 3, 6, 5]]]
    found, least, alone = (
        -(p / p.sum(dim=-1, keepdim=True)).gather(2, x[:, 1:-1, None] - 2).log().mean().item()
        for p in (probabilities, own * twin, own)
    )
    return found, least, alone


@pytest.mark.slow
@pytest.mark.parametrize("t", [0.1, 0.3, 0.5])
def test_a_short_training_already_knows_of_other_nodes(trained: tuple, t: float) -> None:
    found, least, alone = losses(trained[0], t)
    assert found < 0.75 * alone + 0.25 * least
    assert found > least - 0.01


def test_where_nothing_is_left_of_a_graph_nothing_can_be_known(trained: tuple) -> None:
    found, least, alone = losses(trained[0], 1.0)
    assert least == pytest.approx(alone) == pytest.approx(np.log(5))
    assert np.log(5) - 0.01 < found < np.log(5) + 0.05


@pytest.mark.numeric
def test_longer_training_loses_less(trained: tuple) -> None:
    short, _ = train_generator(Twins(), schedule=Schedule(steps=20, batch_size=64))
    assert isinstance(short, DiscreteGenerator)
    assert losses(trained[0], 0.5)[0] < losses(short, 0.5)[0] - 0.05


@pytest.mark.numeric
def test_what_is_learned_is_sampled(trained: tuple) -> None:
    codes = trained[0].raw_sample(768, np.random.default_rng(0))
    # Of independent nodes, a fifth would agree.
    assert (codes[:, 1:-1:2] == codes[:, 2:-1:2]).mean() > 0.4


@pytest.mark.slow
def test_a_long_training_knows_all_that_can_be_known() -> None:
    progress: list[Progress] = []
    generator, _ = train_generator(Twins(), schedule=Schedule(steps=900, batch_size=128), report=progress.append)
    assert isinstance(generator, DiscreteGenerator)
    for t in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0):
        found, least, _ = losses(generator, t)
        # The average over samples of them is no bound, so a little less is possible.
        assert least - 0.01 < found < least + 0.03
    uniform = np.linspace(0, 1, 101)
    average = np.mean([_without_itself(t) for t in [*uniform, *uniform**LEVEL_POWER]])
    assert progress[-1].loss == pytest.approx(average, abs=0.08)
    codes = generator.raw_sample(1024, np.random.default_rng(0), steps=50)
    assert (codes[:, 1:-1:2] == codes[:, 2:-1:2]).mean() > 0.95
    # Cells that are held out have become as likely as others, and each first twin has any operation.
    for node in (1, 3, 5):
        assert np.abs(np.bincount(codes[:, node], minlength=7)[2:] / 1024 - 0.2).max() < 0.07


def _without_itself(t: float) -> float:
    """The entropy of a node of which nothing is known but what has become of its twin."""
    kept = float(signal(t))
    same, other = kept + (1 - kept) / 5, (1 - kept) / 5
    return float(-same * np.log(same) - 4 * other * np.log(max(other, 1e-300)))


@pytest.mark.numeric
def test_progress_is_reported(trained: tuple) -> None:
    _, record, progress = trained
    assert [each.step for each in progress] == list(range(1, 251))
    assert progress[0].loss > 1.6 > progress[-1].loss
    assert record["loss"] == pytest.approx(progress[-1].loss, abs=1e-4)


def test_marginals_are_those_of_the_space(trained: tuple) -> None:
    marginals = trained[0].transition.marginals.numpy()
    assert marginals.sum(axis=1) == pytest.approx(1)
    assert marginals[0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert marginals[-1].tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert marginals[1:-1, 2:] == pytest.approx(0.2, abs=0.07)
    assert not marginals[1:-1, :2].any()


def test_the_trained_denoiser_does_not_train_any_more(trained: tuple) -> None:
    assert not trained[0].denoiser.training


@pytest.mark.slow
def test_uniform_noise_takes_all_classes_for_equally_likely() -> None:
    space = get_space("mbv3")
    generator, record = train_generator(space, schedule=BRIEF, uniform=True)
    assert isinstance(generator, DiscreteGenerator)
    assert record["uniform"]
    marginals = generator.transition.marginals
    # The first two slots of a stage are never empty, the others may be.
    assert marginals[0].tolist() == pytest.approx([1 / 9] * 9 + [0])
    assert marginals[3].tolist() == pytest.approx([0.1] * 10)


# Records


def test_the_record_says_what_was_done(trained: tuple) -> None:
    record = trained[1]
    assert (record["family"], record["space"], record["uniform"]) == ("discrete", "twins", False)
    assert (record["steps"], record["batch_size"], record["seed"]) == (250, 64, 0)
    assert (record["labels"], record["conditions"], record["source"]) == (0, [], None)
    assert record["pool"] == POOL
    # A tenth of the cells is held out, give or take.
    assert record["samples"] == pytest.approx(0.9 * POOL, rel=0.1)
    assert 0 < record["seconds"] < time.monotonic() - STARTED + 0.1


def test_a_record_is_kept_with_the_generator(trained: tuple, tmp_path: Path) -> None:
    generator, record, _ = trained
    save_generator(generator, record, tmp_path / "twins.safetensors")
    assert training_record(tmp_path / "twins.safetensors") == record


# Repetition


@pytest.mark.slow
def test_the_seed_decides_everything(nb201: SearchSpace) -> None:
    first, again, other = (
        train_generator(nb201, schedule=Schedule(steps=3, batch_size=16, seed=seed))[0] for seed in (3, 3, 4)
    )
    assert equal(first, again)
    assert not equal(first, other)


@pytest.mark.slow
def test_training_leaves_the_global_random_state_alone(nb201: SearchSpace) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train_generator(nb201, schedule=BRIEF)
    assert torch.equal(torch.get_rng_state(), before)


class Killed(Exception):
    """What a killed training does not come back from."""


def killed_at_two(progress: Progress) -> None:
    if progress.step == 2:
        raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("family", ["discrete", "score"])
def test_a_killed_training_goes_on_bit_for_bit(
    nb201: SearchSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    path, schedule = tmp_path / "cells.checkpoint", Schedule(steps=4, batch_size=16)
    whole, record = train_generator(nb201, family, schedule)
    with pytest.raises(Killed):
        train_generator(nb201, family, schedule, checkpoint=path, report=killed_at_two)
    # What is not this training does not take it up.
    for options in ({"space": Twins()}, {"uniform": True}) if family == "discrete" else ({"sde": VP()},):
        changed = {"space": nb201, "family": family, "schedule": schedule, "checkpoint": path, "resume": True} | options
        assert "is the checkpoint of a training with other settings" in refusal(**changed)  # type: ignore[arg-type]
    assert "go on with it by --resume" in refusal(nb201, family=family, schedule=schedule, checkpoint=path)
    resumed, again = train_generator(nb201, family, schedule, checkpoint=path, resume=True)
    assert equal(whole, resumed)
    assert again | {"seconds": 0} == record | {"seconds": 0}


# The score family


@pytest.mark.slow
def test_the_score_family_is_trained_as_the_discrete_one_is(nb201: SearchSpace, tmp_path: Path) -> None:
    generator, record = train_generator(nb201, "score", BRIEF, sde=VP())
    assert isinstance(generator, ScoreGenerator)
    assert generator.sde == VP()
    assert (record["family"], record["sde"], record["labels"]) == ("score", repr(VP()), 0)
    save_generator(generator, record, tmp_path / "score.safetensors")
    again = load_generator(nb201, tmp_path / "score.safetensors")
    assert again.sample(20, np.random.default_rng(0), 4) == generator.sample(20, np.random.default_rng(0), 4)


def test_the_default_noise_of_the_score_family(nb201: SearchSpace) -> None:
    generator, _ = train_generator(nb201, "score", BRIEF)
    assert isinstance(generator, ScoreGenerator)
    assert generator.sde == VE()


@pytest.mark.parametrize("family", ["discreet", ""])
def test_an_unknown_family_is_refused(nb201: SearchSpace, family: str) -> None:
    assert refusal(nb201, family=family) == f"unknown generator family '{family}': choose from discrete, score"
