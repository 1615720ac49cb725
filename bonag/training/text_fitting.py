"""Training of one network on a text, by truncated back-propagation through time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import ClassVar, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from bonag.training.loop import Training
from bonag.training.text_recipe import TextRecipe
from bonag.training.texts import Text
from bonag.training.weights import TrainedNetwork

# Parts of a text that are read side by side where it is measured, and tokens of each at a time.
PARTS, AT_ONCE = 50, 100

# The states of a network's layers.
States = list[Tensor]


class Reader(Protocol):
    """What a network of texts can do."""

    def read(self, tokens: Tensor, states: States | None = None) -> tuple[Tensor, States]:
        """(B, T) tokens -> logits (B, T, num_classes) of the token after each, and the states to go on with."""
        ...


class TextFit(Training):
    """The training of one network on a text; its metric is the perplexity of the validation part.

    The training text is cut into as many parts as a batch has rows, which are read side by side, ``length`` tokens a
    step. States go on from step to step, gradients do not.
    """

    metric: ClassVar[str] = "perplexity"

    dataset: Text
    recipe: TextRecipe

    @property
    def steps(self) -> int:
        """See ``Training``."""
        return -(-(self._rows.shape[1] - 1) // self.recipe.length)

    @property
    def _rows(self) -> Tensor:
        return side_by_side(self.dataset.train, self.recipe.batch_size)

    def losses(self, epoch: int) -> Iterator[tuple[Tensor, int]]:
        """See ``Training``: from the beginning of the text to its end."""
        states: States | None = None
        for tokens, following in windows(self._rows, self.recipe.length):
            tokens, following = tokens.to(self.trial.device), following.to(self.trial.device)
            with self.precision():
                logits, states = cast(Reader, self.network).read(tokens, states)
                loss = functional.cross_entropy(logits.flatten(0, 1), following.flatten())
            states = [state.detach() for state in states]
            yield loss, following.numel()

    @property
    def longest_gradient(self) -> float | None:
        """See ``Training``."""
        return self.recipe.clip

    def measured(self, network: nn.Module) -> float | None:
        """See ``Training``."""
        return perplexity(network, self.dataset.validation) if len(self.dataset.validation) else None

    def hand_over(self, network: nn.Module, **facts: str) -> TrainedNetwork:
        """See ``Training``; with the vocabulary, and what its tokens are."""
        text = self.dataset
        own = {"dataset": text.name, "epochs": str(self.epochs), "tokens": text.kind}
        own["vocabulary"] = json.dumps(text.vocabulary, ensure_ascii=False)
        return TrainedNetwork(
            space=self.space,
            architecture=self.architecture,
            num_classes=text.num_classes,
            image_size=None,
            arguments=self.arguments,
            mean=(),
            stddev=(),
            state=network.state_dict(),
            facts={**own, **facts},
        )


def perplexity(network: nn.Module, tokens: Tensor) -> float:
    """e to the power of the mean loss (nats a token) on a text (n,), of which each token is told by all before it.

    The text is read in PARTS parts, each from states of zero. The network is left in evaluation mode.
    """
    network.eval()
    device = next(network.parameters()).device
    total, seen, states = 0.0, 0, None
    with torch.inference_mode():
        for read, following in windows(side_by_side(tokens, PARTS), AT_ONCE):
            logits, states = cast(Reader, network).read(read.to(device), states)
            logits = logits.float().flatten(0, 1)
            total += float(functional.cross_entropy(logits, following.to(device).flatten(), reduction="sum"))
            seen += following.numel()
    # Of no loss whatever the power is infinite.
    return math.exp(min(total / seen, 700.0))


def side_by_side(tokens: Tensor, parts: int) -> Tensor:
    """(n,) tokens -> (parts, n // parts), each row a part of the text; fewer parts where these would be too short."""
    parts = max(1, min(parts, len(tokens) // 2))
    each = len(tokens) // parts
    return tokens[: parts * each].view(parts, each)


def windows(rows: Tensor, length: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(B, n) parts of a text -> ``length`` tokens of each at a time, the last fewer, and those that follow them."""
    for start in range(0, rows.shape[1] - 1, length):
        end = min(start + length, rows.shape[1] - 1)
        yield rows[:, start:end], rows[:, start + 1 : end + 1]
