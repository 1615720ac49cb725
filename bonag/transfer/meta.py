"""Learns from runs on several data sets which architectures are good on one that is given by its fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bonag.predictors.graph_networks import GraphNetworks
from bonag.predictors.graphs import space_batch
from bonag.transfer.data_encoder import DataEncoder, Scaling
from loops.fingerprint import Fingerprint
from search_spaces import SearchSpace

MEMBERS, LAYERS = 4, 3
# Architectures of a task that are compared in a step.
COMPARED = 48
# How sharply a difference of one standard deviation in a task tells the better one.
SHARPNESS = 2.0


@dataclass(frozen=True)
class Settings:
    """Of the network and its training; results/transfer says how they were chosen.

    width, data_width: of the encodings of architectures and of data sets. share: of the classes of a data set that are
    looked at in a step.
    """

    width: int = 32
    data_width: int = 4
    steps: int = 200
    learning_rate: float = 5e-3
    weight_decay: float = 1.0
    share: float = 1.0


CHOSEN = Settings()


@dataclass(frozen=True, eq=False)
class Task:
    """What was measured on a data set: (n, S) codes and (n,) values, of which larger ones are better."""

    fingerprint: Fingerprint
    codes: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class _Compared:
    """Architectures that are compared in a step, at most n of each of T tasks.

    codes: (B, S), each once. places: (T, n) among them. targets, known: (T, n), and where there is one.
    """

    codes: np.ndarray
    places: Tensor
    targets: Tensor
    known: Tensor

    @classmethod
    def drawn(cls, tasks: Sequence[Task], generator: torch.Generator) -> _Compared:
        rows = [torch.randperm(len(task.codes), generator=generator)[:COMPARED].numpy() for task in tasks]
        drawn = [task.codes[row] for task, row in zip(tasks, rows, strict=True)]
        codes, places = np.unique(np.concatenate(drawn), axis=0, return_inverse=True)
        targets = [_standardised(task.values)[row] for task, row in zip(tasks, rows, strict=True)]
        parts = np.split(places.reshape(-1), np.cumsum([len(row) for row in rows])[:-1])
        ones = [np.ones(len(row)) for row in rows]
        padded = [_padded([torch.from_numpy(one) for one in column]) for column in (parts, targets, ones)]
        return cls(codes, padded[0], padded[1].float(), padded[2].float())

    def loss(self, scores: Tensor) -> Tensor:
        """(M, B, T) scores: the mean over tasks and pairs of the cross-entropy of which is better, over M summed."""
        found = scores.transpose(1, 2).gather(2, self.places.expand(len(scores), -1, -1))
        better = torch.sigmoid(SHARPNESS * (self.targets[:, :, None] - self.targets[:, None]))
        differences = SHARPNESS * (found[..., :, None] - found[..., None, :])
        cross = nn.functional.binary_cross_entropy_with_logits(
            differences, better.expand_as(differences), reduction="none"
        )
        pairs = self.known[:, :, None] * self.known[:, None]
        return ((cross * pairs).sum((2, 3)) / pairs.sum((1, 2))).mean(dim=1).sum()


def _padded(parts: list[Tensor]) -> Tensor:
    return nn.utils.rnn.pad_sequence(parts, batch_first=True)


def _standardised(values: np.ndarray) -> np.ndarray:
    spread = float(values.std())
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))


class _Network(nn.Module):
    """score(a, t) = base(a) + <architecture(a), data set(t)>, of M members side by side."""

    def __init__(self, space: SearchSpace, scaling: Scaling, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        width, data_width = settings.width, settings.data_width
        self.graphs = GraphNetworks(space, MEMBERS, width, LAYERS, generator)
        self.data = DataEncoder(MEMBERS, scaling, data_width, generator)
        self.meet = nn.Parameter(torch.randn(MEMBERS, width, data_width, generator=generator) / width)


@dataclass(frozen=True, eq=False)
class MetaPredictor:
    """Ranks architectures for a data set, after training on ranks within tasks.

    sees: whether it looks at data sets at all; one that does not gives what holds on all of them.
    """

    space: SearchSpace
    scaling: Scaling
    network: _Network
    sees: bool

    @torch.no_grad()
    def predict(self, codes: np.ndarray, fingerprint: Fingerprint) -> np.ndarray:
        """(B, S) codes -> (B,) scores on that data set, of which larger ones are better."""
        data = self.network.data(self.scaling.sets([fingerprint]))
        scores = _scores(self.network, self.space, codes, data, self.sees)[:, :, 0]
        scores = (scores - scores.mean(dim=1, keepdim=True)) / scores.std(dim=1, keepdim=True).clamp_min(1e-6)
        return np.asarray(scores.mean(dim=0).double().numpy())


def fit_meta(
    space: SearchSpace, tasks: Sequence[Task], seed: int = 0, sees: bool = True, settings: Settings = CHOSEN
) -> MetaPredictor:
    """Train on all pairs of architectures within each task (RankNet, Burges et al., 2005), softly where they are close.

    Deterministic for a seed on the same machine and number of threads.
    """
    generator = torch.Generator().manual_seed(seed)
    scaling = Scaling.of([task.fingerprint for task in tasks])
    sets = scaling.sets([task.fingerprint for task in tasks])
    network = _Network(space, scaling, settings, generator)
    rate = settings.learning_rate
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=settings.steps)
    for _ in range(settings.steps):
        compared = _Compared.drawn(tasks, generator)
        data = network.data(sets.some(settings.share, generator))
        loss = compared.loss(_scores(network, space, compared.codes, data, sees))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return MetaPredictor(space, scaling, network.eval(), sees)


def _scores(network: _Network, space: SearchSpace, codes: np.ndarray, data: Tensor, sees: bool) -> Tensor:
    """(B, S) codes and (M, T, data_width) data sets -> (M, B, T)."""
    encoded = network.graphs.encode(space_batch(space, codes))
    hidden = torch.relu(network.graphs.hidden(encoded))
    base = network.graphs.readout(hidden)
    if not sees:
        return base.expand(-1, -1, data.shape[1])
    return base + hidden @ network.meet @ data.transpose(1, 2)
