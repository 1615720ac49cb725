"""One drawing for an architecture of any space."""

from __future__ import annotations

from bonag.plots.architecture.darts import darts_cells, darts_thumbnail
from bonag.plots.architecture.graph import graph_drawing, graph_thumbnail
from bonag.plots.architecture.mbv3 import mbv3_network, mbv3_thumbnail
from bonag.plots.architecture.nb101 import nb101_cell, nb101_thumbnail
from bonag.plots.architecture.nb201 import nb201_cell, nb201_thumbnail
from bonag.plots.architecture.svg import Markup
from search_spaces import Architecture, SearchSpace
from search_spaces.darts import DARTSArchitecture
from search_spaces.mbv3 import MBV3Architecture
from search_spaces.nb101 import NB101Architecture
from search_spaces.nb201 import NB201Architecture


def drawing(space: SearchSpace, architecture: Architecture, small: bool = False) -> Markup:
    """The architecture as one inline SVG, the same text every time.

    It has the role of an image, a title and a description; its text and lines take the colour of the text around it,
    so that it is legible on a light page and on a dark one; all text in it is escaped. Spaces of bonag have drawings of
    their own, of any other space the architecture graph is drawn.

    small: a thumbnail without words, about 120 pixels wide, in which colours tell the operations.
    """
    sizes = space.num_classes, space.image_size
    if isinstance(architecture, NB201Architecture):
        return nb201_thumbnail(architecture) if small else nb201_cell(architecture, *sizes)
    if isinstance(architecture, MBV3Architecture):
        return mbv3_thumbnail(architecture) if small else mbv3_network(architecture, *sizes)
    if isinstance(architecture, NB101Architecture):
        return nb101_thumbnail(architecture) if small else nb101_cell(architecture, *sizes)
    if isinstance(architecture, DARTSArchitecture):
        return darts_thumbnail(architecture) if small else darts_cells(architecture)
    title = f"Architecture of space {space.name}"
    graph = space.encode(architecture)
    return graph_thumbnail(space, graph, title) if small else graph_drawing(space, graph, title)
