"""What a search space is: the contract, and what follows from its table of sites."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from search_spaces.architecture import Architecture, Costs, InvalidArchitectureError, Parameter
from search_spaces.graph import ArchGraph
from search_spaces.graph_table import GraphTable
from search_spaces.near_miss import suggestion
from search_spaces.network_size import NetworkSize

if TYPE_CHECKING:
    import torch
    from torch import nn

    from search_spaces.drawing.svg import Markup


Kind = TypeVar("Kind", bound=Architecture)
Own = TypeVar("Own", bound="SearchSpace")


class SearchSpace(GraphTable, ABC):
    """What an architecture is. A chain of blocks, or any product of choices, is shorter as a ``ProductSpace``.

    A space states the table of its sites (see ``GraphTable``) and the attributes below, and has ``sample``, ``parse``,
    ``encode``, ``decode`` and ``project``. All else follows from these, and may be given where it can be done faster or
    otherwise: neighbours, mutation, parameters, costs (counted from the network) and the drawing. ``build`` makes
    networks, where there are any. ``bonag check-space`` runs the whole contract on a space and says what is wrong.

    Another package makes a space known by an entry point of the group ``bonag.spaces``, and evaluators for it by entry
    points ``<space>.<evaluator>`` of the group ``bonag.evaluators``. Without one, ``package.module:Space`` names it.

    size: number of distinct architectures.
    seen_as: the same architectures in another encoding, whose graphs predictors see (``seen``). None if they see its
        own.
    goal: what its architectures are searched for unless told otherwise: a metric, with a minus where less is better.
    independent_sites: whether every choice of classes for the sites is a valid architecture of its own. Such a space
        needs no trained generator.
    num_classes, image_size, build_arguments: of the networks that architectures stand for, unless told otherwise; the
        last are further arguments of ``build``. Costs and drawings are those of these networks.
    input_names: what ``forward`` of the networks takes: images, or something of which ``example_inputs`` gives examples
        and which has no ``image_size``.
    generator: the file of a trained generator that comes with the space; None if bonag ships it, or if there is none.
    """

    size: int
    num_classes: int = 10
    image_size: int = 32
    build_arguments: Mapping[str, Any] = MappingProxyType({})
    input_names: tuple[str, ...] = ("images",)
    generator: Path | None = None
    seen_as: SearchSpace | None = None
    goal: str = "accuracy"
    independent_sites: bool = False

    # What every space has

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n architectures, independently and uniformly over the distinct architectures of the space."""

    @abstractmethod
    def parse(self, text: str) -> Architecture:
        """Read an architecture's string; raises InvalidArchitectureError that says what is wrong and where."""

    @abstractmethod
    def encode(self, architecture: Architecture) -> ArchGraph:
        """The architecture graph."""

    @abstractmethod
    def decode(self, graph: ArchGraph) -> Architecture:
        """The inverse of ``encode``; raises InvalidArchitectureError for a graph outside the space."""

    @abstractmethod
    def project(self, scores: np.ndarray) -> list[Architecture]:
        """The valid architectures nearest to any site scores.

        scores: (B, S, K) array with K = max(site_classes); larger means more wanted, columns that a site does not have
        are ignored. The architecture returned maximises the sum of the scores of its sites' classes, which for one-hot
        input is the nearest one in Hamming distance and for any input the nearest one-hot matrix in Euclidean distance.
        Ties go to the lower class. A space in which that takes a search may return a near one, and says so.
        """

    # What a space may have

    def all(self) -> list[Architecture] | None:
        """Every architecture once, in a fixed order; None where there are too many to list."""
        return None

    def build(self, architecture: Architecture, num_classes: int | None = None) -> nn.Module:
        """The PyTorch network, with fresh weights; input (B, 3, H, W), output logits (B, num_classes).

        Where it takes something else, ``input_names`` and ``example_inputs`` say what.

        A network that is to be exported as Python code is an object of a class of its own, at the top of a module, and
        takes literals as arguments. Raises NotImplementedError where the space has no networks.
        """
        raise NotImplementedError(f"the space {self.name} builds no networks")

    def example_inputs(self, n: int, image_size: int | None = None) -> tuple[torch.Tensor, ...]:
        """What networks are tried on: n examples, as ``forward`` takes them; by default black images.

        They are on PyTorch's default device, where networks are then made too; on the CPU if they must be computed.

        image_size: of images, in pixels; by default the space's.
        """
        import torch

        if not self.takes_images:
            raise NotImplementedError(f"the space {self.name} does not say what its networks take in place of images")
        side = self.image_size if image_size is None else image_size
        return (torch.zeros(n, 3, side, side),)

    def costs(self, architecture: Architecture, num_classes: int | None = None, image_size: int | None = None) -> Costs:
        """Exact parameters and MACs, by default those that ``counting.counted_costs`` finds in the network.

        Raises ValueError for images that the network cannot take, NotImplementedError where there are no networks.
        """
        classes = self.num_classes if num_classes is None else num_classes
        side = self.image_size if image_size is None else image_size
        if not self.build_arguments:
            return self._costs(architecture, classes, side)
        # Formulas hold for the arguments of ``build`` that they know.
        if _counts(type(self), frozenset(self.build_arguments)):
            count: Callable[..., Costs] = self._costs
            return count(architecture, classes, side, **self.build_arguments)
        return SearchSpace._costs(self, architecture, classes, side)

    def _costs(self, architecture: Architecture, num_classes: int, image_size: int) -> Costs:
        """What ``costs`` says; with a keyword argument for each argument of ``build`` that it takes into account.

        It takes others as ``**others`` where it knows that they cost nothing.
        """
        from search_spaces.counting import counted_costs

        return counted_costs(self, architecture, num_classes, image_size)

    def draw(self, architecture: Architecture, small: bool = False) -> Markup:
        """The architecture as one inline SVG, the same text every time; by default its graph, in layers.

        It has the role of an image, a title and a description; its text and lines take the colour of the text around
        it, so that it is legible on a light page and on a dark one; all text in it is escaped.

        small: a thumbnail without words, about 120 pixels wide, in which colours tell the operations.
        """
        from search_spaces.drawing.graph import graph_drawing

        return graph_drawing(self, self.encode(architecture), f"Architecture of space {self.name}", small)

    def _repr_html_(self) -> str:
        from search_spaces.drawing.cards import space_card

        return space_card(self)

    # What follows

    @property
    def network_size(self) -> NetworkSize:
        """Of the networks that architectures stand for here."""
        side = self.image_size if self.takes_images else None
        return NetworkSize(self.num_classes, side, dict(self.build_arguments))

    def at(self: Own, size: NetworkSize) -> Own:
        """The same space, in which architectures stand for networks of that size: costs and drawings are of these."""
        return self if size == self.network_size else _at(self, size)

    @property
    def builds(self) -> bool:
        """Whether architectures have networks."""
        return type(self).build is not SearchSpace.build

    @property
    def takes_images(self) -> bool:
        """Whether the networks take images, as all that trains or measures them gives them."""
        return self.input_names == SearchSpace.input_names

    @property
    def takes_tokens(self) -> bool:
        """Whether the networks take texts: (B, T) int64 tokens.

        What trains them asks each network for ``read(tokens, states=None)``: the logits (B, T, num_classes) of the
        token after each, and a list of tensors, the states with which the text goes on.
        """
        return self.input_names == ("tokens",)

    @property
    def counts(self) -> bool:
        """Whether architectures have costs."""
        return self.builds or not self.counts_by_building

    @property
    def counts_by_building(self) -> bool:
        """Whether costs are found in the network itself, which takes milliseconds and not microseconds."""
        return {type(self).costs, type(self)._costs} <= {SearchSpace.costs, SearchSpace._costs}

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The codes of many architectures: (B, S) int64."""
        if not architectures:
            return np.empty((0, self.num_sites), dtype=np.int64)
        graphs = [self.encode(architecture) for architecture in architectures]
        edges = np.stack([graph.adjacency[tuple(self.free_edges.T)] for graph in graphs])
        return np.concatenate([np.stack([graph.ops for graph in graphs]), edges], axis=1)

    def seen(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> those in ``seen_as`` of the nearest architectures; the same ones where there is none."""
        if self.seen_as is None:
            return codes
        return self.seen_as.codes(self.nearest(codes))

    def is_valid(self, graph: ArchGraph) -> bool:
        """Whether ``decode`` accepts the graph."""
        try:
            self.decode(graph)
        except InvalidArchitectureError:
            return False
        return True

    def nearest(self, codes: np.ndarray) -> list[Architecture]:
        """The valid architectures nearest to any (B, S) codes, valid or not: ``project`` of their one-hot form."""
        return self.project(np.eye(self.site_classes.max())[codes])

    def nearest_codes(self, codes: np.ndarray) -> np.ndarray:
        """The codes of ``nearest``: (B, S) -> (B, S)."""
        return self.codes(self.nearest(codes))

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All distinct architectures that differ from this one in exactly one gene, in a fixed order.

        By default a gene is a site: the order is that of the sites, and of the classes of each.
        """
        code = self.codes([architecture])[0]
        found = []
        for site, cls in np.argwhere(self.allowed).tolist():
            if cls != code[site]:
                graph = self.graph(np.where(np.arange(len(code)) == site, cls, code))
                if self.is_valid(graph):
                    found.append(self.decode(graph))
        return [other for other in dict.fromkeys(found) if other != architecture]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """One of the neighbours, drawn uniformly."""
        options = self.neighbours(architecture)
        return options[int(rng.integers(len(options)))]

    def parameters(self) -> tuple[Parameter, ...]:
        """The flat parameters of the space; by default one for each site that has a choice, of its classes' names.

        That of a free edge is ``edge_<i>_<j>``, 0 or 1.
        """
        return tuple(
            Parameter(name, tuple(self.op_names[op] for op in classes), is_ordered=False)
            if site < self.num_nodes
            else Parameter(name, (0, 1), is_ordered=True)
            for site, name, classes in self._choices()
        )

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        """The architecture as one value per parameter; inactive ones are pinned to the smallest value."""
        code = self.codes([architecture])[0].tolist()
        return {
            name: self.op_names[code[site]] if site < self.num_nodes else code[site]
            for site, name, _ in self._choices()
        }

    def choices(self, architecture: Architecture) -> dict[str, int | str]:
        """What was chosen, slot by slot, as figures name it; by default its parameters."""
        return self.to_parameters(architecture)

    def summary(self, architecture: Architecture) -> Mapping[str, float | str]:
        """What tells it from others at a glance, for the axes of one figure; by default all that was chosen."""
        return self.choices(architecture)

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        """The inverse of ``to_parameters``; inactive values are ignored, a bad one raises InvalidArchitectureError."""
        self.check_parameters(values)
        code = np.concatenate([self.fixed_ops, np.zeros(len(self.free_edges), dtype=np.int64)])
        for site, name, _ in self._choices():
            value = values[name]
            code[site] = self.op_names.index(str(value)) if site < self.num_nodes else value
        return self.decode(self.graph(code))

    def _choices(self) -> list[tuple[int, str, list[int]]]:
        """The sites that have a choice: each with its name and its classes."""
        names = (*self.node_names, *(f"edge_{i}_{j}" for i, j in self.free_edges.tolist()))
        classes = [np.flatnonzero(row).tolist() for row in self.allowed]
        return [(site, names[site], found) for site, found in enumerate(classes) if len(found) > 1]

    # What methods begin with

    def check_parameters(self, values: Mapping[str, int | str], needed: Collection[str] | None = None) -> None:
        """Raises InvalidArchitectureError unless each parameter has one of its values, and no other is there.

        needed: the names that count; the others may be absent or have any value. All of them where None.
        """
        allowed = {parameter.name: parameter.values for parameter in self.parameters()}
        for name in values:
            if name not in allowed:
                raise InvalidArchitectureError(f"unknown parameter '{name}': {suggestion(name, allowed)}")
        for name, choices in allowed.items():
            if needed is not None and name not in needed:
                continue
            if name not in values:
                raise InvalidArchitectureError(f"parameter '{name}' is missing")
            value = values[name]
            if value not in choices:
                words = [str(choice) for choice in choices]
                hint = f"choose from {', '.join(words)}" if str(value) in words else suggestion(str(value), words)
                raise InvalidArchitectureError(f"parameter '{name}' cannot be {value!r}: {hint}")

    def own(self, architecture: Architecture, kind: type[Kind]) -> Kind:
        """The architecture, which is of that kind; raises TypeError for one of another space."""
        if not isinstance(architecture, kind):
            raise TypeError(
                f"the space {self.name} has no architecture '{architecture}' ({type(architecture).__name__})"
            )
        return architecture


# Kept, so that what is remembered of a space is remembered of these too.
@lru_cache(maxsize=64)
def _at(space: Own, size: NetworkSize) -> Own:
    sized = copy(space)
    vars(sized).update(num_classes=size.num_classes, build_arguments=dict(size.arguments))
    if size.image_size is not None:
        sized.image_size = size.image_size
    return sized


@cache
def _counts(kind: type[SearchSpace], arguments: frozenset[str]) -> bool:
    """Whether the formulas of such a space take all these arguments of ``build``."""
    own = inspect.signature(kind._costs).parameters
    return arguments <= own.keys() or any(one.kind is one.VAR_KEYWORD for one in own.values())
