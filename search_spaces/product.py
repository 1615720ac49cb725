"""Spaces that are declared: a choice at each of several sites, some of which make others inactive."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from search_spaces.errors import UserError
from search_spaces.graph import ArchGraph
from search_spaces.near_miss import suggestion
from search_spaces.site import Choice, Site, label
from search_spaces.space import Architecture, InvalidArchitectureError, Parameter, SearchSpace

INACTIVE = "inactive"
MOST_LISTED = 100_000
# What an infinite score counts for: sums with it must not turn into nan.
_LARGE = 1e9


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
        self.sites = tuple(sites)
        self._check()
        cls, names = type(self), [site.name for site in sites]
        depends = any(site.active_if for site in sites)
        words = dict.fromkeys(word for site in sites for word in site.labels)
        rest = self.identity if self.identity in words else INACTIVE
        self.op_names = getattr(cls, "op_names", (*words, INACTIVE) if depends and rest == INACTIVE else tuple(words))
        ops = {word: op for op, word in enumerate(self.op_names)}
        self._rest = ops.get(rest, -1)
        self.identity_op, self.null_op = ops.get(rest), ops.get(self.null or "")
        # Of each site: the operations of its choices, the site on which it depends (-1 for none), and with which ops.
        self._options = [[ops[word] for word in site.labels] for site in sites]
        self._places = [{op: place for place, op in enumerate(options)} for options in self._options]
        self._open = [node for node, options in enumerate(self._options) if len(options) > 1]
        self._parents = [names.index(site.active_if[0]) if site.active_if else -1 for site in sites]
        self._needs = [
            {ops[label(choice)] for choice in site.active_if[1]} if site.active_if else set() for site in sites
        ]
        self.num_nodes, self.independent_sites = len(sites), not depends
        self.adjacency = np.eye(len(sites), k=1, dtype=bool)
        if self.edges is not None:
            self.adjacency[:] = False
            for tail, head in self.edges:
                self.adjacency[names.index(tail), names.index(head)] = True
        self._allowed = np.zeros((len(sites), len(self.op_names)), dtype=bool)
        for node, options in enumerate(self._options):
            self._allowed[node, options] = True
            self._allowed[node, self._rest] |= self._parents[node] >= 0
        alone = self._allowed.sum(axis=0) == 1
        self.fixed_ops = np.array([-1 if len(o) > 1 or not alone[o[0]] else o[0] for o in self._options])
        self._ways = self._count()
        self.size = math.prod(sum(w) for w, parent in zip(self._ways, self._parents, strict=True) if parent < 0)
        if cls.op_attributes is None:
            self.op_attributes = self._attributes()
        for array in (self.adjacency, self.fixed_ops, self._allowed):
            array.setflags(write=False)

    # How an architecture is kept: as the operations of all nodes

    def architecture(self, ops: Sequence[int]) -> Architecture:
        """The architecture of (N,) operations that are those of one; an inactive site has the identity."""
        values = tuple(
            self.sites[node].choices[self._places[node][ops[node]]] if self._is_active(node, ops) else None
            for node in self._open
        )
        text = self.separator.join("-" if value is None else label(value) for value in values)
        return Choices(tuple(self.sites[node].name for node in self._open), values, text)

    def ops(self, architecture: Architecture) -> tuple[int, ...]:
        """The (N,) operations of an architecture."""
        values = dict(zip(self._open, self.own(architecture, Choices).values, strict=True))
        return self._row(lambda node: self.op_names.index(label(values[node])))

    # The contract

    @property
    def node_names(self) -> tuple[str, ...]:
        return tuple(site.name for site in self.sites)

    @property
    def allowed(self) -> np.ndarray:
        return self._allowed

    def all(self) -> list[Architecture] | None:
        """Every architecture, the last site varying fastest; None if there are more than 100,000."""
        return [self.architecture(row) for row in self._rows({})] if self.size <= MOST_LISTED else None

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        rows = np.tile([options[0] for options in self._options], (n, 1))
        if self.independent_sites:
            counts = [len(self._options[node]) for node in self._open]
            places = rng.integers(counts[0] if len(set(counts)) == 1 else counts, size=(n, len(counts)))
        else:
            # A choice is as likely as the number of architectures that have it and all of the sites before.
            draws = rng.random((n, len(self._open)))
            shares = [np.cumsum([way / sum(self._ways[node]) for way in self._ways[node][:-1]]) for node in self._open]
            places = np.stack(
                [np.searchsorted(s, d, side="right") for s, d in zip(shares, draws.T, strict=True)], axis=1
            )
        for column, node in enumerate(self._open):
            rows[:, node] = np.array(self._options[node])[places[:, column]]
        return self._architectures(self._folded(rows))

    def parse(self, text: str) -> Architecture:
        words = list(text.strip()) if not self.separator else text.strip().split(self.separator)
        if len(words) != len(self._open):
            raise InvalidArchitectureError(
                f"'{text}' is no architecture of the space {self.name}: it has {len(words)} choice(s), it needs "
                f"{len(self._open)}, as in {self.architecture(next(self._rows({})))}"
            )
        given = dict(zip(self._open, words, strict=True))

        def choose(node: int) -> int:
            site = self.sites[node]
            if given[node] not in site.labels:
                raise InvalidArchitectureError(
                    f"site '{site.name}' cannot be '{given[node]}': {suggestion(given[node], site.labels)}"
                )
            return self._options[node][site.labels.index(given[node])]

        found = self.architecture(self._row(choose))
        if str(found) != text.strip():
            raise InvalidArchitectureError(f"'{text}' has choices at inactive sites: it must be written {found}")
        return found

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All architectures that differ in one of the sites that both have; what becomes active takes every choice.

        An ordered site on which others depend moves by one step. The order is that of the sites and of their choices.
        """
        row = self.ops(architecture)
        kept = {node: op for node, op in enumerate(row) if self._is_active(node, row)}
        found: list[Architecture] = []
        for node in self._open:
            if node in kept:
                options, place = self._options[node], self._places[node][row[node]]
                reach = 1 if self.sites[node].is_ordered and node in self._parents else len(options)
                for other in options[max(place - reach, 0) : place + reach + 1]:
                    if other != row[node]:
                        found += [self.architecture(changed) for changed in self._rows({**kept, node: other})]
        return found

    def encode(self, architecture: Architecture) -> ArchGraph:
        return ArchGraph(np.array(self.ops(architecture), dtype=np.int64), self.adjacency)

    def codes(self, architectures: Sequence[Architecture]) -> np.ndarray:
        rows = [self.ops(architecture) for architecture in architectures]
        return np.array(rows, dtype=np.int64).reshape(-1, self.num_nodes)

    def decode(self, graph: ArchGraph) -> Architecture:
        self.check_graph(graph)
        row = graph.ops.tolist()
        for node, op in enumerate(row):
            active = self._is_active(node, row)
            if (op not in self._places[node]) if active else (op != self._rest):
                what = "is active" if active else f"is inactive and must be '{self.op_names[self._rest]}'"
                name = self.sites[node].name
                raise InvalidArchitectureError(f"site '{name}' {what}: it cannot be '{self.op_names[op]}'")
        return self.architecture(row)

    def project(self, scores: np.ndarray) -> list[Architecture]:
        self.check_scores(scores)
        if self.independent_sites:
            return self._architectures(np.where(self._allowed, scores, -np.inf).argmax(axis=2))
        scores = np.nan_to_num(np.asarray(scores, dtype=np.float64), posinf=_LARGE, neginf=-_LARGE)
        rows = np.empty(scores.shape[:2], dtype=np.int64)
        # From the last site to the first: what each choice is worth with the best of all that hangs on it, and what
        # the site is worth where it is inactive with all of that.
        worth, idle = scores.copy(), scores[:, :, self._rest].copy()
        for node in reversed(range(self.num_nodes)):
            worth[:, node, ~np.isin(np.arange(scores.shape[2]), self._options[node])] = -np.inf
            rows[:, node] = worth[:, node].argmax(axis=1)
            if (parent := self._parents[node]) >= 0:
                exists = np.isin(np.arange(scores.shape[2]), list(self._needs[node]))
                best = worth[:, node].max(axis=1)
                worth[:, parent] += np.where(exists, best[:, None], idle[:, node, None])
                idle[:, parent] += idle[:, node]
        return self._architectures(self._folded(rows))

    def parameters(self) -> tuple[Parameter, ...]:
        """One for each site of more than one choice."""
        sites = [self.sites[node] for node in self._open]
        return tuple(Parameter(site.name, site.values, is_ordered=site.is_ordered) for site in sites)

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        row = self.ops(architecture)
        places = {node: self._places[node][row[node]] if self._is_active(node, row) else 0 for node in self._open}
        return {self.sites[node].name: self.sites[node].values[place] for node, place in places.items()}

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        self.check_parameters(values, needed=())

        def choose(node: int) -> int:
            site = self.sites[node]
            self.check_parameters(values, needed=(site.name,))
            return self._options[node][list[int | str](site.values).index(values[site.name])]

        return self.architecture(self._row(choose))

    # The table

    def _is_active(self, node: int, ops: Sequence[int]) -> bool:
        parent = self._parents[node]
        return parent < 0 or (self._is_active(parent, ops) and ops[parent] in self._needs[node])

    def _row(self, choose: Callable[[int], int]) -> tuple[int, ...]:
        """The operations of all nodes, of which those that are active and have a choice are chosen."""
        row: list[int] = []
        for node, options in enumerate(self._options):
            if not self._is_active(node, row):
                row.append(self._rest)
            else:
                row.append(choose(node) if len(options) > 1 else options[0])
        return tuple(row)

    def _rows(self, given: Mapping[int, int], row: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
        """The operations of every architecture with these at these sites, if they are active."""
        node = len(row)
        if node == self.num_nodes:
            yield row
            return
        options = [given[node]] if node in given else self._options[node]
        for op in options if self._is_active(node, row) else [self._rest]:
            yield from self._rows(given, (*row, op))

    def _folded(self, rows: np.ndarray) -> np.ndarray:
        """(B, N) operations with those of inactive sites folded away."""
        active = np.ones(rows.shape, dtype=bool)
        for node, parent in enumerate(self._parents):
            if parent >= 0:
                active[:, node] = active[:, parent] & np.isin(rows[:, parent], list(self._needs[node]))
        return np.where(active, rows, self._rest)

    def _architectures(self, rows: np.ndarray) -> list[Architecture]:
        return [self.architecture(row) for row in rows.tolist()]

    def _count(self) -> list[list[int]]:
        """Of each choice of each site, how many architectures of what hangs on it there are."""
        ways = [[1] * len(options) for options in self._options]
        for node in reversed(range(len(ways))):
            if (parent := self._parents[node]) >= 0:
                for place, op in enumerate(self._options[parent]):
                    ways[parent][place] *= sum(ways[node]) if op in self._needs[node] else 1
        return ways

    def _attributes(self) -> np.ndarray | None:
        """The numbers of choices that are numbers, zeros for words; None where there are none, or not equally many."""
        numbers = {label(choice): _numbers(choice) for site in self.sites for choice in site.choices}
        lengths = {len(found) for found in numbers.values()} - {0}
        if len(lengths) != 1:
            return None
        nothing = (0.0,) * lengths.pop()
        return np.array([numbers.get(word) or nothing for word in self.op_names], dtype=np.float64)

    def _check(self) -> None:
        earlier: dict[str, Site] = {}
        for site in self.sites:
            where = f"space '{self.name}', site '{site.name}'"
            if site.name in earlier:
                raise UserError(f"{where}: there are two sites of that name")
            if not site.choices or len(set(site.labels)) < len(site.choices):
                raise UserError(f"{where}: it needs choices, each once")
            if any(
                not word or (self.separator or " ") in word or (not self.separator and len(word) > 1)
                for word in site.labels
            ):
                raise UserError(f"{where}: no choice may be empty or have the separator '{self.separator}' in it")
            if site.active_if:
                parent, choices = site.active_if
                if parent not in earlier:
                    raise UserError(f"{where}: it depends on '{parent}', which is no earlier site")
                for choice in choices:
                    if choice not in earlier[parent].choices:
                        raise UserError(f"{where}: '{parent}' has no choice {choice!r}")
            earlier[site.name] = site
        for tail, head in self.edges or ():
            if [name for name in earlier if name in (tail, head)] != [tail, head]:
                raise UserError(
                    f"space '{self.name}': the edge '{tail}' -> '{head}' does not join a site to a later one"
                )


def _numbers(choice: Choice) -> tuple[float, ...]:
    if isinstance(choice, str):
        return ()
    return tuple(map(float, choice)) if isinstance(choice, tuple) else (float(choice),)
