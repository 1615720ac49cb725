"""Every third architecture at random, the others by a model."""

from __future__ import annotations

import numpy as np

from loops.history import History
from loops.objective import Objective
from loops.protocols import Acquisition, Generator, Predictor, Proposal
from search_spaces import Architecture, SearchSpace


class Alternating:
    """Asks for a predictor, an acquisition and a generator, whichever they are."""

    name = "alternating"

    def __init__(
        self,
        space: SearchSpace,
        objective: Objective,
        predictor: Predictor,
        acquisition: Acquisition,
        generator: Generator,
    ) -> None:
        self.space, self.objective = space, objective
        self.predictor, self.acquisition, self.generator = predictor, acquisition, generator

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n architectures that have no trial."""
        found: dict[Architecture, str] = {}
        if len(history.completed) >= 4 and len(history) % 3:
            found = {one: "model" for one in self.ranked(history, rng) if one not in history.seen}
            found = dict(list(found.items())[:n])
        while len(found) < min(n, self.space.size - len(history.seen)):
            (one,) = self.space.sample(1, rng)
            if one not in history.seen:
                found.setdefault(one, "random")
        return [Proposal(one, {"origin": origin}) for one, origin in found.items()]

    def ranked(self, history: History, rng: np.random.Generator) -> list[Architecture]:
        """What the generator makes of the acquisition, the best first."""
        codes = self.space.codes([trial.architecture for trial in history.completed])
        scores = self.objective.scores(history)
        scores = (scores - scores.mean()) / max(scores.std(), 1e-9)
        model = self.predictor.fit(codes, scores)
        guided = self.generator.guided_sample(
            lambda others: self.acquisition(model.predict(others), scores.max()), rng, codes[np.argsort(-scores)[:5]]
        )
        return self.space.nearest(guided[0])
