"""BANANAS (White et al., AAAI 2021, *Bayesian Optimization with Neural Architectures for NAS*)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bonag.strategies.blocks import Blocks
from bonag.strategies.mlp_ensemble import ensemble_predictions
from bonag.strategies.path_encoding import PathEncoding
from loops.history import History
from loops.strategies.mutation import Mutation
from search_spaces import Architecture

# From the best architecture so many mutations are drawn; where fewer are distinct and new, also from the next best.
DRAWS, PARENTS = 100, 5
# The networks learn errors in the size of the authors', percentages: the best has so many, the median twice as many.
ERROR = 5.0


@dataclass(frozen=True)
class Bananas(Blocks):
    """An ensemble of networks on the path encoding ranks mutations of the best architecture by Thompson sampling.

    The next ``block`` proposals are the candidates in the order of independent draws from N(mean, variance) of the
    ensemble's predictions. Settings are those of the authors' naszilla: ten random architectures first, blocks of ten,
    candidates from mutations of the best one.
    """

    initial: int = 10
    block: int = 10
    name: str = "bananas"
    encoding: PathEncoding = field(init=False, repr=False, compare=False)
    mutation: Mutation = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoding", PathEncoding(self.space))
        object.__setattr__(self, "mutation", Mutation(self.space))

    def rank(
        self, codes: np.ndarray, values: np.ndarray, known: History, rng: np.random.Generator
    ) -> list[Architecture]:
        """The candidates in the order of the draws."""
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
