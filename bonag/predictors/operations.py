"""What a slot says of the operation in it."""

from __future__ import annotations

import numpy as np

from search_spaces import SearchSpace

# How much of a squared distance comes from attributes, as a multiple of what one-hots give.
ATTRIBUTE_WEIGHT = 3.0


def described_operations(space: SearchSpace) -> np.ndarray:
    """Every operation's one-hot and, where the space has any, its standardised attributes: (K, K + A) float64.

    Operations with similar attributes (kernel sizes, expand ratios) are then near each other.
    """
    one_hot = np.eye(len(space.op_names))
    if space.op_attributes is None:
        return one_hot
    centred = space.op_attributes - space.op_attributes.mean(axis=0)
    spread = centred.std(axis=0)
    attributes = centred / np.where(spread > 0, spread, 1)
    return np.concatenate([one_hot, np.sqrt(ATTRIBUTE_WEIGHT) * attributes], axis=1)
