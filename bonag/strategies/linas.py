"""LINAS (Cummings et al., 2022, *A Hardware-Aware Framework for Accelerating Neural Architecture Search*)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bonag.generators.candidates import EvolutionCandidates
from bonag.strategies.blocks import Blocks
from loops.history import History
from loops.objective import Objective
from search_spaces import Architecture, SearchSpace

# Of the ridge and the support vector regression, those that are compared by cross-validation.
ALPHAS = np.geomspace(0.1, 10.0, 7)
COSTS = np.geomspace(1.0, 100.0, 7)
FOLDS = 5
# Evaluations of the predictor in a round, and of these in a generation.
EVALUATIONS, POPULATION = 20_000, 50


@dataclass(frozen=True)
class Linas(Blocks):
    """A predictor of all trials ranks what evolution on it finds; a round's 50 best are evaluated.

    The predictor is the better one of a ridge and a support vector regression (Gaussian kernel) on one-hot sites, whose
    settings are chosen by cross-validation, as in the authors' DyNAS-T. Evolution sees 20,000 architectures a round, as
    there, but is that of bonag's ``evolution`` candidates. The first 50 architectures are random. For one goal.
    """

    candidates: EvolutionCandidates = field(kw_only=True)

    def rank(
        self, codes: np.ndarray, values: np.ndarray, known: History, rng: np.random.Generator
    ) -> list[Architecture]:
        """What evolution found, the highest prediction first."""
        starts = codes[np.argsort(-values, kind="stable")[:POPULATION]]
        found, _ = self.candidates.guided_sample(_fit(self._one_hot, codes, values), rng, starts)
        return [one for one in self.space.nearest(found[: 2 * self.block + len(codes)]) if one not in known.seen]

    def _one_hot(self, codes: np.ndarray) -> np.ndarray:
        """(n, S) codes -> (n, columns) of 0 and 1."""
        return np.eye(self.space.site_classes.max())[codes].reshape(len(codes), -1)


def linas(space: SearchSpace, objective: Objective) -> Linas:
    """The strategy ``linas``."""
    candidates = EvolutionCandidates(space, EVALUATIONS // POPULATION, POPULATION, EVALUATIONS)
    return Linas(space, objective, initial=POPULATION, block=POPULATION, name="linas", candidates=candidates)


def _fit(
    one_hot: Callable[[np.ndarray], np.ndarray], codes: np.ndarray, values: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVR

    x = one_hot(codes)
    used = np.flatnonzero(x.var(axis=0))
    scale = float(np.abs(values).max()) or 1.0
    searches = (
        GridSearchCV(Ridge(), {"alpha": ALPHAS}, cv=min(FOLDS, len(x)), scoring="neg_mean_absolute_error"),
        GridSearchCV(
            SVR(kernel="rbf", gamma="auto", epsilon=0.0), {"C": COSTS}, cv=min(FOLDS, len(x)),
            scoring="neg_mean_absolute_error",
        ),
    )  # fmt: skip
    # Percentages, or numbers of that size, as the authors have them.
    targets = values / 10 ** (np.floor(np.log10(scale)) - 1)
    best = max((search.fit(x[:, used], targets) for search in searches), key=lambda search: search.best_score_)
    return lambda queries: best.predict(one_hot(queries)[:, used])
