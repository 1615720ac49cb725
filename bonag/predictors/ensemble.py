"""A deep ensemble of graph networks over architectures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.utils import scatter

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


class _MemberLinear(nn.Module):
    """One linear map per member: (M, nodes, in) -> (M, nodes, out)."""

    def __init__(self, members: int, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = (3 / inputs) ** 0.5
        self.weight = nn.Parameter((torch.rand(members, inputs, outputs, generator=generator) * 2 - 1) * bound)
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class _MemberConv(nn.Module):
    """Message passing along and against the edges, for all members at once: x <- relu(W x + A^T x U + A x V) + x.

    Not a ``MessagePassing`` of PyG, which leaves a Python file in the temporary folder for every process.
    """

    def __init__(self, members: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.own = _MemberLinear(members, width, width, generator)
        self.along = _MemberLinear(members, width, width, generator)
        self.against = _MemberLinear(members, width, width, generator)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        source, target = edge_index
        along = _arriving(self.along(x), source, target)
        against = _arriving(self.against(x), target, source)
        return torch.relu(self.own(x) + along + against) + x


def _arriving(x: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """The sum of what arrives at every node: (M, nodes, width) along E edges -> (M, nodes, width)."""
    return scatter(x.index_select(-2, source), target, dim=-2, dim_size=x.shape[-2], reduce="sum")


class _GraphNetworks(nn.Module):
    """M graph networks side by side: embedding of operation and position, convolutions, mean pooling, two layers."""

    def __init__(self, space: SearchSpace, members: int, width: int, layers: int, generator: torch.Generator) -> None:
        super().__init__()
        self.operation = nn.Parameter(torch.randn(members, len(space.op_names), width, generator=generator))
        self.position = nn.Parameter(torch.randn(members, space.num_nodes, width, generator=generator) * 0.3)
        self.convolutions = nn.ModuleList(_MemberConv(members, width, generator) for _ in range(layers))
        self.hidden = _MemberLinear(members, width, width, generator)
        self.readout = _MemberLinear(members, width, 1, generator)

    def forward(self, batch: Batch) -> Tensor:
        # index_select and not indexing, whose gradient is summed in whatever order the threads come.
        x = self.operation.index_select(1, batch.op) + self.position.index_select(1, batch.position)
        for convolution in self.convolutions:
            x = convolution(x, batch.edge_index)
        pooled = scatter(x, batch.batch, dim=-2, dim_size=batch._num_graphs, reduce="mean")
        return self.readout(torch.relu(self.hidden(pooled)))[..., 0]


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
    networks = _GraphNetworks(space, MEMBERS, WIDTH, LAYERS, generator).to(device)
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
