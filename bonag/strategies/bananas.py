"""BANANAS (White et al., AAAI 2021, *Bayesian Optimization with Neural Architectures for NAS*)."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from bonag.predictors.remembered import Remembered
from bonag.strategies.mlp_ensemble import ensemble_predictions
from bonag.strategies.path_encoding import PathEncoding
from loops.history import History
from loops.objective import Objective
from loops.protocols import Proposal
from loops.strategies.fresh import fresh
from loops.strategies.mutation import Mutation
from search_spaces import Architecture, SearchSpace

# From the best architecture so many mutations are drawn; where fewer are distinct and new, also from the next best.
DRAWS, PARENTS = 100, 5
# The networks learn errors in the size of the authors', percentages: the best has so many, the median twice as many.
ERROR = 5.0


@dataclass(frozen=True)
class Bananas:
    """An ensemble of networks on the path encoding ranks mutations of the best architecture by Thompson sampling.

    The networks are fitted after every ``block`` trials, on those that are completed by then, and the next ``block``
    proposals are the candidates in the order of independent draws from N(mean, variance) of the ensemble's predictions.
    Whatever is random in that comes from a hash of these trials, so that all proposals of a block see the same ranking
    without anything being kept. Settings are those of the authors' naszilla: ten random architectures first, blocks of
    ten, candidates from mutations of the best one.
    """

    space: SearchSpace
    objective: Objective
    initial: int = 10
    block: int = 10
    name: str = "bananas"
    encoding: PathEncoding = field(init=False, repr=False, compare=False)
    mutation: Mutation = field(init=False, repr=False, compare=False)
    _last: Remembered[list[Architecture]] = field(default_factory=Remembered, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoding", PathEncoding(self.space))
        object.__setattr__(self, "mutation", Mutation(self.space))

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n unseen architectures; fewer only if the space has no more."""
        n = min(n, self.space.size - len(history.seen))
        taken = set(history.seen)
        missing = min(n, max(0, self.initial - len(history)))
        proposals = [Proposal(a, {"origin": "random"}) for a in fresh(self.space, taken, missing, rng)]
        taken |= {proposal.architecture for proposal in proposals}
        known = History(history.trials[: max(len(history) // self.block * self.block, min(len(history), self.initial))])
        if len(proposals) < n and len(known.completed) >= 2:
            for rank, architecture in enumerate(self._rank(known)):
                if architecture not in taken and len(proposals) < n:
                    proposals.append(Proposal(architecture, {"origin": "model", "rank": rank}))
                    taken.add(architecture)
        rest = fresh(self.space, taken, n - len(proposals), rng)
        return proposals + [Proposal(architecture, {"origin": "random"}) for architecture in rest]

    def _rank(self, known: History) -> list[Architecture]:
        """The candidates after these trials, the most promising first."""
        codes = self.space.codes([trial.architecture for trial in known.completed])
        values = self.objective.scores(known)
        return self._last.get(codes, values, compute=lambda: self._fit_and_rank(codes, values, known))

    def _fit_and_rank(self, codes: np.ndarray, values: np.ndarray, known: History) -> list[Architecture]:
        rng = np.random.default_rng([*blake2b(codes.tobytes() + values.tobytes(), digest_size=8).digest()])
        candidates = self._candidates(values, known, rng)
        if not candidates:
            return []
        errors = values.max() - values
        typical = float(np.median(errors[errors > 0])) if (errors > 0).any() else 1.0
        predictions = ensemble_predictions(
            self.encoding(codes),
            (errors / typical + 1) * ERROR,
            self.encoding(self.space.codes(candidates)),
            int(rng.integers(2**63 - 1)),
        )
        draws = rng.normal(predictions.mean(axis=0), predictions.std(axis=0))
        return [candidates[i] for i in np.argsort(draws, kind="stable")]

    def _candidates(self, values: np.ndarray, known: History, rng: np.random.Generator) -> list[Architecture]:
        found: dict[Architecture, None] = {}
        for place in np.argsort(-values, kind="stable")[:PARENTS]:
            if len(found) >= DRAWS:
                break
            parent = known.completed[int(place)].architecture
            mutants = self.mutation.many([parent] * DRAWS, self.mutation.rates(DRAWS, rng), rng)
            found |= dict.fromkeys(mutant for mutant in mutants if mutant not in known.seen)
        return list(found)
