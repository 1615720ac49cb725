"""Pickles that others made, of which only plain data is brought back: nothing in them can run."""

from __future__ import annotations

import pickle
from io import BytesIO
from typing import Any

import numpy as np

# All that pickles need to bring back NumPy's arrays and numbers, in the names of its versions.
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((module, name) for module in _MULTIARRAY for name in ("_reconstruct", "scalar")),
}


def load_plain(data: bytes, encoding: str = "ASCII") -> Any:
    """What a pickle holds, of arrays, numbers, texts, bytes, lists, tuples and dictionaries; all else is refused.

    encoding: how texts of Python 2 are read, as in ``pickle.loads``. Of damaged data it may raise anything.
    """
    return _PlainUnpickler(BytesIO(data), encoding=encoding).load()


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only arrays, texts and lists are read")
        return getattr(np if module == "numpy" else np._core.multiarray, name)  # type: ignore[attr-defined]


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """How pickles of protocol 2 write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")
