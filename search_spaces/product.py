"""Spaces that are declared: a choice at each of several sites, some of which make others inactive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from search_spaces.architecture import Architecture, InvalidArchitectureError, Parameter
from search_spaces.graph import ArchGraph
from search_spaces.near_miss import suggestion
from search_spaces.site import Choice, Site, label
from search_spaces.site_table import SiteTable, check_sites
from search_spaces.space import SearchSpace

MOST_LISTED = 100_000


@dataclass(frozen=True, repr=False)
class Choices(Architecture):
    """An architecture of a product space: ``architecture["kernel"]`` is the choice at that site.

    names, values: the sites with more than one choice, and what is chosen there, None where a site is inactive.
    """

    names: tuple[str, ...]
    values: tuple[Choice | None, ...]
    text: str = field(compare=False)

    def __getitem__(self, site: str) -> Choice | None:
        if site not in self.names:
            raise KeyError(f"there is no site '{site}': {suggestion(site, self.names)}")
        return self.values[self.names.index(site)]

    def keys(self) -> tuple[str, ...]:
        """The names of the sites, so that ``dict(architecture)`` has them with their choices."""
        return self.names

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from search_spaces.drawing.notebook import card, heading, table

        values = ["-" if value is None else label(value) for value in self.values]
        return card(heading(type(self).__name__, self.text, ""), table(self.names, [values], left=self.names))


class ProductSpace(SearchSpace):
    """A choice at each site; all of the contract but ``build`` follows.

    ``sites`` is a class attribute; a space with arguments calls ``self.declare([...])`` in its ``__init__`` instead.
    An architecture's string has the choices of its sites between bars, with ``-`` for an inactive one. The graph has
    one node for a site, whose operation is the choice; that of an inactive site is ``identity``, or ``inactive`` where
    there is none of that name. Sites without ``active_if`` are independent: the space needs no trained generator.

    name: that of the class in small letters, if it is not given.
    edges: the pairs of sites that are joined, from the earlier one to the later; a chain if not given.
    identity: the choice that only passes its input on, if some site has it: see ``SearchSpace.identity_op``.
    null: the choice that outputs zeros, if some site has it: see ``SearchSpace.null_op``.
    separator: what stands between two choices in a string; choices of one letter each need none.
    """

    sites: Sequence[Site] = ()
    edges: Sequence[tuple[str, str]] | None = None
    identity: str | None = "skip"
    null: str | None = None
    separator: str = "|"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not hasattr(cls, "name"):
            cls.name = cls.__name__.lower()

    def __new__(cls, *_: object, **__: object) -> ProductSpace:
        space = super().__new__(cls)
        if cls.sites:
            space.declare(cls.sites)
        return space

    def declare(self, sites: Sequence[Site]) -> None:
        """Make the table of the space from its sites; raises UserError where these contradict each other."""
        check_sites(self.name, sites, self.edges or (), self.separator)
        self.sites = tuple(sites)
        table = self._table = SiteTable(sites, getattr(type(self), "op_names", None), self.identity)
        names = [site.name for site in sites]
        self.op_names, self.fixed_ops, self.num_nodes = table.op_names, table.fixed_ops, len(names)
        self.independent_sites = not table.depends
        self.size = table.size
        self.identity_op = table.rest if table.rest >= 0 else None
        self.null_op = self.op_names.index(self.null) if self.null in self.op_names else None
        if type(self).op_attributes is None:
            self.op_attributes = table.attributes()
        self.adjacency = (
            np.eye(len(names), k=1, dtype=bool) if self.edges is None else np.zeros((len(names),) * 2, bool)
        )
        for tail, head in self.edges or ():
            self.adjacency[names.index(tail), names.index(head)] = True
        for array in (self.adjacency, self.fixed_ops):
            array.setflags(write=False)

    # How an architecture is kept: as the operations of all nodes

    def architecture(self, ops: Sequence[int]) -> Architecture:
        """The architecture of (N,) operations that are those of one; an inactive site has the identity."""
        values = tuple(
            self.sites[node].choices[self._table.places[node][ops[node]]] if self._table.is_active(node, ops) else None
            for node in self._table.open
        )
        text = self.separator.join("-" if value is None else label(value) for value in values)
        return Choices(tuple(self.sites[node].name for node in self._table.open), values, text)

    def ops(self, architecture: Architecture) -> tuple[int, ...]:
        """The (N,) operations of an architecture."""
        values = dict(zip(self._table.open, self.own(architecture, Choices).values, strict=True))
        return self._table.row(lambda node: self.op_names.index(label(values[node])))

    # The contract

    @property
    def node_names(self) -> tuple[str, ...]:
        return tuple(site.name for site in self.sites)

    @property
    def allowed(self) -> np.ndarray:
        return self._table.allowed

    def all(self) -> list[Architecture] | None:
        """Every architecture, the last site varying fastest; None if there are more than 100,000."""
        return [self.architecture(row) for row in self._table.rows({})] if self.size <= MOST_LISTED else None

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        return self._architectures(self._table.draw(n, rng))

    def parse(self, text: str) -> Architecture:
        words = list(text.strip()) if not self.separator else text.strip().split(self.separator)
        if len(words) != len(self._table.open):
            raise InvalidArchitectureError(
                f"'{text}' is no architecture of the space {self.name}: it has {len(words)} choice(s), it needs "
                f"{len(self._table.open)}, as in {self.architecture(next(self._table.rows({})))}"
            )
        given = dict(zip(self._table.open, words, strict=True))

        def choose(node: int) -> int:
            site = self.sites[node]
            if given[node] not in site.labels:
                raise InvalidArchitectureError(
                    f"site '{site.name}' cannot be '{given[node]}': {suggestion(given[node], site.labels)}"
                )
            return self._table.options[node][site.labels.index(given[node])]

        found = self.architecture(self._table.row(choose))
        if str(found) != text.strip():
            raise InvalidArchitectureError(f"'{text}' has choices at inactive sites: it must be written {found}")
        return found

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All architectures that differ in one of the sites that both have; what becomes active takes every choice.

        An ordered site on which others depend moves by one step. The order is that of the sites and of their choices.
        """
        row = self.ops(architecture)
        kept = {node: op for node, op in enumerate(row) if self._table.is_active(node, row)}
        found: list[Architecture] = []
        for node in kept:
            leads = node in self._table.parents
            options, place = self._table.options[node], self._table.places[node][row[node]]
            reach = 1 if leads and self.sites[node].is_ordered else len(options)
            for other in options[max(place - reach, 0) : place + reach + 1]:
                if other != row[node]:
                    rows = (
                        self._table.rows({**kept, node: other}) if leads else [(*row[:node], other, *row[node + 1 :])]
                    )
                    found += map(self.architecture, rows)
        return found

    def encode(self, architecture: Architecture) -> ArchGraph:
        return ArchGraph(np.array(self.ops(architecture), dtype=np.int64), self.adjacency)

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        rows = [self.ops(architecture) for architecture in architectures]
        return np.array(rows, dtype=np.int64).reshape(-1, self.num_nodes)

    def decode(self, graph: ArchGraph) -> Architecture:
        self.check_graph(graph)
        row = graph.ops.tolist()
        for node, op in enumerate(row if self._table.depends else []):
            active = self._table.is_active(node, row)
            if (op not in self._table.places[node]) if active else (op != self._table.rest):
                what = "is active" if active else f"is inactive and must be '{self.op_names[self._table.rest]}'"
                name = self.sites[node].name
                raise InvalidArchitectureError(f"site '{name}' {what}: it cannot be '{self.op_names[op]}'")
        return self.architecture(row)

    def project(self, scores: np.ndarray) -> list[Architecture]:
        self.check_scores(scores)
        return self._architectures(self.project_ops(scores))

    def project_ops(self, scores: np.ndarray) -> np.ndarray:
        """The (B, N) operations of what ``project`` gives."""
        return self._table.project(scores)

    def nearest_codes(self, codes: np.ndarray) -> np.ndarray:
        if type(self).project is not ProductSpace.project:
            return super().nearest_codes(codes)
        return self.project_ops(np.eye(len(self.op_names))[codes])

    def parameters(self) -> tuple[Parameter, ...]:
        """One for each site of more than one choice."""
        sites = [self.sites[node] for node in self._table.open]
        return tuple(Parameter(site.name, site.values, is_ordered=site.is_ordered) for site in sites)

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        row = self.ops(architecture)
        places = {
            node: self._table.places[node][row[node]] if self._table.is_active(node, row) else 0
            for node in self._table.open
        }
        return {self.sites[node].name: self.sites[node].values[place] for node, place in places.items()}

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        self.check_parameters(values, needed=())

        def choose(node: int) -> int:
            site = self.sites[node]
            self.check_parameters(values, needed=(site.name,))
            return self._table.options[node][list[int | str](site.values).index(values[site.name])]

        return self.architecture(self._table.row(choose))

    def _architectures(self, rows: np.ndarray) -> list[Architecture]:
        return [self.architecture(row) for row in rows.tolist()]
