"""The network of a tree of graph layers, of PyTorch Geometric's layers, as NAS-Bench-Graph's authors trained it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional
from torch_geometric.nn import ARMAConv, ChebConv, GATConv, GCNConv, GINConv, GraphConv, SAGEConv

from search_spaces.nbgraph.layout import AFTER, BEFORE, FEATURES, HEADS, HIDDEN
from search_spaces.nbgraph.trees import MAX_NODES, leaves


def operation(name: str, in_width: int, width: int) -> nn.Module:
    """The layer of that name, from features (V, in_width) of a graph's V nodes to (V, width)."""
    if name == "skip":
        return nn.Identity()
    if name == "fc":
        return nn.Linear(in_width, width)
    if name == "gat":
        return GATConv(in_width, width // HEADS, heads=HEADS)
    if name == "gin":
        return GINConv(nn.Linear(in_width, width))
    if name == "cheb":
        return ChebConv(in_width, width, K=2)
    layers = {"gcn": GCNConv, "sage": SAGEConv, "arma": ARMAConv, "graph": GraphConv}
    return layers[name](in_width, width)


class TreeNetwork(nn.Module):
    """Features (V, features) of a graph's V nodes, and its edges (2, E) -> logits (V, num_classes).

    inputs, op_names: of the tree's nodes, as in ``NBGraphArchitecture``. features: of each node of the graph.
    hidden: the width, an even number. before, after: linear layers between the features and the tree, and between the
    tree's output and the classes. dropout: the share of features that training drops, those of the graph and what a
    node reads of another.

    A node that reads another normalises that one's features over the batch, and cuts them off at zero. The leaves are
    joined side by side. Each of the four places of a tree has a batch norm, as in the benchmark, also those that stay
    idle, because no node is there or it reads the raw input.
    """

    def __init__(
        self,
        inputs: Sequence[int],
        op_names: Sequence[str],
        num_classes: int,
        features: int = FEATURES,
        hidden: int = HIDDEN,
        before: int = BEFORE,
        after: int = AFTER,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.inputs, self.leaves, self.dropout, self.has_before = tuple(inputs), leaves(inputs), dropout, before > 0
        widths = [features, *[hidden] * before]
        self.before = nn.ModuleList(nn.Linear(wide, hidden) for wide in widths[:-1])
        nodes = zip(inputs, op_names, strict=True)
        self.nodes = nn.ModuleList(operation(name, hidden if source else widths[-1], hidden) for source, name in nodes)
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in range(MAX_NODES))
        outs = [*[hidden] * after, num_classes]
        ins = [len(self.leaves) * hidden, *[hidden] * after]
        self.after = nn.ModuleList(nn.Linear(wide, out) for wide, out in zip(ins, outs, strict=True))

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        x = functional.dropout(x, self.dropout, self.training)
        for layer in self.before:
            x = layer(x)
        found = [x]
        for source, node, norm in zip(self.inputs, self.nodes, self.norms, strict=False):
            read = found[source]
            if source or self.has_before:
                read = functional.dropout(norm(read).relu(), self.dropout, self.training)
            found.append(node(read) if isinstance(node, nn.Linear | nn.Identity) else node(read, edge_index))
        joined = torch.cat([found[leaf] for leaf in self.leaves], dim=1).relu()
        for layer in self.after:
            joined = layer(joined)
        return joined
