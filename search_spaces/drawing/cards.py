"""Architectures and spaces in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search_spaces.drawing.notebook import card, code, facts, heading, picture
from search_spaces.drawing.svg import Markup

if TYPE_CHECKING:
    from search_spaces.architecture import Architecture, Costs
    from search_spaces.space import SearchSpace

# Operations that are named, and a size from which on its digits say nothing.
OPERATIONS, MANY = 12, 10**9


def architecture_card(space: SearchSpace, architecture: Architecture) -> Markup:
    """The architecture drawn, its string, and its costs in the space, where it counts some."""
    costs = _costs(space, architecture)
    told = "" if costs is None else f"{costs.params:,} params, {costs.macs:,} MACs"
    return card(
        heading(type(architecture).__name__, space.name, told),
        facts(code(str(architecture))),
        picture(space.draw(architecture)),
    )


def space_card(space: SearchSpace) -> Markup:
    """What an architecture of the space is, how many there are, and one of them drawn."""
    [example] = space.sample(1, np.random.default_rng(0))
    size = f"{space.size:,}" if space.size < MANY else f"{space.size:.2g}"
    costs = _costs(space, example)
    counted = "" if costs is None else f": {costs.params:,} params, {costs.macs:,} MACs"
    return card(
        heading(space.name, "search space", f"{size} architectures"),
        facts((type(space).__doc__ or "").partition("\n")[0], *_about(space)),
        picture(space.draw(example), f"one of them{counted}"),
    )


def _about(space: SearchSpace) -> list[str]:
    names = [space.op_names[op] for op in np.flatnonzero(space.allowed[: space.num_nodes].any(axis=0))]
    more = [f"and {len(names) - OPERATIONS} more"] if len(names) > OPERATIONS else []
    edges = f", {len(space.free_edges)} free edges" if len(space.free_edges) else ""
    lines = [f"{space.num_nodes} nodes{edges}; operations {', '.join(names[:OPERATIONS] + more)}"]
    if space.builds:
        images = f", images of {space.image_size} pixels" if space.takes_images else ""
        lines.append(f"networks of {space.num_classes:,} classes{images}")
    return lines


def _costs(space: SearchSpace, architecture: Architecture) -> Costs | None:
    try:
        return space.costs(architecture)
    except (ValueError, NotImplementedError):
        return None
