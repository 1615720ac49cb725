"""Images in an NPZ file."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from bonag.training.images import Images, make_images
from search_spaces.errors import UserError

PARTS = {"train": "_train", "validation": "_val", "test": "_test"}


def read_npz(path: Path) -> dict[str, Images]:
    """Arrays ``x_train`` and ``y_train`` with or without ``x_val``, ``y_val``, ``x_test``, ``y_test``; or ``x``, ``y``.

    Nothing is unpickled. Raises UserError.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files if name[:1] in ("x", "y")}
    except (OSError, ValueError, EOFError, BadZipFile, AttributeError, TypeError, MemoryError, zlib.error) as error:
        reason = str(error).strip().splitlines()
        raise UserError(f"cannot read {path}: {reason[0] if reason else type(error).__name__}") from error
    if "x" in held and "x_train" not in held:
        held = {f"{name}_train": held[name] for name in ("x", "y") if name in held}
    if not {"x_train", "y_train"} <= held.keys():
        names = ", ".join(sorted(held)) or "none of them"
        raise UserError(f"{path} must hold x_train and y_train, or x and y: it holds {names}")
    found = {}
    for part, ending in PARTS.items():
        images, labels = held.get(f"x{ending}"), held.get(f"y{ending}")
        if (images is None) != (labels is None):
            raise UserError(f"{path} has only one of x{ending} and y{ending}")
        if images is not None and labels is not None:
            found[part] = make_images(images, labels, f"x{ending} of {path}")
    return found
