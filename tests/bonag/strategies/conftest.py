"""A space small enough to be emptied."""

from __future__ import annotations

import pytest
from torch import nn

from search_spaces import Architecture, Costs, ProductSpace, SearchSpace, Site


class Letters(ProductSpace):
    """27 words; each letter leads to the next."""

    sites = tuple(Site(f"slot_{slot}", ("a", "b", "c")) for slot in range(3))
    separator = ""
    num_classes = 2
    image_size = 1

    def build(self, architecture: Architecture, num_classes: int | None = None) -> nn.Module:
        return nn.Linear(1, num_classes or self.num_classes)

    def costs(self, architecture: Architecture, num_classes: int | None = None, image_size: int | None = None) -> Costs:
        return Costs(params=1, macs=1)


@pytest.fixture(scope="session")
def letters() -> SearchSpace:
    """27 architectures, 6 neighbours each."""
    return Letters()
