"""A training learns, is a pure function of its seed, and goes on to the bit after it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bonag.running_trial import RunningTrial
from bonag.training import loop
from bonag.training.datasets import load_dataset
from bonag.training.fitting import Fit
from bonag.training.measuring import Pixels, measure
from bonag.training.recipe import make_recipe
from search_spaces import get_space

NARROW = {"channels": 4, "cells": 1}
# All that has a state between epochs takes part.
SETTINGS = ("epochs=5", "batch_size=16", "warmup_epochs=1", "ema=0.8", "label_smoothing=0.1", "cutout=2", "flip=true")


@pytest.fixture
def make_fit(space, architecture, small):
    dataset = load_dataset(str(small))

    def make(*settings: str, images=dataset) -> Fit:
        return Fit(space, architecture, images, make_recipe("quick", space, images, settings or SETTINGS), NARROW)

    return make


class Killed(BaseException):
    """Ends a training as a kill does, in the middle of it."""


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


@pytest.mark.numeric
def test_a_network_learns_what_can_be_learnt(make_fit, tmp_path):
    curve = []
    trial = RunningTrial(seed=3, folder=tmp_path, tell=lambda step, metrics: curve.append((step, metrics)) or True)
    fit = make_fit("epochs=8", "batch_size=16")
    network = fit.run(trial)
    assert fit.accuracy == curve[-1][1]["accuracy"] > 95
    assert [step for step, _ in curve] == list(range(1, 9))
    assert curve[-1][1]["loss"] < curve[0][1]["loss"] / 2
    assert not network.training
    assert measure(network, fit.dataset.test, fit.pixels) > 95


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_same_seed_gives_the_same_bits_and_another_one_others(make_fit, optimizer):
    settings = (*SETTINGS, f"optimizer={optimizer}", "learning_rate=0.01")
    torch.manual_seed(1)
    first = weights(make_fit(*settings).run(RunningTrial(seed=3)))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert same(first, weights(make_fit(*settings).run(RunningTrial(seed=3))))
    assert torch.get_rng_state().equal(state), "the global random numbers were used"
    assert not same(first, weights(make_fit(*settings).run(RunningTrial(seed=4))))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_training_that_ended_anywhere_goes_on_to_the_same_bits(make_fit, tmp_path, monkeypatch, optimizer):
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    settings = (*SETTINGS, f"optimizer={optimizer}", "learning_rate=0.01")
    whole = make_fit(*settings)
    expected = weights(whole.run(RunningTrial(seed=3)))
    for epoch in range(1, 6):
        folder, steps = tmp_path / str(epoch), []

        def fatal(step, metrics, last=epoch):
            if step == last:
                raise Killed
            return True

        def tell(step, metrics, seen=steps):
            seen.append(step)
            return True

        with pytest.raises(Killed):
            make_fit(*settings).run(RunningTrial(seed=3, folder=folder, tell=fatal))
        fit = make_fit(*settings)
        assert same(expected, weights(fit.run(RunningTrial(seed=3, folder=folder, tell=tell))))
        assert fit.accuracy == whole.accuracy
        # It was killed before this epoch was kept, and those before it are not done again.
        assert steps == list(range(epoch, 6))


def test_a_state_is_kept_only_where_an_epoch_takes_long(make_fit, tmp_path):
    folder = tmp_path / "trial"
    make_fit().run(RunningTrial(folder=folder))
    assert list(folder.iterdir()) == []


def test_a_trial_that_is_told_to_stop_ends_with_what_it_has(make_fit, tmp_path):
    fit = make_fit()
    trial = RunningTrial(folder=tmp_path, tell=lambda step, metrics: step < 2)
    fit.run(trial)
    assert (fit.epochs, trial.stopped) == (2, True)
    assert 0 <= fit.accuracy <= 100


def test_a_training_that_diverges_says_so(make_fit):
    with pytest.raises(FloatingPointError, match=r"diverged in epoch \d .*a smaller learning_rate may help"):
        make_fit("optimizer=sgd", "learning_rate=100", "warmup_epochs=0", "momentum=0.99").run(RunningTrial())


@pytest.mark.parametrize("image_size", [None, 12])
def test_networks_see_images_of_mean_zero_and_spread_one(small, image_size):
    images = load_dataset(str(small)).train
    prepared = Pixels.of(images, image_size or 8).prepare(images.pixels)
    assert prepared.shape == (len(images), 3, image_size or 8, image_size or 8)
    if image_size is None:
        assert prepared.mean().abs() < 1e-3
        assert abs(float(prepared.std()) - 1) < 1e-3


def test_a_batch_larger_than_the_data_is_one_step(make_fit):
    fit = make_fit("epochs=1", "batch_size=1000")
    fit.run(RunningTrial())
    assert fit.epochs == 1


PROGRAM = """
import json, sys
import torch
from bonag.running_trial import RunningTrial
from bonag.training import fitting, loop
from bonag.training.datasets import load_dataset
from bonag.training.recipe import make_recipe
from search_spaces import get_space

torch.set_num_threads(1)
loop.SAVE_EVERY = 0.0
folder, cell = sys.argv[1:]
space = get_space("nb201")
dataset = load_dataset("digits")
recipe = make_recipe("quick", space, dataset, ["epochs=12", "ema=0.9"])
fit = fitting.Fit(space, space.parse(cell), dataset, recipe, {"channels": 4, "cells": 1})

def tell(step, metrics):
    print(json.dumps([step, metrics]), flush=True)
    return True

fit.run(RunningTrial(seed=5, folder=__import__("pathlib").Path(folder), tell=tell))
"""


@pytest.mark.slow
def test_a_killed_process_is_gone_on_with_to_the_bit(tmp_path, architecture):
    def start(folder: Path) -> subprocess.Popen:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", PROGRAM, str(folder), str(architecture)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    whole = dict(json.loads(line) for line in start(tmp_path / "whole").communicate()[0].splitlines())
    assert len(whole) == 12
    rng, seen = np.random.default_rng(0), {}
    for last in (2, 5, 8, None):
        process = start(tmp_path / "killed")
        # To the end of what it said: it may have gone on before it was killed.
        for line in process.stdout:
            step, metrics = json.loads(line)
            # Where an epoch is done again, it has the same values.
            assert seen.setdefault(step, metrics) == metrics
            if step == last:
                time.sleep(rng.uniform(0, 0.3))
                process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()
    assert seen == whole


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nb101", "mbv3", "darts"])
def test_networks_of_every_space_are_trained(small, name):
    space = get_space(name)
    dataset = load_dataset(str(small))
    recipe = make_recipe("quick", space, dataset, ["epochs=1"])
    architecture = space.sample(1, np.random.default_rng(0))[0]
    arguments = {} if name == "mbv3" else {"channels": 8, "cells": 1}
    fit = Fit(space, architecture, dataset, recipe, arguments)
    fit.run(RunningTrial())
    assert 0 <= fit.accuracy <= 100
