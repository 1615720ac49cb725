"""Reading of files that others gave and that may be damaged: whatever a reader raises is one line with the file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search_spaces.errors import UserError

_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def check_regular(path: Path) -> None:
    """Raise UserError where there is something that is no file, as a pipe, of which reading might wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return  # the reader says what is wrong
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is not None:
        raise UserError(f"cannot read {path}: it is {kind}, and a regular file is wanted")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what a reader of this file raises into a UserError in one line, ``cannot read PATH: why``."""
    check_regular(path)
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # of damaged bytes a reader may raise anything
        lines = str(error).strip().splitlines()
        why = error.strerror if isinstance(error, OSError) and error.strerror else lines[0] if lines else None
        raise UserError(f"cannot read {path}: {why or type(error).__name__}") from error


def read_tensors(path: Path, framework: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The metadata and the arrays of a safetensors file; raises UserError, also for numbers that are not finite.

    framework: ``numpy`` for arrays, ``pt`` for tensors.
    """
    from safetensors import safe_open

    with reading(path), safe_open(path, framework=framework) as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        for name, array in arrays.items():
            check_finite(path, name, array)
        return file.metadata() or {}, arrays


def check_finite(path: Path, name: str, array: Any) -> None:
    """Raise UserError where an array, NumPy's or PyTorch's, of a file holds NaN or infinity."""
    if not abs(array.sum()) < float("inf") and not bool((abs(array) < float("inf")).all()):
        raise UserError(f"cannot read {path}: '{name}' holds numbers that are not finite, so the file is damaged")
