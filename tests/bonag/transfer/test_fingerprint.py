"""A data set's fingerprint tells what its training images look like, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bonag.evaluators import make_evaluator
from bonag.transfer import efficientnet
from bonag.transfer.fingerprint import FILTERS, fingerprint
from loops.fingerprint import Fingerprint
from search_spaces import get_space
from search_spaces.errors import UserError

RNG = np.random.default_rng(0)
# Of three features of the image below.
KNOWN = [0.060608, 0.037292, 0.090881]


def images(n: int = 200, classes: int = 3, channels: int = 1, side: int = 10) -> tuple[torch.Tensor, np.ndarray]:
    """Stripes whose width is the class, in noise."""
    labels = np.arange(n) % classes
    stripes = (np.arange(side)[None] // (1 + labels[:, None]) % 2 * 120)[:, None, None, :]
    pixels = stripes + RNG.integers(0, 100, (n, channels, side, side))
    return torch.from_numpy(pixels.astype(np.uint8)), labels


def same(one: Fingerprint, other: Fingerprint) -> bool:
    parts = zip((one.counts, one.statistics), (other.counts, other.statistics), strict=True)
    return (one.network, one.side) == (other.network, other.side) and all(np.array_equal(*pair) for pair in parts)


@pytest.mark.slow
def test_it_is_the_same_each_time_and_in_whatever_order_the_images_come() -> None:
    pixels, labels = images(2500)
    order = RNG.permutation(len(labels))
    first = fingerprint(pixels, labels)
    assert same(first, fingerprint(pixels, labels))
    assert same(first, fingerprint(pixels[torch.from_numpy(order)], labels[order]))


def test_it_changes_with_the_images_their_classes_and_their_number() -> None:
    pixels, labels = images()
    first = fingerprint(pixels, labels)
    for other in (
        fingerprint(255 - pixels, labels),
        fingerprint(pixels, np.roll(labels, 1)),
        fingerprint(pixels, labels, images=50),
        fingerprint(pixels, labels, side=5),
    ):
        assert not same(first, other)
    assert first.counts.tolist() == [67, 67, 66]
    assert fingerprint(pixels, labels, images=50).counts.sum() == 50


@pytest.mark.parametrize(("classes", "channels", "side"), [(2, 3, 7), (100, 1, 28), (130, 3, 40)])
def test_any_data_set_has_a_small_one(classes: int, channels: int, side: int) -> None:
    found = fingerprint(*images(3 * classes, classes, channels, side))
    assert found.statistics.shape == (min(classes, 100), 4, 64)
    assert found.statistics.nbytes + found.counts.nbytes < 100_000
    assert found.means.shape == found.variances.shape == (min(classes, 100), 64)


def test_means_and_variances_are_those_of_the_features() -> None:
    pixels, labels = images(90)
    whole, apart = fingerprint(pixels, labels), fingerprint(pixels, np.zeros(90, dtype=int))
    # Of equal classes, the mean over all is the mean of the classes' means, and the variance adds theirs.
    np.testing.assert_allclose(whole.means.mean(axis=0), apart.means[0], atol=2e-3)
    added = whole.variances.mean(axis=0) + whole.means.var(axis=0)
    np.testing.assert_allclose(added, apart.variances[0], rtol=0.1, atol=2e-4)


def test_only_training_images_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator: Any = make_evaluator(get_space("nb201"), "train", settings={"hyperparameters": ["images=100"]})
    whole = evaluator.images()
    dataset = replace(whole, train=whole.train.first(100))
    monkeypatch.setattr("bonag.evaluators.train.load_dataset", lambda *_: dataset)
    first = evaluator.fingerprint()
    hidden = {
        name: replace(part, pixels=torch.zeros_like(part.pixels))
        for name in ("train", "validation", "test")
        for part in [getattr(dataset, name)]
    }
    for name, told in (("validation", True), ("test", True), ("train", False)):
        changed = replace(dataset, **{name: hidden[name]})
        monkeypatch.setattr("bonag.evaluators.train.load_dataset", lambda *_, changed=changed: changed)
        assert same(first, evaluator.fingerprint()) == told


def test_a_run_may_do_without_and_a_wrong_name_is_told() -> None:
    space = get_space("nb201")
    evaluator: Any = make_evaluator(space, "train", settings={"fingerprint": "none"})
    assert evaluator.fingerprint() is None
    with pytest.raises(UserError, match="unknown fingerprint 'random': did you mean 'random-filters'"):
        make_evaluator(space, "train", settings={"fingerprint": "random"})
    with pytest.raises(ValueError, match="finite"):
        replace(fingerprint(*images()), statistics=np.full((3, 4, 64), np.nan, dtype=np.float16))


def test_networks_are_the_same_on_every_machine() -> None:
    """These numbers may never change: fingerprints in records are compared with new ones."""
    pixels = torch.arange(2 * 8 * 8).reshape(2, 1, 8, 8).to(torch.uint8)
    found = fingerprint(pixels, np.zeros(2, dtype=int))
    assert found.network == FILTERS
    np.testing.assert_allclose(found.means[0, [0, 16, 63]], KNOWN, rtol=2e-3)


def test_efficientnet_looks_too() -> None:
    pytest.importorskip(efficientnet.PACKAGE)
    pixels, labels = images(20)
    found = fingerprint(pixels, labels, efficientnet.NAME)
    assert (found.network, found.statistics.shape) == (efficientnet.NAME, (3, 4, 64))
    assert found.means.std(axis=0).min() > 0
