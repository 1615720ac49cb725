"""CIFAR-10 and CIFAR-100 as their authors hand them out for Python (https://www.cs.toronto.edu/~kriz/cifar.html)."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bonag.plain_pickle import load_plain
from bonag.training.images import Images, make_images
from search_spaces.errors import UserError

SIDE = 32
MOST_BYTES = 1_000_000_000
TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
# By name: classes, archive, its folder, the files of each part, and the key of the labels.
KINDS: dict[str, tuple[int, str, str, dict[str, tuple[str, ...]], bytes]] = {
    "cifar10": (10, "cifar-10-python.tar.gz", "cifar-10-batches-py", {"train": TRAINING, "test": ("test_batch",)},
                b"labels"),
    "cifar100": (100, "cifar-100-python.tar.gz", "cifar-100-python", {"train": ("train",), "test": ("test",)},
                 b"fine_labels"),
}  # fmt: skip


def cifar_kind(path: Path) -> str | None:
    """``cifar10`` or ``cifar100`` where the path is such an archive or such a folder."""
    for kind, (_, archive, _, parts, _) in KINDS.items():
        if path.is_file() and path.name == archive:
            return kind
        if path.is_dir() and all((path / name).is_file() for name in (*parts["train"], *parts["test"])):
            # Folders of images by class may be called train and test, but those are no files.
            return kind
    return None


def read_cifar(kind: str, path: Path) -> dict[str, Images]:
    """Train and test of the archive or folder; raises UserError."""
    _, _, folder, parts, key = KINDS[kind]
    if path.is_dir():
        return {part: _read(names, lambda name: (path / name).read_bytes(), key, path) for part, names in parts.items()}
    try:
        with tarfile.open(path) as archive:

            def member(name: str) -> bytes:
                file = archive.extractfile(f"{folder}/{name}")
                if file is None:
                    raise KeyError(f"{name} is no file")
                return file.read(MOST_BYTES)

            return {part: _read(names, member, key, path) for part, names in parts.items()}
    except (tarfile.TarError, OSError, EOFError, KeyError, zlib.error) as error:
        raise UserError(f"cannot read {path}: {error.args[0] if error.args else 'damaged'!s}") from error


def _read(names: tuple[str, ...], content: Callable[[str], bytes], key: bytes, path: Path) -> Images:
    pixels, labels = [], []
    for name in names:
        where = f"{name} of {path}"
        try:
            batch = _load(content(name))
            data, of_batch = batch[b"data"], np.asarray(batch[key], dtype=np.int64)
            pixels.append(np.asarray(data, dtype=np.uint8).reshape(-1, 3, SIDE, SIDE))
        except (UserError, OSError, tarfile.TarError):
            raise
        except Exception as error:  # a damaged pickle can raise anything
            reason = str(error).splitlines()
            raise UserError(f"cannot read {where}: {reason[0] if reason else type(error).__name__}") from error
        labels.append(of_batch)
    return make_images(np.concatenate(pixels), np.concatenate(labels), path)


def _load(data: bytes) -> dict[bytes, Any]:
    loaded = load_plain(data, encoding="bytes")
    if not isinstance(loaded, dict):
        raise TypeError(f"a {type(loaded).__name__}, and no dictionary")
    return {key.encode() if isinstance(key, str) else key: value for key, value in loaded.items()}
