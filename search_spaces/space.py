"""What a search space is: the one interface that every space implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.graph import ArchGraph

if TYPE_CHECKING:
    from torch import nn


class InvalidArchitectureError(ValueError):
    """A string, a graph or a set of parameters that stands for no architecture of the space."""


class Architecture(ABC):
    """A frozen, hashable value in canonical form: two are equal iff they are the same network.

    ``str`` gives its stable name, which the space's ``parse`` reads back.
    """

    @abstractmethod
    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Parameter:
    """One flat choice parameter, as Ax sees it."""

    name: str
    values: tuple[int, ...] | tuple[str, ...]
    is_ordered: bool


@dataclass(frozen=True)
class Costs:
    """Exact costs of a network: ``params`` (trainable parameters) and ``macs`` (multiply-accumulates of
    every convolution and linear layer, at batch 1, without biases)."""

    params: int
    macs: int


# The metrics that every space counts, without an evaluation.
COUNTED = tuple(field.name for field in fields(Costs))


class SearchSpace(ABC):
    """Names, samples, mutates, validates, encodes and decodes architectures, builds their networks, counts their costs.

    A *site* is what can differ between two graphs: each of the N nodes, then each of the E free edges. The *code* of an
    architecture is its graph as one class per site, (S,) int64 with S = N + E: operations, then 0 or 1 for each edge.

    name: the registered name.
    size: number of distinct architectures.
    op_names: the vocabulary of node operations, V names.
    num_nodes: N, the number of nodes of every graph; where networks differ in size, an operation stands for "absent".
    adjacency: (N, N) bool, the edges that all graphs of the space have.
    free_edges: (E, 2) int64, the pairs (i, j), i < j, that are joined in some graphs and not in others, sorted; none
        where all graphs share one topology.
    fixed_ops: (N,) int64, the operation that a node always has, or -1 where it is free.
    null_op: the operation that outputs zeros, whatever comes in; None if there is none.
    identity_op: the operation that outputs its input; None if there is none.
    op_attributes: (V, F) float64, numbers that describe an operation (kernel size, ...); None if none do.
    num_classes, image_size: the defaults of ``build`` and ``costs``.
    generator: the file of a trained generator that comes with the space; None if bonag ships it, or if there is none.
    independent_sites: whether any class of one site goes with any class of the others: the space is a product.
    """

    name: str
    size: int
    op_names: tuple[str, ...]
    num_nodes: int
    adjacency: np.ndarray
    free_edges: np.ndarray = np.empty((0, 2), dtype=np.int64)
    fixed_ops: np.ndarray
    null_op: int | None = None
    identity_op: int | None = None
    op_attributes: np.ndarray | None = None
    num_classes: int
    image_size: int
    generator: Path | None = None
    independent_sites: bool = False

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n architectures, independently and uniformly over the distinct architectures of the space."""

    def all(self) -> list[Architecture] | None:
        """Every architecture in a fixed order, or None where there are too many to list."""
        return None

    @abstractmethod
    def parse(self, text: str) -> Architecture:
        """Read an architecture's string; raises InvalidArchitectureError that says what is wrong and where."""

    @abstractmethod
    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All distinct architectures that differ from this one in exactly one gene, in a fixed order."""

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """One of the neighbours, drawn uniformly."""
        options = self.neighbours(architecture)
        return options[int(rng.integers(len(options)))]

    @abstractmethod
    def encode(self, architecture: Architecture) -> ArchGraph:
        """The architecture graph."""

    @abstractmethod
    def decode(self, graph: ArchGraph) -> Architecture:
        """The inverse of ``encode``; raises InvalidArchitectureError for a graph outside the space."""

    def is_valid(self, graph: ArchGraph) -> bool:
        """Whether ``decode`` accepts the graph."""
        try:
            self.decode(graph)
        except InvalidArchitectureError:
            return False
        return True

    @property
    def num_sites(self) -> int:
        """S, the number of sites."""
        return self.num_nodes + len(self.free_edges)

    @property
    def site_classes(self) -> np.ndarray:
        """(S,) int64: how many classes each site has, V for a node and 2 for an edge."""
        return np.array([len(self.op_names)] * self.num_nodes + [2] * len(self.free_edges))

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The codes of many architectures: (B, S) int64."""
        if not architectures:
            return np.empty((0, self.num_sites), dtype=np.int64)
        graphs = [self.encode(architecture) for architecture in architectures]
        edges = np.stack([graph.adjacency[tuple(self.free_edges.T)] for graph in graphs])
        return np.concatenate([np.stack([graph.ops for graph in graphs]), edges], axis=1)

    def adjacencies(self, codes: np.ndarray) -> np.ndarray:
        """The edges of many codes: (B, S) -> (B, N, N) bool."""
        adjacency = np.tile(self.adjacency, (len(codes), 1, 1))
        if len(self.free_edges):
            adjacency[:, self.free_edges[:, 0], self.free_edges[:, 1]] = codes[:, self.num_nodes :] == 1
        return adjacency

    def graph(self, code: np.ndarray) -> ArchGraph:
        """The graph of one code, which need not be valid: (S,)."""
        return ArchGraph(code[: self.num_nodes], self.adjacencies(code[None])[0])

    @abstractmethod
    def project(self, scores: np.ndarray) -> list[Architecture]:
        """The valid architectures nearest to any site scores.

        scores: (B, S, K) array with K = max(site_classes); larger means more wanted, columns that a site does not have
        are ignored. The architecture returned maximises the sum of the scores of its sites' classes, which for one-hot
        input is the nearest one in Hamming distance and for any input the nearest one-hot matrix in Euclidean distance.
        Ties go to the lower class. A space in which that takes a search may return a near one, and says so.
        """

    def nearest(self, codes: np.ndarray) -> list[Architecture]:
        """The valid architectures nearest to any (B, S) codes, valid or not: ``project`` of their one-hot form."""
        return self.project(np.eye(self.site_classes.max())[codes])

    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The flat parameters of the space."""

    @abstractmethod
    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        """The architecture as one value per parameter; inactive ones are pinned to the smallest value."""

    @abstractmethod
    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        """The inverse of ``to_parameters``; inactive values are ignored, a bad one raises InvalidArchitectureError."""

    @abstractmethod
    def build(self, architecture: Architecture, num_classes: int | None = None) -> nn.Module:
        """The PyTorch network, with fresh weights; input (B, 3, H, W), output logits (B, num_classes)."""

    @abstractmethod
    def costs(self, architecture: Architecture, num_classes: int | None = None, image_size: int | None = None) -> Costs:
        """Exact parameters and MACs, counted without building the network."""
