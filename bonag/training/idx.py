"""IDX files, the format of MNIST and its followers (http://yann.lecun.com/exdb/mnist/)."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from bonag.training.images import Images, make_images
from search_spaces.errors import UserError

UNSIGNED_BYTE = 8
MOST_BYTES = 4_000_000_000
# By part, the beginnings of the names of its files.
PARTS = {"train": "train", "validation": "val", "test": "t10k"}


def holds_idx(folder: Path) -> bool:
    """Whether the folder has the training images as an IDX file."""
    return _find(folder, PARTS["train"], "images") is not None


def read_idx_folder(folder: Path) -> dict[str, Images]:
    """Train, and validation and test where they are there; raises UserError."""
    found = {}
    for part, begins in PARTS.items():
        images = _find(folder, begins, "images") or (_find(folder, "test", "images") if part == "test" else None)
        if images is None:
            continue
        labels = _find(folder, images.name.split("-")[0], "labels")
        if labels is None:
            raise UserError(f"{folder} has {images.name} and no labels for it")
        found[part] = make_images(read_idx(images), read_idx(labels), images)
    return found


def read_idx(path: Path) -> np.ndarray:
    """The array of bytes in an IDX file, compressed by gzip or not; raises UserError."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                data = file.read(MOST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"cannot read {path}: {str(error).splitlines()[0] if str(error) else 'damaged'}") from error
    dimensions = data[3] if len(data) > 3 else 0
    head = 4 + 4 * dimensions
    if len(data) < head or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTE or not dimensions:
        raise UserError(f"cannot read {path}: it is no IDX file of bytes")
    shape = struct.unpack(f">{dimensions}I", data[4:head])
    expected = head + int(np.prod(shape, dtype=object))
    if len(data) != expected:
        raise UserError(f"cannot read {path}: it has {len(data)} bytes, and {expected} by its head")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape).copy()


def _find(folder: Path, begins: str, what: str) -> Path | None:
    """As ``train-images-idx3-ubyte.gz``, with or without the ending, and with a dot in place of a dash."""
    for path in sorted(folder.glob(f"{begins}-{what}[-.]idx*-ubyte*")):
        if path.name.endswith(("ubyte", "ubyte.gz")):
            return path
    return None
