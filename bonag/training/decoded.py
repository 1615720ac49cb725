"""Images of files, decoded and cropped once, and kept for the next trial, worker and run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bonag.profiling.kept import VARIABLE, home
from bonag.training.crops import read_crop
from bonag.training.image_tree import Files
from bonag.whole_file import whole_file
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.training.images import Images

# What changes the pixels that are kept changes this.
VERSION = 1
CHUNK = 512


def kept_folder() -> Path:
    """Where decoded images are kept; it may be deleted at any time when nothing runs."""
    if os.environ.get(VARIABLE):
        return home() / "images"
    from platformdirs import user_cache_path

    return user_cache_path("bonag") / "images"


def decode(
    files: Files, side: int, seed: int | None = None, seen: Callable[[int, int], object] = lambda done, all: None
) -> Images:
    """The crops of the files, uint8, which are mapped from disk and shared by all processes; raises UserError.

    seed: of random crops; None for those of the centre. seen: called now and then, while images are decoded, with how
    many are and how many there are. One process decodes, the others wait for it.
    """
    import torch

    from bonag.training.images import Images

    shape = (len(files), 3, side, side)
    path = kept_folder() / f"{_digest(files, side, seed)}.npy"
    pixels = _mapped(path, shape)
    if pixels is None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _only_one(path.with_suffix(".lock")):
                pixels = _mapped(path, shape)
                if pixels is None:
                    _write(path, files, shape, seed, seen)
                    pixels = _mapped(path, shape)
        except OSError as error:
            raise UserError(f"cannot keep decoded images in {path.parent}: {error.strerror or error}") from error
    assert pixels is not None
    return Images(torch.from_numpy(pixels), torch.from_numpy(files.labels))


def _write(
    path: Path, files: Files, shape: tuple[int, ...], seed: int | None, seen: Callable[[int, int], object]
) -> None:
    # Whoever was killed while decoding left them.
    for stale in path.parent.glob(f".{path.name}.*.tmp"):
        stale.unlink(missing_ok=True)
    size, free = int(np.prod(shape)), shutil.disk_usage(path.parent).free
    if size > free:
        raise UserError(
            f"decoded images take {size / 1e9:.1f} GB, and {path.parent} has room for {free / 1e9:.1f}: choose fewer "
            f"by --images, or another folder by {VARIABLE}"
        )

    def crop(row: int) -> bytes:
        rng = None if seed is None else np.random.default_rng([seed, row])
        return read_crop(files.paths[row], shape[-1], rng).tobytes()

    # Pillow lets go of the interpreter while it decodes.
    with whole_file(path) as temporary, open(temporary, "wb") as file, ThreadPoolExecutor(_cores()) as pool:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for start in range(0, len(files), CHUNK):
            rows = range(start, min(start + CHUNK, len(files)))
            for one in pool.map(crop, rows):
                file.write(one)
            seen(rows.stop, len(files))


def _mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        # PyTorch wants arrays that can be written to; what is written to this one reaches no file.
        found: np.ndarray = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return found if found.shape == shape and found.dtype == np.uint8 else None


def _digest(files: Files, side: int, seed: int | None) -> str:
    digest = hashlib.sha256(f"{VERSION} {side} {seed}\n".encode())
    for path in files.paths:
        try:
            found = path.stat()
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from error
        digest.update(f"{path}\0{found.st_size} {found.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
