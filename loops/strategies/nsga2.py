"""NSGA-II (Deb et al., 2002, *A Fast and Elitist Multiobjective Genetic Algorithm*), by pymoo's operators."""

from __future__ import annotations

from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from loops.history import History
from loops.objective import Objective
from loops.protocols import Proposal
from loops.strategies.fresh import fresh
from search_spaces import SearchSpace

# Children that have a trial are made again; so often, before the proposal is random.
ROUNDS = 50


class NSGA2:
    """Children of the survivors of all completed trials: a steady state, so that it can be read off the history.

    Survivors are chosen by rank and crowding, infeasible ones last by their violation; parents by binary tournament;
    children by uniform crossover and random choice of single sites (rate 1 / sites), repaired by the space. The first
    ``population`` architectures are random. For one goal, and for goals under constraints too.
    """

    name = "nsga2"

    def __init__(self, space: SearchSpace, objective: Objective, population: int = 20) -> None:
        if population < 2:
            raise ValueError(f"population must be at least 2, got {population}")
        self.space = space
        self.objective = objective
        self.population = population

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n unseen architectures; fewer only if the space has no more."""
        n = min(n, self.space.size - len(history.seen))
        taken = set(history.seen)
        random_start = max(0, self.population - len(history.completed) - len(history.pending))
        proposals = [Proposal(a, {"origin": "random"}) for a in fresh(self.space, taken, min(n, random_start), rng)]
        taken |= {proposal.architecture for proposal in proposals}
        if len(proposals) < n and len(history.completed) >= 2:
            survivors = self.survivors(history, rng)
            for _ in range(ROUNDS):
                if len(proposals) == n:
                    break
                for architecture in self.space.nearest(self._children(survivors, n - len(proposals), rng)):
                    if architecture not in taken and len(proposals) < n:
                        proposals.append(Proposal(architecture, {"origin": "crossover"}))
                        taken.add(architecture)
        rest = fresh(self.space, taken, n - len(proposals), rng)
        return proposals + [Proposal(architecture, {"origin": "random"}) for architecture in rest]

    def survivors(self, history: History, rng: np.random.Generator) -> Any:
        """The best completed trials as a pymoo population, whose ``X`` are the classes of their free sites."""
        from pymoo.core.population import Population
        from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

        codes = self.space.codes([trial.architecture for trial in history.completed])
        everyone = Population.new(
            X=codes[:, self._sites], F=-self.objective.values(history), G=self.objective.violation(history)[:, None]
        )
        return RankAndCrowding().do(self._problem, everyone, n_survive=self.population, random_state=rng)

    def _children(self, survivors: Any, n: int, rng: np.random.Generator) -> np.ndarray:
        """At least n children of n pairs: (M, S) codes, which need not be valid."""
        from pymoo.algorithms.moo.nsga2 import binary_tournament
        from pymoo.operators.crossover.ux import UX
        from pymoo.operators.mutation.rm import ChoiceRandomMutation
        from pymoo.operators.selection.tournament import TournamentSelection

        problem = self._problem
        # What the comparison asks of the algorithm that it is made for.
        algorithm = SimpleNamespace(tournament_type="comp_by_dom_and_crowding", random_state=rng)
        parents = TournamentSelection(binary_tournament).do(
            problem, survivors, n, 2, to_pop=False, algorithm=algorithm, random_state=rng
        )
        children = UX().do(problem, survivors, parents=parents, random_state=rng)
        children = ChoiceRandomMutation().do(problem, children, random_state=rng)
        codes = np.tile(np.concatenate([self.space.fixed_ops, np.zeros(len(self.space.free_edges), int)]), (2 * n, 1))
        codes[:, self._sites] = children.get("X").astype(np.int64)
        return codes

    @cached_property
    def _sites(self) -> np.ndarray:
        """The sites that may hold one class or another."""
        nodes = np.flatnonzero(self.space.fixed_ops < 0)
        return np.concatenate([nodes, np.arange(self.space.num_nodes, self.space.num_sites)])

    @cached_property
    def _problem(self) -> Any:
        from pymoo.core.problem import Problem
        from pymoo.core.variable import Choice

        ops = np.setdiff1d(np.arange(len(self.space.op_names)), self.space.fixed_ops).tolist()
        options = {int(s): ops if s < self.space.num_nodes else [0, 1] for s in self._sites}
        variables = {str(site): Choice(options=classes) for site, classes in options.items()}
        return Problem(vars=variables, n_obj=len(self.objective.goals), n_ieq_constr=1)
