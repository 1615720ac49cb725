"""The exact costs of the network of a tree of graph layers."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.architecture import Costs
from search_spaces.nbgraph.layout import AFTER, BEFORE, FEATURES, HIDDEN, MATRICES
from search_spaces.nbgraph.trees import MAX_NODES, leaves


def tree_costs(
    inputs: Sequence[int],
    op_names: Sequence[str],
    num_classes: int,
    features: int = FEATURES,
    hidden: int = HIDDEN,
    before: int = BEFORE,
    after: int = AFTER,
) -> Costs:
    """Parameters of the network, and MACs of its linear maps for one node of a graph; arguments as of ``TreeNetwork``.

    Messages along edges are sums, of as many terms as the graph has edges, and no MACs here.
    """
    entering = hidden if before else features
    widths = [entering if source == 0 else hidden for source in inputs]
    weights = sum(MATRICES[name] * width * hidden for name, width in zip(op_names, widths, strict=True))
    others = sum(_vectors(name, hidden) for name in op_names) + MAX_NODES * 2 * hidden
    linear = [(features if layer == 0 else hidden, hidden) for layer in range(before)]
    outs = [hidden] * after + [num_classes]
    ins = [len(leaves(inputs)) * hidden, *[hidden] * after]
    linear += list(zip(ins, outs, strict=True))
    weights += sum(wide * out for wide, out in linear)
    # PyTorch Geometric's ARMAConv has a matrix for further layers even where it has one layer, as here.
    idle = op_names.count("arma") * hidden**2
    return Costs(params=weights + others + idle + sum(out for _, out in linear), macs=weights)


def _vectors(name: str, hidden: int) -> int:
    """Parameters of an operation beside its matrices: the bias, and the attention of both ends of an edge."""
    return {"skip": 0, "gat": 3 * hidden}.get(name, hidden)
