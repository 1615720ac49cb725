"""Graph networks over architectures, several of them side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.utils import scatter

from search_spaces import SearchSpace


class MemberLinear(nn.Module):
    """One linear map per member: (M, nodes, in) -> (M, nodes, out)."""

    def __init__(self, members: int, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = (3 / inputs) ** 0.5
        self.weight = nn.Parameter((torch.rand(members, inputs, outputs, generator=generator) * 2 - 1) * bound)
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class MemberConv(nn.Module):
    """Message passing along and against the edges, for all members at once: x <- relu(W x + A^T x U + A x V) + x.

    Not a ``MessagePassing`` of PyG, which leaves a Python file in the temporary folder for every process.
    """

    def __init__(self, members: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.own = MemberLinear(members, width, width, generator)
        self.along = MemberLinear(members, width, width, generator)
        self.against = MemberLinear(members, width, width, generator)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        source, target = edge_index
        along = _arriving(self.along(x), source, target)
        against = _arriving(self.against(x), target, source)
        return torch.relu(self.own(x) + along + against) + x


def _arriving(x: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """The sum of what arrives at every node: (M, nodes, width) along E edges -> (M, nodes, width)."""
    return scatter(x.index_select(-2, source), target, dim=-2, dim_size=x.shape[-2], reduce="sum")


class GraphNetworks(nn.Module):
    """M graph networks side by side: embedding of operation and position, convolutions, mean pooling, two layers."""

    def __init__(self, space: SearchSpace, members: int, width: int, layers: int, generator: torch.Generator) -> None:
        super().__init__()
        space = space.seen_as or space
        self.operation = nn.Parameter(torch.randn(members, len(space.op_names), width, generator=generator))
        self.position = nn.Parameter(torch.randn(members, space.num_nodes, width, generator=generator) * 0.3)
        self.convolutions = nn.ModuleList(MemberConv(members, width, generator) for _ in range(layers))
        self.hidden = MemberLinear(members, width, width, generator)
        self.readout = MemberLinear(members, width, 1, generator)

    def forward(self, batch: Batch) -> Tensor:
        """A batch of B graphs -> (M, B)."""
        return self.readout(torch.relu(self.hidden(self.encode(batch))))[..., 0]

    def encode(self, batch: Batch) -> Tensor:
        """A batch of B graphs -> (M, B, width)."""
        # index_select and not indexing, whose gradient is summed in whatever order the threads come.
        x = self.operation.index_select(1, batch.op) + self.position.index_select(1, batch.position)
        for convolution in self.convolutions:
            x = convolution(x, batch.edge_index)
        return scatter(x, batch.batch, dim=-2, dim_size=batch._num_graphs, reduce="mean")
