"""Regularised evolution (Real et al., 2019, *Regularized Evolution for Image Classifier Architecture Search*)."""

from __future__ import annotations

import numpy as np

from loops.history import History
from loops.objective import Objective
from loops.protocols import Proposal
from loops.strategies.fresh import fresh
from loops.strategies.mutation import Mutation
from search_spaces import Architecture, SearchSpace

# A child that already has a trial is drawn again, from another tournament; a population whose whole
# neighbourhood is known gives up after so many draws and takes a random architecture instead.
DRAWS = 200


class RegularizedEvolution:
    """A child of the best of a random sample of the youngest trials; the oldest leave the population.

    The population is the last ``population`` completed trials, so it is read off the history and nothing is kept.
    The first ``initial`` architectures are random, by default until it is full. A child differs from its parent in one
    gene, or with ``site_by_site`` in as many as ``Mutation.rates`` says. Unlike in the paper no architecture is
    evaluated twice.

    The default population, 20 of which 10 are sampled, was tuned on NAS-Bench-201; ``naszilla`` is what is published.
    """

    def __init__(
        self,
        space: SearchSpace,
        objective: Objective,
        population: int = 20,
        sample_size: int = 10,
        initial: int | None = None,
        site_by_site: bool = False,
        name: str = "evolution",
    ) -> None:
        if not 1 <= sample_size <= population:
            raise ValueError(f"sample_size must lie in 1..population ({population}), got {sample_size}")
        self.name = name
        self.space = space
        self.objective = objective
        self.population = population
        self.sample_size = sample_size
        self.initial = population if initial is None else initial
        self.site_by_site = site_by_site
        self.mutation = Mutation(space)

    @classmethod
    def naszilla(cls, space: SearchSpace, objective: Objective) -> RegularizedEvolution:
        """The setting of naszilla's ``evolution_search``: population 30, sample 10, ten random ones first.

        Every site changes with the rate of BANANAS. There a child may equal its parent and is queried again, which
        costs a query and tells nothing; here it is drawn again.
        """
        return cls(space, objective, 30, 10, initial=10, site_by_site=True, name="evolution:naszilla")

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n unseen architectures; fewer only if the space has no more."""
        n = min(n, self.space.size - len(history.seen))
        taken = set(history.seen)
        proposals: list[Proposal] = []
        # Trials that still run count as members, so that a first batch does not overfill the random start.
        random_start = max(0, self.initial - len(history.completed) - len(history.pending))
        for architecture in fresh(self.space, taken, min(n, random_start), rng):
            proposals.append(Proposal(architecture, {"origin": "random"}))
            taken.add(architecture)
        while len(proposals) < n:
            proposal = self._child(history, taken, rng)
            proposals.append(proposal)
            taken.add(proposal.architecture)
        return proposals

    def _child(self, history: History, taken: set[Architecture], rng: np.random.Generator) -> Proposal:
        parents = history.completed[-self.population :]
        scores = self.objective.scores(history)[-self.population :]
        for _ in range(DRAWS if parents else 0):
            size = min(self.sample_size, len(parents))
            entrants = rng.choice(len(parents), size=size, replace=False)
            parent = parents[int(entrants[np.argmax(scores[entrants])])]
            child = self._mutate(parent.architecture, rng)
            if child not in taken:
                return Proposal(child, {"origin": "mutation", "parent": parent.index})
        return Proposal(fresh(self.space, taken, 1, rng)[0], {"origin": "random"})

    def _mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        if self.site_by_site:
            return self.mutation.many([architecture], self.mutation.rates(1, rng), rng)[0]
        return self.space.mutate(architecture, rng)


# The strategy ``evolution:naszilla``.
naszilla = RegularizedEvolution.naszilla
