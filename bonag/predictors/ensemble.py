"""A deep ensemble of graph networks over architectures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bonag.predictors.graph_networks import GraphNetworks
from bonag.predictors.graphs import space_batch
from loops.protocols import Prediction
from search_spaces import SearchSpace

MEMBERS = 5
WIDTH = 32
LAYERS = 3
STEPS = 60
BATCH_SIZE = 128
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-3
# The spread of a deep ensemble says where it is unsure, not how much; it is scaled to its held-out errors.
INFLATION_RANGE = (1.0, 25.0)


@dataclass(frozen=True, eq=False)
class GraphEnsemble:
    """A fitted deep ensemble (Lakshminarayanan et al., 2017) of graph networks.

    held_out: for each of the n training architectures what the member says that did not see it.
    """

    space: SearchSpace
    networks: nn.Module
    inflation: float
    held_out: Prediction
    device: str

    @torch.no_grad()
    def predict(self, codes: np.ndarray) -> Prediction:
        """(B, S) codes -> B scores."""
        members = self.networks(space_batch(self.space, codes).to(self.device)).double().cpu().numpy()
        return Prediction(members.mean(axis=0), members.std(axis=0, ddof=1) * self.inflation + 1e-6)


def fit_ensemble(space: SearchSpace, codes: np.ndarray, y: np.ndarray, seed: int, device: str = "cpu") -> GraphEnsemble:
    """Train every member on all folds of the data but its own, from its own random weights.

    codes: (n, S), n >= 2 * MEMBERS. y: (n,) targets of mean 0 and standard deviation 1.
    """
    if len(y) < 2 * MEMBERS:
        raise ValueError(f"an ensemble of {MEMBERS} members needs at least {2 * MEMBERS} architectures, got {len(y)}")
    generator = torch.Generator().manual_seed(seed)
    fold = torch.arange(len(y))[torch.randperm(len(y), generator=generator)] % MEMBERS
    seen = (fold != torch.arange(MEMBERS)[:, None]).float()
    networks = GraphNetworks(space, MEMBERS, WIDTH, LAYERS, generator).to(device)
    targets = torch.from_numpy(y).float()
    optimiser = torch.optim.AdamW(networks.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=STEPS)
    whole = space_batch(space, codes).to(device) if len(y) <= BATCH_SIZE else None
    for _ in range(STEPS):
        rows = torch.arange(len(y)) if whole is not None else torch.randperm(len(y), generator=generator)[:BATCH_SIZE]
        batch = whole if whole is not None else space_batch(space, codes[rows.numpy()]).to(device)
        weight = seen[:, rows].to(device)
        loss = (weight * (networks(batch) - targets[rows].to(device)) ** 2).sum() / weight.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    networks.eval()
    with torch.no_grad():
        members = networks(space_batch(space, codes).to(device)).double().cpu().numpy()
    mean = members[fold.numpy(), np.arange(len(y))]
    spread = members.std(axis=0, ddof=1) + 1e-6
    inflation = float(np.clip(np.sqrt(np.mean(((y - mean) / spread) ** 2)), *INFLATION_RANGE))
    return GraphEnsemble(space, networks, inflation, Prediction(mean, spread * inflation), device)
