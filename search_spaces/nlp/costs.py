"""The exact costs of the language model of a recurrent cell."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.architecture import Costs
from search_spaces.nlp.cells import Node, X
from search_spaces.nlp.layout import CONTEXT, layer_widths


def model_costs(nodes: Sequence[Node], num_classes: int, embedding: int, hidden: int, layers: int) -> Costs:
    """Parameters, and MACs for one text of CONTEXT tokens, of which the next is told; arguments as of the network.

    Weights of words and of the softmax are the same ones, and counted once.
    """
    linear = [sources for op, sources in nodes if op == "linear"]
    maps = biases = 0
    for wide, out in layer_widths(embedding, hidden, layers):
        maps += sum(out * (wide if source == X else out) for sources in linear for source in sources)
        biases += out * len(linear)
    words = embedding * num_classes
    return Costs(params=words + num_classes + maps + biases, macs=CONTEXT * maps + words)
