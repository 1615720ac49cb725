"""Arrays as keys of a memory."""

from __future__ import annotations

import numpy as np


class ArrayKey:
    """An array that is equal to another if their contents are."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.ascontiguousarray(array)
        self._content = (self.array.shape, self.array.tobytes())

    def __hash__(self) -> int:
        return hash(self._content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayKey) and self._content == other._content
