"""The images on which networks of a supernet are measured: files of ImageNet, or a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bonag.training.datasets import load_dataset
from bonag.training.decoded import decode, kept_folder
from bonag.training.image_tree import DRAW_SEED, STATISTICS_OF, ImageTree
from bonag.training.images import draw_rows

if TYPE_CHECKING:
    from bonag.training.images import Dataset, Images

# Called, while images are read, with how many are and how many there are.
Seen = Callable[[int, int], object]


class SupernetImages(Protocol):
    """Where images come from; equal ones give the same images, and travel without them."""

    @property
    def num_classes(self) -> int:
        """How many classes they are of."""
        ...

    @property
    def side(self) -> int:
        """Pixels of an image's side, as they are read."""
        ...

    def read(self, seen: Seen) -> tuple[Images, Images]:
        """Those for batch norm statistics, and those to measure on; raises UserError."""
        ...

    def describe(self) -> str:
        """Which images both are, in sentences."""
        ...


@dataclass(frozen=True)
class TreeImages:
    """Files of ``ImageTree``, at that side in pixels. n: how many validation images, all where None."""

    folder: Path
    side: int
    n: int | None

    @property
    def num_classes(self) -> int:
        return len(self._tree.classes)

    def read(self, seen: Seen) -> tuple[Images, Images]:
        statistics = decode(self._tree.recalibration, self.side, DRAW_SEED, seen)
        return statistics, decode(self._tree.evaluated, self.side, None, seen)

    def describe(self) -> str:
        tree = self._tree
        count, there = len(tree.rows), len(tree.validation)
        which = f"{count:,}" if count == there else f"the same {count:,} of {there:,}, spread evenly over the classes,"
        return (
            f"The statistics are of up to 2,000 {tree.told}, in random crops that all networks share. Accuracy (%) is "
            f"that on {which} validation images of {self.folder}, centre crops of {self.side} pixels. Decoded images "
            f"are kept in {kept_folder()}."
        )

    @property
    def _tree(self) -> ImageTree:
        return _tree(self.folder, self.n)


@dataclass(frozen=True)
class DatasetImages:
    """A data set by name or path, as ``load_dataset`` takes them. n: how many validation images, all where None."""

    name: str
    data: Path | None
    n: int | None
    image_size: int | None

    @property
    def num_classes(self) -> int:
        return self.dataset.num_classes

    @property
    def side(self) -> int:
        return self.dataset.side

    @property
    def dataset(self) -> Dataset:
        """The data set, read once in a process."""
        return _load(self.name, self.data, self.image_size)

    def read(self, seen: Seen) -> tuple[Images, Images]:
        train = self.dataset.train
        return train.take(draw_rows(len(train), STATISTICS_OF, DRAW_SEED)), self.dataset.validation.first(self.n)

    def describe(self) -> str:
        used = len(self.dataset.validation.first(self.n))
        return (
            f"The statistics are of up to 2,000 training images of {self.dataset.describe()}. Accuracy (%) is that on "
            f"{used:,} validation images; the test images are left to `bonag test`."
        )


_kept: dict[SupernetImages, tuple[Images, Images]] = {}


def read_once(images: SupernetImages, seen: Seen) -> tuple[Images, Images]:
    """What ``read`` gives, kept by this process until it is asked for others."""
    if images not in _kept:
        _kept.clear()
        _kept[images] = images.read(seen)
    return _kept[images]


@lru_cache(maxsize=1)
def _tree(folder: Path, n: int | None) -> ImageTree:
    return ImageTree(folder, n)


@lru_cache(maxsize=1)
def _load(name: str, data: Path | None, image_size: int | None) -> Dataset:
    return load_dataset(name, data, image_size)
