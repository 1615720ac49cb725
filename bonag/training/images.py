"""Images with their labels, and how they are split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.errors import UserError

if TYPE_CHECKING:
    import torch

SPLIT_SEED = 2026
# One in so many images is taken where a split is missing.
TAKEN = 5


@dataclass(frozen=True, eq=False)
class Images:
    """pixels: (N, C, H, W) uint8, C is 3, or 1 of grey images, which networks are shown three times.

    labels: (N,) int64, classes from 0.
    """

    pixels: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Images:
        """Those at the given places, in their order."""
        import torch

        chosen = torch.from_numpy(np.asarray(rows, dtype=np.int64))
        return Images(self.pixels[chosen], self.labels[chosen])

    def join(self, other: Images) -> Images:
        """These, then the others."""
        import torch

        return Images(torch.cat([self.pixels, other.pixels]), torch.cat([self.labels, other.labels]))

    def first(self, n: int | None) -> Images:
        """At most n of them, the same for each n, with every class as frequent as it is among all."""
        if n is None or n >= len(self):
            return self
        return self.take(spread(self.labels.numpy(), n))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in its three parts.

    name: as users call it. validation: selects. test: reports, and nothing else. flips: whether a mirrored image is
    still one of its class, as far as is known.
    """

    name: str
    train: Images
    validation: Images
    test: Images
    num_classes: int
    flips: bool

    @property
    def side(self) -> int:
        """Pixels of an image's side."""
        return int(self.train.pixels.shape[-1])

    def describe(self) -> str:
        """Name, size and splits, in words."""
        return (
            f"{self.name} ({self.num_classes} classes, {self.side} x {self.side} pixels; {len(self.train):,} images to "
            f"train, {len(self.validation):,} to validate, {len(self.test):,} to test)"
        )


def make_images(pixels: np.ndarray, labels: np.ndarray, where: object) -> Images:
    """Check and convert (N, H, W), (N, H, W, 1 or 3) or (N, 1 or 3, H, W) uint8 and (N,) integers; raises UserError.

    where: what messages call them.
    """
    import torch

    if pixels.dtype != np.uint8:
        raise UserError(f"the images of {where} must be of type uint8, from 0 to 255, not {pixels.dtype}")
    labels = np.asarray(labels)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"the labels of {where} must be whole numbers, one an image")
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels
    if pixels.ndim == 4 and pixels.shape[1] not in (1, 3) and pixels.shape[3] in (1, 3):
        pixels = pixels.transpose(0, 3, 1, 2)
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3):
        raise UserError(f"the images of {where} must be (N, H, W), (N, H, W, 3) or (N, 3, H, W), not {pixels.shape}")
    if len(pixels) != len(labels):
        raise UserError(f"{where} has {len(pixels)} images and {len(labels)} labels")
    if not len(labels):
        raise UserError(f"{where} has no images")
    if labels.min() < 0:
        raise UserError(f"the labels of {where} must count from 0, and one is {labels.min()}")
    tensor = torch.from_numpy(np.ascontiguousarray(pixels))
    return Images(tensor, torch.from_numpy(labels.astype(np.int64)))


def make_dataset(name: str, parts: Mapping[str, Images], *, flips: bool, num_classes: int | None = None) -> Dataset:
    """Split what is not split yet: one in five images, the same ones each time, every class alike; raises UserError.

    parts: ``train``, and ``validation`` and ``test`` where they are there. A missing test split is taken from the
    training images, and after it a missing validation split.
    """
    train, validation, test = parts["train"], parts.get("validation"), parts.get("test")
    found = list(parts.values())
    shape = train.pixels.shape[1:]
    for part in found:
        if part.pixels.shape[1:] != shape:
            raise UserError(f"the parts of data set '{name}' differ in the size of their images")
    if shape[1] != shape[2]:
        raise UserError(f"the images of data set '{name}' must be square, and are {shape[2]} x {shape[1]} pixels")
    classes = num_classes or 1 + max(int(part.labels.max()) for part in found)
    held = len(np.unique(train.labels.numpy()))
    if held < 2:
        raise UserError(f"data set '{name}' must have two classes or more, and its training images have {held}")
    if max(int(part.labels.max()) for part in found) >= classes or classes > 1_000_000:
        raise UserError(f"a label of data set '{name}' is beyond its classes")
    if test is None:
        train, test = _part(name, train)
    if validation is None:
        train, validation = _part(name, train)
    return Dataset(name, train, validation, test, classes, flips)


def resplit(dataset: Dataset) -> Dataset:
    """The data set with its validation images among those to train with, and none left to validate."""
    none = dataset.validation.take(np.empty(0))
    return replace(dataset, train=dataset.train.join(dataset.validation), validation=none)


def _part(name: str, images: Images) -> tuple[Images, Images]:
    order = _by_class(images.labels.numpy())
    taken = np.zeros(len(order), dtype=bool)
    taken[order[TAKEN - 1 :: TAKEN]] = True
    if not taken.any():
        raise UserError(f"data set '{name}' is too small to be split: {len(images)} images")
    return images.take(np.flatnonzero(~taken)), images.take(np.flatnonzero(taken))


def spread(labels: np.ndarray, n: int) -> np.ndarray:
    """The places of n of the labels, at most all, in order: the same for each n, spread over them sorted by class."""
    return np.sort(_by_class(labels)[np.arange(n) * len(labels) // n])


def draw_rows(count: int, n: int, seed: int) -> np.ndarray:
    """The first n, at most, of so many places in the random order that PyTorch gives for the seed."""
    import torch

    drawn: np.ndarray = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:n].numpy()
    return drawn


def _by_class(labels: np.ndarray) -> np.ndarray:
    """All places, sorted by class, and within a class in an order that is always the same."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    return order[np.argsort(labels[order], kind="stable")]
