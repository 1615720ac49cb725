"""The exact generator of a space whose sites are independent: there is nothing to learn but which classes they have."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from bonag.generators.discrete import DiscreteGenerator
from search_spaces import SearchSpace


class MarginalDenoiser(nn.Module):
    """p(x_i | z_j for j != i) = p(x_i): what other sites are says nothing, at any noise level.

    marginals: (S, K), rows sum to 1.
    """

    logits: Tensor

    def __init__(self, marginals: Tensor) -> None:
        super().__init__()
        self.register_buffer("logits", marginals.log())

    def forward(self, z: Tensor, t: Tensor, bounds: Tensor | None = None) -> Tensor:
        """(B, S, K) logits for any B noisy graphs z; neither levels nor bounds change them."""
        return self.logits.expand(len(z), -1, -1)


def independent_generator(space: SearchSpace, device: str = "cpu") -> DiscreteGenerator:
    """The exact diffusion model of a space with ``independent_sites``: no training, and no error but that of steps."""
    marginals = site_marginals(space)
    return DiscreteGenerator(space, MarginalDenoiser(marginals).to(device), marginals)


def site_marginals(space: SearchSpace) -> Tensor:
    """How often each site has each class in a space with ``independent_sites``: (S, K) float64.

    Whatever the others are, a class that a site can have beside one valid graph it can have beside all; and all
    architectures being equally likely, so are a site's classes.
    """
    shape = space.num_sites, int(space.site_classes.max())
    [code] = space.codes(space.project(np.zeros((1, *shape))))
    possible = np.zeros(shape)
    for site, classes in enumerate(space.site_classes):
        for choice in range(classes):
            changed = code.copy()
            changed[site] = choice
            possible[site, choice] = space.is_valid(space.graph(changed))
    return torch.from_numpy(possible / possible.sum(axis=1, keepdims=True))
