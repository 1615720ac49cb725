"""A supernet whose weights are known, and the values that the original code computes with it."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch

from search_spaces.mbv3.supernet import supernet_shapes


def recipe_tensor(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The tensor that ``ofa/recipe.md`` of the reference data prescribes for a key."""
    if key.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    r = torch.randn(math.prod(shape), generator=generator).reshape(shape).double()
    parts = key.split(".")
    block = int(parts[1]) if parts[0] == "blocks" else None
    projection = ".point_linear." in key
    if key.endswith("_matrix"):
        t = torch.eye(shape[0], dtype=torch.float64) + 0.05 * r
    elif key.endswith("running_mean") or key.endswith(".bias"):
        t = 0.1 * r
    elif key.endswith("running_var"):
        t = 1 + 0.1 * r.abs()
    elif len(shape) == 1:
        t = 1 + 0.1 * r
        if projection and block not in {1, 5, 9, 13, 17}:
            t = 0.5 * t
    elif shape[1:] == (1, 7, 7):
        envelope = torch.full((7, 7), 0.125, dtype=torch.float64)
        envelope[1:-1, 1:-1] = 0.25
        envelope[2:-2, 2:-2] = 1
        t = r * envelope * math.sqrt(2 / 9)
    elif projection:
        t = r * math.sqrt(3 / shape[1])
        if block:
            t[:, shape[1] // 2 :] *= 0.4
    else:
        t = r * math.sqrt(2 / math.prod(shape[1:]))
    return t.float()


@pytest.fixture(scope="session")
def supernet_state() -> dict[str, torch.Tensor]:
    """The supernet of the recipe."""
    return {key: recipe_tensor(key, shape) for key, shape in supernet_shapes().items()}


@pytest.fixture(scope="session")
def ofa_reference(shared_fixtures: Path) -> dict[str, Any]:
    """Subnets of that supernet with their costs, and their logits at several image sizes."""
    reference: dict[str, Any] = json.loads((shared_fixtures / "ofa" / "logits.json").read_text())
    return reference
