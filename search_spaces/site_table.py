"""The table of a product space: which operations each site has, and on which other site it depends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from search_spaces.errors import UserError
from search_spaces.site import Choice, Site, label

INACTIVE = "inactive"
# What an infinite score counts for: sums with it must not turn into nan.
_LARGE = 1e9


class SiteTable:
    """The sites of a product space as operations of the nodes of its graph.

    A *row* holds the (N,) operations of an architecture; those of inactive sites are ``rest``.

    op_names: the vocabulary. rest: the index of the operation of an inactive site, -1 if none can be inactive.
    options: of each site, the operations of its choices. places: where each operation is among them.
    open: the sites of more than one choice. parents: the site on which each depends, or -1. needs: the operations of
    that site with which it is active. allowed: (N, V) bool, the operations that each site has in some architecture.
    ways: of each choice of each site, the number of architectures of what depends on it.
    """

    def __init__(self, sites: Sequence[Site], op_names: tuple[str, ...] | None, identity: str | None) -> None:
        self.sites = tuple(sites)
        names = [site.name for site in sites]
        words = tuple(dict.fromkeys(word for site in sites for word in site.labels))
        self.depends = any(site.active_if for site in sites)
        rest = identity if identity in words else INACTIVE
        self.op_names = op_names or (words if rest in words or not self.depends else (*words, rest))
        ops = {word: op for op, word in enumerate(self.op_names)}
        self.rest = ops.get(rest, -1)
        self.options = [[ops[word] for word in site.labels] for site in sites]
        self.places = [{op: place for place, op in enumerate(options)} for options in self.options]
        self.open = [node for node, options in enumerate(self.options) if len(options) > 1]
        self.parents = [names.index(site.active_if[0]) if site.active_if else -1 for site in sites]
        self.needs = [
            {ops[label(choice)] for choice in site.active_if[1]} if site.active_if else set() for site in sites
        ]
        self.allowed = np.zeros((len(sites), len(self.op_names)), dtype=bool)
        for node, options in enumerate(self.options):
            self.allowed[node, options] = True
            self.allowed[node, self.rest] |= self.parents[node] >= 0
        self.allowed.setflags(write=False)
        self.ways = self._count()

    @property
    def fixed_ops(self) -> np.ndarray:
        """(N,) int64: the operation of a site that has one, and that no other site has; else -1."""
        fixed = (self.allowed.sum(axis=1) == 1) & self.allowed[:, self.allowed.sum(axis=0) == 1].any(axis=1)
        return np.where(fixed, self.allowed.argmax(axis=1), -1)

    @property
    def size(self) -> int:
        """The number of distinct architectures."""
        return math.prod(sum(ways) for ways, parent in zip(self.ways, self.parents, strict=True) if parent < 0)

    def is_active(self, node: int, ops: Sequence[int]) -> bool:
        """Whether a site is there, by the operations of those before it."""
        parent = self.parents[node]
        return parent < 0 or (self.is_active(parent, ops) and ops[parent] in self.needs[node])

    def row(self, choose: Callable[[int], int]) -> tuple[int, ...]:
        """The operations of all nodes, of which those that are active and have a choice are chosen."""
        row: list[int] = []
        for node, options in enumerate(self.options):
            if not self.is_active(node, row):
                row.append(self.rest)
            else:
                row.append(choose(node) if len(options) > 1 else options[0])
        return tuple(row)

    def rows(self, given: Mapping[int, int], row: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
        """The operations of every architecture with these at these sites, if they are active."""
        node = len(row)
        if node == len(self.sites):
            yield row
            return
        options = [given[node]] if node in given else self.options[node]
        for op in options if self.is_active(node, row) else [self.rest]:
            yield from self.rows(given, (*row, op))

    def folded(self, rows: np.ndarray) -> np.ndarray:
        """(B, N) operations with those of inactive sites folded away."""
        active = np.ones(rows.shape, dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                active[:, node] = active[:, parent] & np.isin(rows[:, parent], list(self.needs[node]))
        return np.where(active, rows, self.rest)

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n rows, uniform over the distinct architectures: (n, N)."""
        rows = np.tile([options[0] for options in self.options], (n, 1))
        if not self.depends:
            counts = [len(self.options[node]) for node in self.open]
            places = rng.integers(counts[0] if len(set(counts)) == 1 else counts, size=(n, len(counts)))
        else:
            # A choice is as likely as the number of architectures that have it and all of the sites before.
            draws = rng.random((n, len(self.open)))
            shares = [np.cumsum([way / sum(self.ways[node]) for way in self.ways[node][:-1]]) for node in self.open]
            places = np.stack(
                [np.searchsorted(s, d, side="right") for s, d in zip(shares, draws.T, strict=True)], axis=1
            )
        for column, node in enumerate(self.open):
            rows[:, node] = np.array(self.options[node])[places[:, column]]
        return self.folded(rows)

    def project(self, scores: np.ndarray) -> np.ndarray:
        """The rows with the largest sums of scores, by dynamic programming over what depends on what: (B, N).

        scores: (B, N, V).
        """
        if not self.depends:
            return np.where(self.allowed, scores, -np.inf).argmax(axis=2)
        scores = np.nan_to_num(np.asarray(scores, dtype=np.float64), posinf=_LARGE, neginf=-_LARGE)
        rows = np.empty(scores.shape[:2], dtype=np.int64)
        # From the last site to the first: what each choice is worth with the best of all that hangs on it, and what
        # the site is worth where it is inactive with all of that.
        worth, idle = scores.copy(), scores[:, :, self.rest].copy()
        for node in reversed(range(len(self.sites))):
            worth[:, node, ~np.isin(np.arange(scores.shape[2]), self.options[node])] = -np.inf
            rows[:, node] = worth[:, node].argmax(axis=1)
            if (parent := self.parents[node]) >= 0:
                exists = np.isin(np.arange(scores.shape[2]), list(self.needs[node]))
                best = worth[:, node].max(axis=1)
                worth[:, parent] += np.where(exists, best[:, None], idle[:, node, None])
                idle[:, parent] += idle[:, node]
        return self.folded(rows)

    def attributes(self) -> np.ndarray | None:
        """The numbers of choices that are numbers, zeros for words; None where there are none, or not equally many."""
        numbers = {label(choice): _numbers(choice) for site in self.sites for choice in site.choices}
        lengths = {len(found) for found in numbers.values()} - {0}
        if len(lengths) != 1:
            return None
        nothing = (0.0,) * lengths.pop()
        return np.array([numbers.get(word) or nothing for word in self.op_names], dtype=np.float64)

    def _count(self) -> list[list[int]]:
        """Of each choice of each site, how many architectures of what hangs on it there are."""
        ways = [[1] * len(options) for options in self.options]
        for node in reversed(range(len(ways))):
            if (parent := self.parents[node]) >= 0:
                for place, op in enumerate(self.options[parent]):
                    ways[parent][place] *= sum(ways[node]) if op in self.needs[node] else 1
        return ways


def check_sites(space: str, sites: Sequence[Site], edges: Sequence[tuple[str, str]], separator: str) -> None:
    """Raises UserError where the sites of that space, or the edges between them, contradict each other."""
    earlier: dict[str, Site] = {}
    for site in sites:
        where = f"space '{space}', site '{site.name}'"
        if site.name in earlier:
            raise UserError(f"{where}: there are two sites of that name")
        if not site.choices or len(set(site.labels)) < len(site.choices):
            raise UserError(f"{where}: it needs choices, each once")
        if any(not word or (separator or " ") in word or (not separator and len(word) > 1) for word in site.labels):
            raise UserError(f"{where}: no choice may be empty or have the separator '{separator}' in it")
        if site.active_if:
            parent, choices = site.active_if
            if parent not in earlier:
                raise UserError(f"{where}: it depends on '{parent}', which is no earlier site")
            for choice in choices:
                if choice not in earlier[parent].choices:
                    raise UserError(f"{where}: '{parent}' has no choice {choice!r}")
        earlier[site.name] = site
    for tail, head in edges:
        if [name for name in earlier if name in (tail, head)] != [tail, head]:
            raise UserError(f"space '{space}': the edge '{tail}' -> '{head}' does not join a site to a later one")


def _numbers(choice: Choice) -> tuple[float, ...]:
    if isinstance(choice, str):
        return ()
    return tuple(map(float, choice)) if isinstance(choice, tuple) else (float(choice),)
