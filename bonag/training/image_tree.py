"""ImageNet as it lies on disk: a folder of image files for each class, too many to hold them all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bonag.training.images import draw_rows, spread
from bonag.training.pictures import ENDINGS, PARTS
from search_spaces.errors import UserError

# For batch norm statistics Once-for-All takes so many of the training images, drawn by this seed.
STATISTICS_OF, DRAW_SEED = 2000, 937162211


@dataclass(frozen=True, eq=False)
class Files:
    """Image files: paths, and (N,) int64 labels."""

    paths: tuple[Path, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: np.ndarray) -> Files:
        """Those at the given places, in their order."""
        return Files(tuple(self.paths[row] for row in rows.tolist()), self.labels[rows])


class ImageTree:
    """A validation tree, with training images where there are any.

    folder: it holds ``val`` and perhaps ``train``, each with a folder of images for each class, or these class folders
    itself. Classes are counted in the order of their folders' names. n: how many validation images are measured, all
    where None, spread evenly over the classes. Raises UserError.
    """

    def __init__(self, folder: Path, n: int | None = None) -> None:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder: give that of ImageNet, with class folders in its 'val'")
        found = {part: _first(folder, PARTS[part]) for part in ("validation", "train")}
        if found["train"] is not None and found["validation"] is None:
            raise UserError(f"{folder} has training images and no folder 'val'")
        self.folder, self.train = folder, found["train"]
        place = found["validation"] or folder
        self.classes = _class_names(place)
        if not self.classes:
            raise UserError(
                f"{place} holds no class folders: sort the validation images into one folder for each class"
            )
        if self.train is not None and _class_names(self.train) != self.classes:
            odd = sorted(set(_class_names(self.train)) ^ set(self.classes))[0]
            raise UserError(f"class '{odd}' is in only one of {self.train} and {place}")
        self.validation = _list(place, self.classes)
        count = len(self.validation)
        self.rows = np.arange(count) if n is None or n >= count else spread(self.validation.labels, n)

    @property
    def evaluated(self) -> Files:
        """The validation images that are measured."""
        return self.validation.take(self.rows)

    @cached_property
    def recalibration(self) -> Files:
        """Images for batch norm statistics, at most 2,000, always the same ones; see ``told`` for which."""
        if self.train is not None:
            files = _list(self.train, self.classes)
        else:
            others = np.setdiff1d(np.arange(len(self.validation)), self.rows)
            files = self.validation.take(others) if len(others) else self.validation
        return files.take(draw_rows(len(files), STATISTICS_OF, DRAW_SEED))

    @property
    def told(self) -> str:
        """Which images statistics are of, in words."""
        if self.train is not None:
            return "training images"
        others = len(self.validation) - len(self.rows)
        used = "validation images that accuracy is not of" if others else "validation images, those of the accuracy"
        return f"{used}, for there are no training images"


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _class_names(place: Path) -> tuple[str, ...]:
    with os.scandir(place) as entries:
        return tuple(sorted(one.name for one in entries if one.is_dir() and not one.name.startswith(".")))


def _list(place: Path, classes: tuple[str, ...]) -> Files:
    paths: list[Path] = []
    counts = []
    for name in classes:
        with os.scandir(place / name) as entries:
            # Whether it is a file is told by the folder; a million images need not be asked one by one.
            found = sorted(one.name for one in entries if one.name.lower().endswith(ENDINGS) and one.is_file())
        if not found:
            raise UserError(f"{place / name} holds no images: they end in {', '.join(ENDINGS)}")
        paths += [place / name / file for file in found]
        counts.append(len(found))
    return Files(tuple(paths), np.repeat(np.arange(len(classes)), counts))
