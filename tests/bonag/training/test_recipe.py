"""Settings are changed one by one, within bounds, and a wrong one gets one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bonag.training.augmentation import augment
from bonag.training.datasets import load_dataset
from bonag.training.networks import build_arguments, check_networks
from bonag.training.recipe import PRESETS, Recipe, make_recipe, read_hyperparameters
from search_spaces import NetworkSize, get_space
from search_spaces.errors import UserError
from search_spaces.nb201 import NB201


def test_the_preset_of_the_benchmark(space):
    recipe = make_recipe("nb201", space, load_dataset("digits"))
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.weight_decay) == (200, 256, 0.1, 5e-4)
    assert (recipe.optimizer, recipe.momentum, recipe.crop, recipe.flip) == ("sgd", 0.9, 4, True)
    assert build_arguments(space, recipe) == {}


def test_single_settings_are_changed(space):
    digits = load_dataset("digits")
    texts = ("epochs=3", "ema = 0.9", "flip=false", "crop=none", "optimizer=sgd", "learning_rate=1e-3")
    recipe = make_recipe("quick", space, digits, texts)
    assert (recipe.epochs, recipe.ema, recipe.flip, recipe.crop) == (3, 0.9, False, None)
    assert (recipe.optimizer, recipe.learning_rate) == ("sgd", 0.001)
    assert recipe.batch_size == make_recipe("quick", space, digits).batch_size


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch=3", "unknown hyperparameter 'epoch': did you mean 'epochs'?"),
        ("epochs", "must be name=value, as in 'epochs=30'"),
        ("epochs=", "must be name=value"),
        ("epochs=0", "'epochs' must be from 1 to 100000, not 0"),
        ("epochs=3.5", "'epochs' must be a whole number, not '3.5'"),
        ("epochs=none", "'epochs' must be a whole number"),
        ("learning_rate=nan", "'learning_rate' must be from"),
        ("learning_rate=fast", "must be a number, not 'fast'"),
        ("ema=1", "'ema' must be from 0 to 0.99999, not 1"),
        ("optimizer=adam", "unknown optimizer 'adam': did you mean 'adamw'?"),
        ("flip=yes", "'flip' must be true or false, not 'yes'"),
    ],
)
def test_a_wrong_setting_gets_one_line(text, words):
    with pytest.raises(UserError) as error:
        read_hyperparameters([text])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_given_twice_is_refused(space):
    with pytest.raises(UserError, match="'epochs' is given more than once"):
        read_hyperparameters(["epochs=3", "epochs=4"])
    with pytest.raises(UserError, match="unknown preset 'quik': did you mean 'quick'"):
        make_recipe("quik", space, load_dataset("digits"))


def test_a_quick_training_makes_networks_narrow_where_the_space_can(space):
    small = PRESETS["quick"][0]
    for name, sized in (("nb201", True), ("nb101", True), ("darts", True), ("mbv3", False)):
        one = get_space(name)
        arguments = build_arguments(one, small)
        assert arguments == ({"channels": 8, "cells": 1} if sized else {})
        architecture = one.sample(1, np.random.default_rng(1))[0]
        network, own = one.build(architecture, 10, **arguments), one.build(architecture, 10)
        size, full = (sum(weight.numel() for weight in made.parameters()) for made in (network, own))
        assert size < full / 8 if sized else size == full
        assert network.eval()(torch.zeros(2, 3, 8, 8)).shape == (2, 10)
    with pytest.raises(UserError, match="space 'mbv3' have no choice of channels"):
        build_arguments(get_space("mbv3"), small, asked=["channels"])


def test_images_that_networks_do_not_take_are_refused(space, tiny_space):
    check_networks(space, NetworkSize(10, 8, {"channels": 8, "cells": 1}))
    with pytest.raises(UserError, match=r"for images of 30 pixels: .*--hyperparameter image_size=N"):
        check_networks(space, NetworkSize(10, 30))
    with pytest.raises(UserError, match=r"of space 'nbgraph' take x and edge_index, and here .* trained on images"):
        check_networks(get_space("nbgraph"), NetworkSize(10, 8))
    with pytest.raises(UserError, match="space 'tiny' builds no networks to train"):
        check_networks(tiny_space, NetworkSize(10, 8))


class Stale(NB201):
    """Says costs of its own, whatever network is built."""

    def costs(self, architecture, num_classes=None, image_size=None):
        return NB201().costs(architecture)


def test_costs_that_are_not_those_of_the_networks_to_train_are_refused():
    with pytest.raises(UserError, match=r"tells Costs\(.*and its network \(10 classes, .* channels 8\) has Costs\("):
        check_networks(Stale(), NetworkSize(10, 32, {"channels": 8}))


def generator():
    return torch.Generator().manual_seed(3)


def test_crops_are_windows_of_the_image_with_a_black_edge():
    pixels = torch.arange(1, 65, dtype=torch.uint8).view(1, 1, 8, 8).repeat(300, 1, 1, 1)
    moved = augment(pixels, generator(), crop=2, flip=False, cutout=0)
    padded = torch.nn.functional.pad(pixels[:1], (2, 2, 2, 2))
    windows = {padded[0, 0, i : i + 8, j : j + 8].numpy().tobytes() for i in range(5) for j in range(5)}
    assert {image[0].contiguous().numpy().tobytes() for image in moved} == windows


def test_about_half_of_the_images_are_mirrored():
    pixels = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8).repeat(400, 3, 1, 1)
    flipped = augment(pixels, generator(), crop=0, flip=True, cutout=0)
    mirrored = [bool(image.equal(pixels[0].flip(2))) for image in flipped]
    assert all(one or image.equal(pixels[0]) for one, image in zip(mirrored, flipped, strict=True))
    assert 150 < sum(mirrored) < 250


def test_cutout_blanks_one_square():
    holes = augment(torch.full((200, 3, 8, 8), 9, dtype=torch.uint8), generator(), crop=0, flip=False, cutout=3) == 0
    assert int(holes.sum((2, 3)).max()) == 9
    assert int(holes.sum((2, 3)).min()) >= 4
    assert holes[:, 0].equal(holes[:, 1])


def test_every_setting_has_bounds_or_a_choice():
    for name, setting in Recipe.__dataclass_fields__.items():
        assert setting.metadata["help"].endswith("."), name
