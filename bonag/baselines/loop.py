"""Bayesian optimisation as the baselines do it: a random start, then the best candidate by acquisition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loops.history import History
from loops.objective import Objective
from loops.protocols import Proposal
from loops.strategies.candidates import Candidates
from loops.strategies.fresh import fresh
from loops.strategies.guided import Surrogate
from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True)
class BayesianOptimisation:
    """After ``initial`` random trials, the unseen candidate that the surrogate's acquisition function puts first.

    Trials that still run, and those of the same batch, count as if they had ended as expected. candidates: made from
    the ``starts`` best completed trials. Where all of them are known, the proposal is random.
    """

    space: SearchSpace
    objective: Objective
    surrogate: Surrogate
    candidates: Candidates
    name: str
    initial: int = 10
    starts: int = 10

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n unseen architectures; fewer only if the space has no more."""
        n = min(n, self.space.size - len(history.seen))
        missing = n if len(history.completed) < 2 else min(n, max(0, self.initial - len(history)))
        taken = set(history.seen)
        proposals = [Proposal(a, {"origin": "random"}) for a in fresh(self.space, taken, missing, rng)]
        taken |= {proposal.architecture for proposal in proposals}
        if len(proposals) == n:
            return proposals
        evaluated = self.space.codes([trial.architecture for trial in history.completed])
        values = self.objective.scores(history)
        acquisition = self.surrogate.fit(evaluated, values, seed=int(rng.integers(2**32)))
        waiting = [trial.architecture for trial in history.pending] + [p.architecture for p in proposals]
        acquisition = acquisition.after(self.space.codes(waiting))
        starts = evaluated[np.argsort(-values, kind="stable")[: self.starts]]
        while len(proposals) < n:
            choice = self._best(*self.candidates.guided_sample(acquisition, rng, starts), taken)
            if choice is None:
                architecture = fresh(self.space, taken, 1, rng)[0]
                proposals.append(Proposal(architecture, {"origin": "random"}))
            else:
                architecture, score = choice
                proposals.append(Proposal(architecture, {"origin": "model", "acquisition": score}))
            taken.add(architecture)
            if len(proposals) < n:
                acquisition = acquisition.after(self.space.codes([architecture]))
        return proposals

    def _best(
        self, codes: np.ndarray, scores: np.ndarray, taken: set[Architecture]
    ) -> tuple[Architecture, float] | None:
        for code, score in zip(codes, scores, strict=True):
            architecture = self.space.decode(self.space.graph(code))
            if architecture not in taken:
                return architecture, float(score)
        return None
