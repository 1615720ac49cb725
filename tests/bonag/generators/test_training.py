"""Training: it learns more than the marginals, repeats itself exactly, and writes files that work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bonag.generators.artifact import load_generator
from bonag.generators.generator import DiffusionGenerator
from bonag.generators.training import main, train_generator
from loops.errors import UserError
from search_spaces import SearchSpace, get_space


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return get_space("nb201")


@pytest.fixture(scope="module")
def trained(space: SearchSpace) -> tuple[DiffusionGenerator, dict[str, object]]:
    return train_generator(space, steps=150, batch_size=64, seed=0)


def loss_at(generator: DiffusionGenerator, t: float) -> float:
    """Cross-entropy of the clean operations of the free nodes at a noise level, on fresh cells."""
    space = generator.space
    x = torch.from_numpy(space.codes(space.sample(2000, np.random.default_rng(99))))
    z = generator.transition.noised(x, t, torch.Generator().manual_seed(0))
    with torch.no_grad():
        probabilities = generator.clean_probabilities(z, t)[:, 1:-1]
    return -probabilities.gather(2, x[:, 1:-1, None]).log().mean().item()


def test_a_short_training_already_beats_the_marginals(trained: tuple[DiffusionGenerator, dict]) -> None:
    generator, _ = trained
    entropy = np.log(5)
    assert loss_at(generator, 0.1) < 0.75 * entropy
    assert loss_at(generator, 0.3) < 0.85 * entropy
    # Where nothing is left of the graph, the marginals are all that can be known.
    assert loss_at(generator, 1.0) > entropy - 0.01


def test_less_noise_is_easier(trained: tuple[DiffusionGenerator, dict]) -> None:
    losses = [loss_at(trained[0], t) for t in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert (np.diff(losses) > 0).all()


def test_longer_training_loses_less(space: SearchSpace, trained: tuple[DiffusionGenerator, dict]) -> None:
    short, _ = train_generator(space, steps=5, batch_size=64, seed=0)
    assert loss_at(trained[0], 0.3) < loss_at(short, 0.3) - 0.1


def test_the_record_says_what_was_done(trained: tuple[DiffusionGenerator, dict]) -> None:
    _, record = trained
    assert record["labels"] == 0
    assert (record["steps"], record["batch_size"], record["seed"]) == (150, 64, 0)
    assert record["samples"] >= 150 * 64
    # Over all noise levels alike; less than half of the entropy of the marginals cannot be reached.
    assert 0.5 * np.log(5) < record["loss"] < 0.8 * np.log(5)


def test_the_seed_decides_everything(space: SearchSpace) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        return train_generator(space, steps=4, batch_size=32, seed=seed)[0].denoiser.state_dict()

    first, again, other = weights(3), weights(3), weights(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_training_leaves_the_global_random_state_alone(space: SearchSpace) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train_generator(space, steps=2, batch_size=8)
    assert torch.equal(torch.get_rng_state(), before)


def test_marginals_are_those_of_the_space(trained: tuple[DiffusionGenerator, dict]) -> None:
    marginals = trained[0].transition.marginals.numpy()
    assert marginals.sum(axis=1) == pytest.approx(1)
    assert marginals[0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert marginals[-1].tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert marginals[1:-1, 2:] == pytest.approx(0.2, abs=0.01)
    assert not marginals[1:-1, :2].any()


def test_the_trained_denoiser_does_not_train_any_more(trained: tuple[DiffusionGenerator, dict]) -> None:
    assert not trained[0].denoiser.training


@pytest.mark.parametrize("steps", [0, -5])
def test_no_steps_are_no_training(space: SearchSpace, steps: int) -> None:
    with pytest.raises(UserError, match=f"steps must be at least 1, not {steps}"):
        train_generator(space, steps=steps)


def test_the_command_writes_a_generator_that_works(space: SearchSpace, tmp_path: Path) -> None:
    path = tmp_path / "cells.safetensors"
    command = [sys.executable, "-m", "bonag.generators.training", "--space", "nb201", "--steps", "3"]
    done = subprocess.run([*command, "--output", str(path)], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith(f"{path}: ")
    assert "'labels': 0" in done.stdout
    assert len(load_generator(space, path).sample(5, np.random.default_rng(0))) == 5


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--space", "nb210", "--output", "x.safetensors"], "unknown space 'nb210': did you mean 'nb201'?"),
        (["--space", "nb201", "--output", "missing/x.safetensors"], "cannot write missing/x.safetensors"),
        (["--space", "nb201", "--output", "."], "cannot write ."),
        (["--space", "nb201", "--output", "x.safetensors", "--steps", "0"], "steps must be at least 1, not 0"),
    ],
)
def test_bad_input_gets_one_line_before_any_training(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    # Training for the default number of steps would take minutes.
    monkeypatch.setattr(sys, "argv", ["training", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"error: {message}")
    assert output.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
