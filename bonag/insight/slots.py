"""The slots of a space: what can be chosen on its own, and what there is to choose, with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search_spaces import SearchSpace

# So many random architectures show which parameters a site decides, and which operations a node can have.
LOOKED_AT = 512
AT_ONCE = 4096


@dataclass(frozen=True)
class Option:
    """A choice in a slot: this class at this site."""

    name: str
    site: int
    value: int


@dataclass(frozen=True)
class Slot:
    """A node's operation, a free edge, or all free edges into a node where none of them stands alone.

    sites: of the code. parameters: the space's own that the slot decides.
    """

    name: str
    sites: tuple[int, ...]
    options: tuple[Option, ...]
    parameters: tuple[str, ...]


def slots_of(space: SearchSpace) -> list[Slot]:
    """The slots of a space, nodes first, named by the parameters that they decide."""
    sample = space.sample(LOOKED_AT, np.random.default_rng(0))
    codes = space.codes(sample)
    rows = [space.to_parameters(architecture) for architecture in sample]
    decided = [_parameters_decided_by(codes[:, site], rows) for site in range(space.num_sites)]
    # What an edge says is not for the node to say, even where it follows from it.
    edges = {name for names in decided[space.num_nodes :] for name in names}
    for node in range(space.num_nodes):
        decided[node] = tuple(name for name in decided[node] if name not in edges)
    return [slot for slot in [*_nodes(space, codes, decided), *_edges(space, codes, decided)] if len(slot.options) > 1]


def with_classes(space: SearchSpace, codes: np.ndarray, sites: Sequence[int], values: np.ndarray) -> np.ndarray:
    """The valid codes nearest to the (B, S) codes of those that have these classes at these sites: (B, S).

    values: (B, k) or (k,) classes of the k sites. Where the space has no such architecture, the nearest one there is.
    """
    wanted = codes.copy()
    wanted[:, list(sites)] = values
    weights = np.ones(space.num_sites)
    # One of these counts more than all other sites together.
    weights[list(sites)] = space.num_sites + 1
    eye = np.eye(int(space.site_classes.max()))
    parts = [wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)]
    return np.concatenate([space.codes(space.project(eye[part] * weights[:, None])) for part in parts])


def _nodes(space: SearchSpace, codes: np.ndarray, decided: list[tuple[str, ...]]) -> list[Slot]:
    found = []
    for node in np.flatnonzero(space.fixed_ops < 0).tolist():
        options = tuple(Option(space.op_names[op], node, op) for op in np.unique(codes[:, node]).tolist())
        found.append(Slot(_name(decided[node], f"node {node}"), (node,), options, decided[node]))
    return found


def _edges(space: SearchSpace, codes: np.ndarray, decided: list[tuple[str, ...]]) -> list[Slot]:
    found: list[Slot] = []
    by_target: dict[int, list[int]] = {}
    for number, (_, target) in enumerate(space.free_edges.tolist()):
        by_target.setdefault(target, []).append(space.num_nodes + number)
    for target, sites in by_target.items():
        if all(decided[site] for site in sites):
            found += [
                Slot(
                    _name(decided[site], ""),
                    (site,),
                    (Option("absent", site, 0), Option("there", site, 1)),
                    decided[site],
                )
                for site in sites
            ]
        else:
            options = tuple(
                Option(f"from {_source(space, int(space.free_edges[site - space.num_nodes, 0]), decided)}", site, 1)
                for site in sites
                if codes[:, site].any()
            )
            name = f"input of {_name(decided[target], f'node {target}')}"
            found.append(Slot(name, tuple(sites), options, ()))
    return found


def _source(space: SearchSpace, node: int, decided: list[tuple[str, ...]]) -> str:
    op = int(space.fixed_ops[node])
    return _name(decided[node], f"node {node}" + (f" ({space.op_names[op]})" if op >= 0 else ""))


def _parameters_decided_by(classes: np.ndarray, rows: Sequence[dict[str, int | str]]) -> tuple[str, ...]:
    """The parameters that vary and follow from the class of one site alone."""
    found = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        pairs = set(zip(classes.tolist(), values, strict=True))
        if len(set(values)) > 1 and len(pairs) == len(np.unique(classes)):
            found.append(name)
    return tuple(found)


def _name(parameters: tuple[str, ...], otherwise: str) -> str:
    """One parameter's name, or what the names of several end with: kernel_1_2 and expand_1_2 make "slot 1_2"."""
    if len(parameters) < 2:
        return parameters[0] if parameters else otherwise
    ends = [tuple(reversed(name.split("_"))) for name in parameters]
    common: list[str] = []
    for tokens in zip(*ends, strict=False):
        if len(set(tokens)) > 1:
            break
        common.append(tokens[0])
    return f"slot {'_'.join(reversed(common))}" if common else ", ".join(parameters)
