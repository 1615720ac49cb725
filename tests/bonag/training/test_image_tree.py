"""ImageNet's layout: which images are measured, and which give batch norm statistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bonag.training.image_tree import DRAW_SEED, ImageTree
from search_spaces.errors import UserError


@pytest.fixture
def make_tree(tmp_path):
    """Makes files that nobody has to decode."""

    def make(parts, classes=("n03", "n01", "n02")):
        for part, n in parts.items():
            for name in classes:
                place = tmp_path / part / name
                place.mkdir(parents=True)
                for number in range(n):
                    (place / f"{number:04d}.JPEG").touch()
        return tmp_path

    return make


def test_classes_are_counted_in_the_order_of_their_names(make_tree):
    tree = ImageTree(make_tree({"val": 2, "train": 3}))
    assert tree.classes == ("n01", "n02", "n03")
    assert [path.parent.name for path in tree.evaluated.paths] == ["n01", "n01", "n02", "n02", "n03", "n03"]
    assert tree.evaluated.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert [path.name for path in tree.evaluated.paths[:2]] == ["0000.JPEG", "0001.JPEG"]


def test_a_part_of_the_images_has_every_class_alike_and_is_always_the_same(make_tree):
    folder = make_tree({"val": 50})
    part = ImageTree(folder, 30).evaluated
    assert np.bincount(part.labels).tolist() == [10, 10, 10]
    assert part.paths == ImageTree(folder, 30).evaluated.paths
    # Not just the first ones of each class.
    assert {path.name for path in part.paths if path.parent.name == "n01"} != {f"{i:04d}.JPEG" for i in range(10)}
    assert len(ImageTree(folder, 1000).evaluated) == 150
    assert sorted(np.bincount(ImageTree(folder, 7).evaluated.labels).tolist()) == [2, 2, 3]


def test_statistics_are_of_the_training_images_that_once_for_all_draws(make_tree):
    tree = ImageTree(make_tree({"val": 1, "train": 700}))
    drawn = tree.recalibration
    order = torch.randperm(2100, generator=torch.Generator().manual_seed(DRAW_SEED))[:2000].tolist()
    every = [tree.train / name / f"{number:04d}.JPEG" for name in tree.classes for number in range(700)]
    assert list(drawn.paths) == [every[place] for place in order]
    assert tree.told == "training images"


def test_without_training_images_they_are_of_those_that_are_not_measured(make_tree):
    folder = make_tree({"": 10})
    tree = ImageTree(folder, 12)
    assert not set(tree.recalibration.paths) & set(tree.evaluated.paths)
    assert len(tree.recalibration) == 18
    assert "validation images that accuracy is not of" in tree.told
    tree = ImageTree(folder)
    assert set(tree.recalibration.paths) == set(tree.evaluated.paths)
    assert "those of the accuracy" in tree.told


def refused(match, folder):
    with pytest.raises(UserError, match=match) as error:
        ImageTree(folder)
    assert "\n" not in str(error.value)


def test_other_folders_are_refused_in_one_line(make_tree, tmp_path):
    refused("absent is no folder: give that of ImageNet", tmp_path / "absent")
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "ILSVRC2012_val_00000001.JPEG").touch()
    refused("flat holds no class folders: sort the validation images", tmp_path / "flat")
    folder = make_tree({"train": 2})
    refused("has training images and no folder 'val'", folder)
    (folder / "val" / "n01").mkdir(parents=True)
    refused("class 'n02' is in only one of .*train and .*val", folder)
    for name in ("n02", "n03"):
        (folder / "val" / name).mkdir()
    (folder / "val" / "n01" / "notes.txt").touch()
    refused("n01 holds no images: they end in .png, .jpg, .jpeg", folder)
