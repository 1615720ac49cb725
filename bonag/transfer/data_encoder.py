"""Data sets as vectors: an encoder over the classes of their fingerprints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bonag.predictors.graph_networks import MemberLinear
from loops.fingerprint import Fingerprint

# Of what differs between the classes of all data sets, so many directions are looked at.
DIRECTIONS = 8
SMALLEST = 1e-3


@dataclass(frozen=True, eq=False)
class Scaling:
    """Of what is known of classes and of whole data sets: means and spreads over those learned from, and directions.

    classes: (2 * D,) mean and (2 * D,) spread of a class's features. directions: (2 * D, C). wholes: (E,) mean and (E,)
    spread of a data set's.
    """

    classes: tuple[np.ndarray, np.ndarray]
    directions: np.ndarray
    wholes: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, fingerprints: Sequence[Fingerprint]) -> Scaling:
        """That of the data sets that are learned from."""
        rows = np.concatenate([_of_classes(one) for one in fingerprints])
        classes = rows.mean(axis=0), np.maximum(rows.std(axis=0), SMALLEST)
        scaled = (rows - classes[0]) / classes[1]
        _, values, directions = np.linalg.svd(scaled, full_matrices=False)
        kept = min(DIRECTIONS, len(values))
        spreads = np.maximum(values[:kept] / len(rows) ** 0.5, SMALLEST)
        wholes = np.stack([_of_whole(one) for one in fingerprints])
        scales = wholes.mean(axis=0), np.maximum(wholes.std(axis=0), SMALLEST)
        return cls(classes, directions[:kept].T / spreads, scales)

    def sets(self, fingerprints: Sequence[Fingerprint]) -> DataSets:
        """Data sets as an encoder takes them."""
        each = [((_of_classes(one) - self.classes[0]) / self.classes[1]) @ self.directions for one in fingerprints]
        owners = np.repeat(np.arange(len(each)), [len(one) for one in each])
        wholes = (np.stack([_of_whole(one) for one in fingerprints]) - self.wholes[0]) / self.wholes[1]
        rows = torch.from_numpy(np.concatenate(each)).float()
        return DataSets(rows, torch.from_numpy(owners), torch.from_numpy(wholes).float())


@dataclass(frozen=True, eq=False)
class DataSets:
    """classes: (K, C) of all of them. owners: (K,) to which each belongs. wholes: (T, E)."""

    classes: Tensor
    owners: Tensor
    wholes: Tensor

    def some(self, share: float, generator: torch.Generator) -> DataSets:
        """With about that share of the classes, at least one of each data set."""
        if share >= 1:
            return self
        drawn = torch.rand(len(self.owners), generator=generator)
        tasks = torch.arange(len(self.wholes))
        least = torch.where(self.owners == tasks[:, None], drawn, 2.0).argmin(dim=1)
        kept = drawn < share
        kept[least] = True
        return DataSets(self.classes[kept], self.owners[kept], self.wholes)


class DataEncoder(nn.Module):
    """M encoders side by side: a layer for each class, their mean, what is known of the whole, and a layer."""

    def __init__(self, members: int, scaling: Scaling, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.of_class = MemberLinear(members, scaling.directions.shape[1], width, generator)
        self.of_whole = MemberLinear(members, len(scaling.wholes[0]) + width, width, generator)

    def forward(self, sets: DataSets) -> Tensor:
        """T data sets -> (M, T, width)."""
        members, tasks = len(self.of_class.weight), len(sets.wholes)
        classes = torch.tanh(self.of_class(sets.classes.expand(members, -1, -1)))
        share = (sets.owners == torch.arange(tasks)[:, None]).float()
        pooled = (share / share.sum(dim=1, keepdim=True)) @ classes
        return torch.tanh(self.of_whole(torch.cat([sets.wholes.expand(members, -1, -1), pooled], dim=-1)))


def _of_classes(one: Fingerprint) -> np.ndarray:
    """(K, 2 * D): the means and the logarithms of the standard deviations of features."""
    return np.concatenate([one.means, np.log(one.variances + 1e-6) / 2], axis=1)


def _of_whole(one: Fingerprint) -> np.ndarray:
    """(4,): the logarithms of classes, images, and pixels of a side, and of how far apart classes are."""
    between, within = one.means.var(axis=0), one.variances.mean(axis=0)
    apart = np.log((between + 1e-6) / (within + 1e-6)).mean()
    return np.array([np.log(len(one.counts)), np.log(one.counts.sum()), np.log(one.side), apart])
