"""The language model of a recurrent cell, as NAS-Bench-NLP's authors trained it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from search_spaces.nlp.cells import FIRST, X
from search_spaces.nlp.layout import (
    layer_widths,
)


class Linear(nn.Module):
    """The sum of a linear map of each source, and a bias. old: how many sources are no x. reads_x: whether one is x."""

    def __init__(self, in_width: int, width: int, old: int, reads_x: bool) -> None:
        super().__init__()
        self.old = nn.Linear(old * width, width)
        self.new = nn.Linear(in_width, width, bias=False) if reads_x else None


class CellLayer(nn.Module):
    """A recurrent layer: (B, T, in_width) and (n, B, width) values of its n states -> (B, T, width) and such values.

    nodes, states: as in ``NLPArchitecture``. weight_dropout: the share of the weights of all but x that training drops,
    the same at all tokens of a text.
    """

    def __init__(
        self,
        nodes: Sequence[tuple[str, Sequence[int]]],
        states: Sequence[int],
        in_width: int,
        width: int,
        weight_dropout: float,
    ) -> None:
        super().__init__()
        self.nodes, self.states, self.weight_dropout = nodes, states, weight_dropout
        self.linear = nn.ModuleDict()
        for place, (op, sources) in enumerate(nodes):
            if op == "linear":
                self.linear[str(place)] = Linear(in_width, width, len([one for one in sources if one]), X in sources)
        for weights in self.parameters():
            nn.init.uniform_(weights, -(width**-0.5), width**-0.5)

    def forward(self, x: torch.Tensor, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # What comes of x needs no loop, and the weights are the same in all of it.
        maps = {name: one for name, one in self.linear.items() if isinstance(one, Linear)}
        weights = {name: self._dropped(one.old.weight) for name, one in maps.items()}
        biases = {name: one.old.bias for name, one in maps.items()}
        of_x = {name: one.new(x).unbind(1) for name, one in maps.items() if one.new is not None}
        values, outputs = list(states.unbind(0)), []
        for step in range(x.shape[1]):
            found = dict(enumerate(values, start=1))
            for place, (op, sources) in enumerate(self.nodes):
                read = [found[source] for source in sources if source != X]
                if op == "linear":
                    name = str(place)
                    made = functional.linear(torch.cat(read, 1), weights[name], biases[name])
                    found[FIRST + place] = made + of_x[name][step] if name in of_x else made
                else:
                    found[FIRST + place] = joined(op, read)
            values = [found[state] for state in self.states]
            outputs.append(values[0])
        return torch.stack(outputs, 1), torch.stack(values)

    def _dropped(self, weights: torch.Tensor) -> torch.Tensor:
        return functional.dropout(weights, self.weight_dropout, self.training)


def joined(op: str, read: list[torch.Tensor]) -> torch.Tensor:
    """What an operation without weights makes of its sources."""
    if op == "sum":
        return read[0] + read[1]
    if op == "prod":
        return read[0] * read[1]
    if op == "blend":
        return torch.lerp(read[2], read[1], read[0])
    if op == "leaky_relu":
        return functional.leaky_relu(read[0])
    return read[0].tanh() if op == "tanh" else read[0].sigmoid()


class LanguageModel(nn.Module):
    """Tokens (B, T) int64 -> logits (B, num_classes) of the next token; ``read`` gives those after every token.

    nodes, states: of the cell, as in ``NLPArchitecture``. num_classes: tokens that there are. embedding: width of a
    token's vector and of the last layer. hidden: width of the other layers. layers: how many. input_dropout,
    hidden_dropout, dropout: the shares that training drops of vectors, between layers and after the last one, the same
    at all tokens of a text. weight_dropout: see ``CellLayer``.

    The softmax has the weights of the tokens' vectors (Press and Wolf, EACL 2017).
    """

    def __init__(
        self,
        nodes: Sequence[tuple[str, Sequence[int]]],
        states: Sequence[int],
        num_classes: int,
        embedding: int,
        hidden: int,
        layers: int,
        input_dropout: float,
        hidden_dropout: float,
        dropout: float,
        weight_dropout: float,
    ) -> None:
        super().__init__()
        self.states, self.dropouts = len(states), [input_dropout, *[hidden_dropout] * (layers - 1), dropout]
        self.vectors = nn.Embedding(num_classes, embedding)
        self.layers = nn.ModuleList(
            CellLayer(nodes, states, wide, out, weight_dropout) for wide, out in layer_widths(embedding, hidden, layers)
        )
        self.bias = nn.Parameter(torch.zeros(num_classes))
        nn.init.uniform_(self.vectors.weight, -0.1, 0.1)
        self.widths = [out for _, out in layer_widths(embedding, hidden, layers)]

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.follow(tokens)
        return self.logits(hidden[:, -1])

    def read(
        self, tokens: torch.Tensor, states: list[torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Logits (B, T, num_classes) of the token after each, and the states, with which the text goes on."""
        hidden, states = self.follow(tokens, states)
        return self.logits(hidden), states

    def follow(
        self, tokens: torch.Tensor, states: list[torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """What the last layer puts out after each token, (B, T, embedding), and the states of the layers."""
        x = self._locked(self.vectors(tokens), self.dropouts[0])
        ended = []
        for place, (layer, width) in enumerate(zip(self.layers, self.widths, strict=True)):
            first = x.new_zeros(self.states, len(tokens), width) if states is None else states[place]
            x, last = layer(x, first)
            x = self._locked(x, self.dropouts[place + 1])
            ended.append(last)
        return x, ended

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """The logits of the next token from what the last layer put out."""
        return functional.linear(hidden, self.vectors.weight, self.bias)

    def _locked(self, x: torch.Tensor, share: float) -> torch.Tensor:
        """Dropout of (B, T, width), the same at all tokens of a text (Gal and Ghahramani, NeurIPS 2016)."""
        if not self.training or not share:
            return x
        return x * functional.dropout(torch.ones_like(x[:, :1]), share)
