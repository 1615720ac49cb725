"""Forty tasks made of two data sets, that disagree about which cells are good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from bonag.training.datasets import DIGITS, FASHION, load_dataset
from bonag.training.images import Dataset, Images, spread
from search_spaces import Architecture, get_space

TASKS, CELLS, SEED = 40, 30, 2026
SPACE = get_space("nb201")
ANGLES = (0, 45, 180)


@dataclass(frozen=True)
class Series:
    """Half of the tasks: what sides, numbers of images and noises they are drawn from, and their validation images."""

    sides: tuple[int, ...]
    images: tuple[int, ...]
    noises: tuple[int, ...]
    validation: int


SERIES = (
    Series((8, 8, 8, 12), (250, 500, 1000, 1000), (0, 30, 60), 1000),
    Series((4, 4, 8, 12), (200, 400, 800, 800), (0, 0, 60), 3000),
)
IN_SERIES = TASKS // len(SERIES)
# One task in four is left out whole when methods are chosen.
LEFT_OUT = tuple(range(3, TASKS, 4))


@dataclass(frozen=True)
class Task:
    """source: the data set. classes: of it. side: in pixels. images: to train with. angle: degrees by which images are
    turned at random, to both sides. noise: standard deviation of what is added to pixels from 0 to 255.
    """

    number: int
    source: str
    classes: tuple[int, ...]
    side: int
    images: int
    angle: int
    noise: int
    validation: int

    @property
    def row(self) -> dict[str, object]:
        """What a table says of it."""
        return {**self.__dict__, "classes": " ".join(map(str, self.classes)), "left_out": self.number in LEFT_OUT}

    def make(self) -> Dataset:
        """The data: all of a task's random numbers are its own."""
        whole = load_dataset(self.source)
        images = whole.train.join(whole.validation).join(whole.test)
        rng = np.random.default_rng([SEED, self.number % IN_SERIES])
        of_class = np.flatnonzero(np.isin(images.labels.numpy(), self.classes))
        images = images.take(rng.permutation(of_class))
        train, rest = (images.take(rows) for rows in _parted(images.labels.numpy(), self.images))
        parts = [self._change(part, rng) for part in (train, rest.first(self.validation))]
        return Dataset(f"task{self.number}", *parts, parts[1].take(np.empty(0)), len(self.classes), flips=False)

    def _change(self, images: Images, rng: np.random.Generator) -> Images:
        size = (self.side, self.side)
        pixels = functional.interpolate(images.pixels.float(), size, mode="bilinear", antialias=True)
        turns = torch.from_numpy(np.deg2rad(rng.uniform(-self.angle, self.angle, len(images)))).float()
        rows = [turns.cos(), -turns.sin(), turns.sin(), turns.cos()]
        matrix = torch.stack(rows, dim=1).reshape(-1, 2, 2)
        grid = functional.affine_grid(functional.pad(matrix, (0, 1)), list(pixels.shape), align_corners=False)
        pixels = functional.grid_sample(pixels, grid, align_corners=False) if self.angle else pixels
        pixels = pixels + self.noise * torch.from_numpy(rng.standard_normal(pixels.shape)).float()
        labels = np.searchsorted(self.classes, images.labels.numpy())
        return Images(pixels.round().clamp(0, 255).to(torch.uint8), torch.from_numpy(labels))


def draw_tasks() -> list[Task]:
    """The forty, the same ones each time."""
    return [task for number, one in enumerate(SERIES) for task in _drawn(one, number * IN_SERIES)]


def _drawn(series: Series, first: int) -> Iterator[Task]:
    rng = np.random.default_rng(SEED)
    for number in range(first, first + IN_SERIES):
        source = (FASHION, DIGITS)[int(rng.integers(3) == 2)]
        classes = np.sort(rng.choice(10, int(rng.integers(4, 11)), replace=False))
        choices = (series.sides, series.images, ANGLES, series.noises)
        side, images, angle, noise = (int(rng.choice(one)) for one in choices)
        yield Task(number, source, tuple(classes.tolist()), side, images, angle, noise, series.validation)


def draw_cells() -> list[Architecture]:
    """The cells that are trained on every task, drawn uniformly."""
    return SPACE.sample(CELLS, np.random.default_rng(SEED))


def _parted(labels: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    chosen = spread(labels, min(n, len(labels) // 2))
    return chosen, np.setdiff1d(np.arange(len(labels)), chosen)
