"""A folder of image files, one folder within it for each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bonag.training.images import Images, make_images
from search_spaces.errors import UserError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
# By part, the folders that may hold it.
PARTS = {"train": ("train", "training"), "validation": ("val", "valid", "validation"), "test": ("test",)}
# The side where images differ in size, and none was asked for.
SIDE = 64
MOST_BYTES = 8_000_000_000


def holds_pictures(folder: Path) -> bool:
    """Whether there are image files in folders of the folder, or in theirs."""
    return any(_is_picture(path) for pattern in ("*/*", "*/*/*") for path in folder.glob(pattern))


def read_pictures(folder: Path, image_size: int | None) -> tuple[dict[str, Images], tuple[str, ...]]:
    """The parts, and the names of the classes in their order; raises UserError.

    ``train``, ``val`` and ``test`` are parts where there is a ``train``; else each folder is a class. image_size: the
    side in pixels to which images are brought, by default their own where all are alike and square, else 64: the
    shorter side is resized to it, and what the longer one has more is cut off evenly.
    """
    parts = {part: found for part, names in PARTS.items() for name in names if (found := folder / name).is_dir()}
    if "train" not in parts:
        parts = {"train": folder}
    classes = tuple(sorted(path.name for path in parts["train"].iterdir() if path.is_dir() and _pictures(path)))
    for place in parts.values():
        other = sorted({path.name for path in place.iterdir() if path.is_dir() and _pictures(path)} - set(classes))
        if other:
            raise UserError(f"class '{other[0]}' of {place} is none of {parts['train']}")
    files = {
        part: [(path, label) for label, name in enumerate(classes) for path in _pictures(place / name)]
        for part, place in parts.items()
    }
    paths = [path for part in files.values() for path, _ in part]
    side = image_size or _own_side(paths)
    if len(paths) * 3 * side**2 > MOST_BYTES:
        raise UserError(
            f"{folder} is too large for memory: {len(paths)} images of {side} x {side} pixels; choose a smaller size "
            "by --hyperparameter image_size=N"
        )
    return {part: _read(found, side, parts[part]) for part, found in files.items()}, classes


def _read(files: list[tuple[Path, int]], side: int, where: Path) -> Images:
    pixels = np.empty((len(files), 3, side, side), dtype=np.uint8)
    for place, (path, _) in enumerate(files):
        pixels[place] = _picture(path, side)
    return make_images(pixels, np.array([label for _, label in files], dtype=np.int64), where)


def _picture(path: Path, side: int) -> np.ndarray:
    """(3, side, side) uint8."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            fitted = (
                upright
                if upright.size == (side, side)
                else ImageOps.fit(upright, (side, side), Image.Resampling.BILINEAR)
            )
            return np.asarray(fitted).transpose(2, 0, 1)
    except Exception as error:  # decoders of damaged files raise whatever they like
        raise unreadable(path, error) from error


def _own_side(paths: list[Path]) -> int:
    from PIL import Image

    sizes = set()
    for path in paths:
        try:
            with Image.open(path) as image:
                sizes.add(image.size)
        except Exception as error:
            raise unreadable(path, error) from error
        if len(sizes) > 1:
            return SIDE
    width, height = sizes.pop()
    return width if width == height else SIDE


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _is_picture(path)) if folder.is_dir() else []


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.is_file()


def unreadable(path: Path, error: Exception) -> UserError:
    """What to raise where a decoder of images raised something."""
    reason = str(error).splitlines()
    return UserError(f"cannot read {path}: {reason[0] if reason else type(error).__name__}")
