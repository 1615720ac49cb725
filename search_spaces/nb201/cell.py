"""The cells of NAS-Bench-201 and the space of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.architecture import Architecture, Costs, InvalidArchitectureError
from search_spaces.nb201.architecture import FREE_NAMES, INPUT, OP_NAMES, OUTPUT, NB201Architecture
from search_spaces.nb201.costs import cell_costs
from search_spaces.nb201.layout import CELLS_PER_STAGE, EDGES, WIDTHS
from search_spaces.near_miss import suggestion
from search_spaces.product import ProductSpace
from search_spaces.site import Site

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.drawing.svg import Markup


class NB201(ProductSpace):
    """The topology space of NAS-Bench-201: a choice of operation for each edge of the cell.

    The graph has one node per edge of the cell between an input and an output node (the line graph): an edge of the
    graph is a pair of cell edges of which the second starts where the first ends. Edge e of the string is node e + 1,
    and the parameter ``edge_<target>_<source>``.
    """

    name = "nb201"
    op_names = OP_NAMES
    identity, null = "skip_connect", "none"
    sites = (
        Site("input", ("input",)),
        *(Site(f"edge_{target}_{source}", FREE_NAMES) for target, source in EDGES),
        Site("output", ("output",)),
    )

    def __init__(self) -> None:
        ends = [(0, None), *EDGES, (None, 3)]
        self.adjacency = np.array([[head is not None and head == tail for _, tail in ends] for head, _ in ends])
        self.adjacency.setflags(write=False)

    def architecture(self, ops: Sequence[int]) -> Architecture:
        return NB201Architecture(tuple(ops[1:-1]))

    def ops(self, architecture: Architecture) -> tuple[int, ...]:
        return INPUT, *self.own(architecture, NB201Architecture).ops, OUTPUT

    def parse(self, text: str) -> Architecture:
        nodes = text.strip().split("+")
        if len(nodes) != 3:
            raise InvalidArchitectureError(
                f"'{text}' is not a cell: it has {len(nodes)} part(s) joined by '+', a cell has three, "
                "as in |op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
            )
        ops = []
        for target, node in enumerate(nodes, start=1):
            edges = node[1:-1].split("|")
            if not (node.startswith("|") and node.endswith("|")) or len(edges) != target:
                raise InvalidArchitectureError(
                    f"part {target} of the cell, '{node}', is not {target} edge(s) between bars, "
                    f"as in |{'|'.join(f'op~{source}' for source in range(target))}|"
                )
            for source, edge in enumerate(edges):
                name, _, tail = edge.partition("~")
                if name not in FREE_NAMES:
                    raise InvalidArchitectureError(
                        f"edge {target}<-{source} of the cell has the unknown operation '{name}': "
                        f"{suggestion(name, FREE_NAMES)}"
                    )
                if tail != str(source):
                    raise InvalidArchitectureError(
                        f"edge {target}<-{source} of the cell must be written '{name}~{source}', not '{edge}'"
                    )
                ops.append(OP_NAMES.index(name))
        return NB201Architecture(tuple(ops))

    def build(
        self,
        architecture: Architecture,
        num_classes: int | None = None,
        *,
        channels: int = WIDTHS[0],
        cells: int = CELLS_PER_STAGE,
    ) -> nn.Module:
        """The benchmark's stand-alone network, by default: 16 channels at first, three stages of five cells."""
        from search_spaces.nb201.network import CellNetwork

        names = self.own(architecture, NB201Architecture).op_names
        return CellNetwork(names, self.num_classes if num_classes is None else num_classes, channels, cells)

    def _costs(
        self,
        architecture: Architecture,
        num_classes: int,
        image_size: int,
        channels: int = WIDTHS[0],
        cells: int = CELLS_PER_STAGE,
    ) -> Costs:
        names = self.own(architecture, NB201Architecture).op_names
        return cell_costs(names, num_classes, image_size, channels, cells)

    def draw(self, architecture: Architecture, small: bool = False) -> Markup:
        from search_spaces.nb201.drawing import nb201_cell, nb201_thumbnail

        cell = self.own(architecture, NB201Architecture)
        if small:
            return nb201_thumbnail(cell)
        return nb201_cell(cell, self.num_classes, self.image_size, **self.build_arguments)
