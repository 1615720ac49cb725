"""Candidates for an acquisition function that no generator makes: random ones, mutations, evolution, or all there are.

Each fills the role of a generator, whose own distribution is the uniform one. The comparison of DiffusionNAG (An et
al., ICLR 2024, section 4.3) is that of these with guided generation under the same predictors and acquisition function.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from loops.protocols import Guidance
from loops.strategies.mutation import Mutation
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError

# As many graphs as the particles of guided generation are at all their noise levels: 128 x 12.
CANDIDATES = 128 * 12
# A neighbourhood may hold fewer distinct architectures than are asked for.
DRAWS_PER_CANDIDATE = 4


@dataclass(frozen=True)
class UniformCandidates(ABC):
    """What is common to all: a space, of which every architecture is as likely as another."""

    space: SearchSpace

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """n architectures, uniform and independent."""
        return self.space.sample(n, rng)

    @abstractmethod
    def guided_sample(
        self, guidance: Guidance, rng: np.random.Generator, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distinct graphs, best first: (M, S) codes and (M,) scores. starts: (K, S) codes of the best evaluated."""


@dataclass(frozen=True)
class RandomCandidates(UniformCandidates):
    """``count`` distinct uniform random architectures."""

    count: int = CANDIDATES

    def guided_sample(
        self, guidance: Guidance, rng: np.random.Generator, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See ``UniformCandidates``; starts take no part."""
        found = _distinct(lambda n: self.space.sample(n, rng), self.count)
        return _rank(self.space.codes(list(found)), guidance)


@dataclass(frozen=True)
class MutationCandidates(UniformCandidates):
    """``count`` distinct architectures, of which the share ``random`` is uniform, the others mutations of the starts.

    A mutation changes one gene, with probability 1/2 another one, and so on; see ``Mutation.many``. With
    ``site_by_site`` as many as ``Mutation.rates`` says.
    """

    random: float = 0.0
    count: int = CANDIDATES
    site_by_site: bool = False
    mutation: Mutation = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.random <= 1:
            raise ValueError(f"random must lie in 0..1, got {self.random}")
        object.__setattr__(self, "mutation", Mutation(self.space))

    def guided_sample(
        self, guidance: Guidance, rng: np.random.Generator, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See ``UniformCandidates``; where there are no starts, all are random."""
        parents = self.space.nearest(starts) if len(starts) else []
        mutated = round(self.count * (1 - self.random)) if parents else 0

        def draw(n: int) -> list[Architecture]:
            """n mutations of starts."""
            chosen = rng.integers(len(parents), size=n)
            changes = self.mutation.rates(n, rng) if self.site_by_site else rng.geometric(0.5, size=n)
            return self.mutation.many([parents[i] for i in chosen], changes, rng)

        found = _distinct(draw, mutated)
        found = _distinct(lambda n: self.space.sample(n, rng), self.count, found)
        return _rank(self.space.codes(list(found)), guidance)


@dataclass(frozen=True)
class EvolutionCandidates(UniformCandidates):
    """The acquisition function maximised by evolution: ``count`` distinct architectures in ``generations``.

    The first generation is half random, half mutations of the starts; each later one are children of the ``elite``
    best of all so far, half of them mutations (as of ``MutationCandidates``), half uniform crossovers of two, which the
    space repairs.
    """

    generations: int = 12
    elite: int = 16
    count: int = CANDIDATES
    mutation: Mutation = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.generations <= self.count:
            raise ValueError(f"generations must lie in 1..count ({self.count}), got {self.generations}")
        object.__setattr__(self, "mutation", Mutation(self.space))

    def guided_sample(
        self, guidance: Guidance, rng: np.random.Generator, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See ``UniformCandidates``."""
        size = self.count // self.generations
        codes, scores = MutationCandidates(self.space, 0.5, size).guided_sample(guidance, rng, starts)
        for _ in range(1, self.generations):
            best = codes[: self.elite]
            children = self._children(best, self.space.nearest(best), size, rng)
            known = {row.tobytes() for row in codes}
            added = np.array([row for row in children if row.tobytes() not in known], dtype=np.int64)
            if len(added) == 0:
                continue
            codes, scores = np.concatenate([codes, added]), np.concatenate([scores, guidance(added)])
            order = np.argsort(-scores, kind="stable")
            codes, scores = codes[order], scores[order]
        return codes, scores

    def _children(self, codes: np.ndarray, parents: list[Architecture], n: int, rng: np.random.Generator) -> np.ndarray:
        """n distinct children at most: (M, S) codes."""

        def draw(many: int) -> list[Architecture]:
            """So many children, half of them crossed, the others mutated."""
            half = many // 2
            first, second = codes[rng.integers(len(codes), size=(2, half))]
            crossed = self.space.nearest(np.where(rng.random(first.shape) < 0.5, first, second)) if half else []
            chosen, changes = rng.integers(len(parents), size=many - half), rng.geometric(0.5, size=many - half)
            return crossed + self.mutation.many([parents[i] for i in chosen], changes, rng)

        return self.space.codes(list(_distinct(draw, n)))


@dataclass(frozen=True)
class AllCandidates(UniformCandidates):
    """Every architecture of a space that can list them; UserError for another."""

    codes: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = self.space.all()
        if every is None:
            raise UserError(f"space '{self.space.name}' has too many architectures to list all: take another generator")
        codes = self.space.codes(every)
        codes.setflags(write=False)
        object.__setattr__(self, "codes", codes)

    def guided_sample(
        self, guidance: Guidance, rng: np.random.Generator, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See ``UniformCandidates``; nothing is drawn, but the order of equals."""
        scores = guidance(self.codes)
        order = np.lexsort((rng.permutation(len(scores)), -scores))
        return self.codes[order], scores[order]


def _distinct(
    draw: Callable[[int], list[Architecture]], count: int, found: dict[Architecture, None] | None = None
) -> dict[Architecture, None]:
    """What was found, filled up to ``count`` architectures; fewer if that many draws repeat themselves."""
    found = dict(found or {})
    left = DRAWS_PER_CANDIDATE * (count - len(found))
    while len(found) < count and left > 0:
        n = min(count - len(found), left)
        left -= n
        found |= dict.fromkeys(draw(n))
    return found


def _rank(codes: np.ndarray, guidance: Guidance) -> tuple[np.ndarray, np.ndarray]:
    scores = guidance(codes)
    order = np.argsort(-scores, kind="stable")
    return codes[order], scores[order]
