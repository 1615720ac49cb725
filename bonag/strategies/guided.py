"""The default strategy: a generator, guided by the acquisition of predictors fitted on the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from loops.history import History
from loops.initial import first_design
from loops.objective import Objective
from loops.protocols import Proposal
from loops.strategies.fresh import fresh
from search_spaces import Architecture, SearchSpace


class Acquisition(Protocol):
    """How much an evaluation is worth: (B, S) codes -> (B,), larger is better."""

    def __call__(self, codes: np.ndarray) -> np.ndarray: ...

    def after(self, codes: np.ndarray) -> Acquisition:
        """The acquisition as if the (k, S) codes had been evaluated already."""
        ...

    def note(self) -> dict[str, Any]:
        """What a trial's provenance should say of the model behind it (JSON values)."""
        ...


class Surrogate(Protocol):
    """Fits predictors and makes an acquisition function of them."""

    def fit(self, codes: np.ndarray, values: np.ndarray, seed: int) -> Acquisition:
        """codes: (n, S) codes in the order of evaluation. values: (n,), larger is better."""
        ...


@runtime_checkable
class MetricSurrogate(Protocol):
    """A surrogate that knows the objective, and makes one acquisition function of all its metrics."""

    def fit_metrics(self, codes: np.ndarray, values: np.ndarray, seed: int) -> Acquisition:
        """codes: (n, S) codes in the order of evaluation. values: (n, M), each metric of the objective as measured."""
        ...


class Generator(Protocol):
    """Generates valid graphs that the guidance scores high."""

    def guided_sample(
        self, guidance: Acquisition, rng: np.random.Generator, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distinct graphs, best first: (M, S) codes and (M,) scores. starts: (K, S) codes of graphs to compete with."""
        ...


# So many architectures to begin with, given those that are there: (space, chosen, n, rng) -> at most n.
Design = Callable[[SearchSpace, Sequence[Architecture], int, np.random.Generator], list[Architecture]]


@dataclass(frozen=True)
class GuidedGeneration:
    """Bayesian optimisation whose candidates a guided graph diffusion model generates.

    After ``initial`` trials of the ``design``, each proposal fits the surrogate on the completed trials, guides the
    generator with its acquisition from the ``starts`` best of them, drops what has been evaluated, and takes the best
    by acquisition. Trials that still run count as if they had ended as expected. (DiffusionNAG, An et al., ICLR 2024,
    describes such a loop; its guidance is by gradients.)
    """

    space: SearchSpace
    objective: Objective
    surrogate: Surrogate | MetricSurrogate
    generator: Generator
    initial: int = 5
    starts: int = 24
    name: str = "bonag"
    design: Design = first_design

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n distinct architectures that the history does not hold."""
        missing = max(0, min(n, self.initial - len(history)))
        seen = [trial.architecture for trial in history]
        proposals = [
            Proposal(architecture, {"origin": "initial"})
            for architecture in self.design(self.space, seen, missing, rng)
        ]
        if missing == n:
            return proposals
        if len(history.completed) < 2:
            more = fresh(self.space, {*seen, *(p.architecture for p in proposals)}, n - len(proposals), rng)
            return proposals + [Proposal(architecture, {"origin": "random"}) for architecture in more]
        return proposals + self._guided(history, proposals, n - missing, rng)

    def search(
        self, history: History, before: Sequence[Architecture], rng: np.random.Generator
    ) -> tuple[Acquisition, np.ndarray, np.ndarray]:
        """The acquisition after a history with completed trials, and what the generator makes of it.

        before: architectures that count as if they had ended as expected, beside the trials that still run.
        Returns distinct graphs, best first, evaluated ones among them: (M, S) codes and (M,) acquisition values.
        """
        evaluated = self.space.codes([trial.architecture for trial in history.completed])
        scores = self.objective.scores(history)
        seed = int(rng.integers(2**32))
        if isinstance(self.surrogate, MetricSurrogate):
            acquisition = self.surrogate.fit_metrics(evaluated, self.objective.measured(history), seed)
        else:
            acquisition = self.surrogate.fit(evaluated, scores, seed)
        waiting = [trial.architecture for trial in history.pending]
        acquisition = acquisition.after(self.space.codes([*waiting, *before]))
        starts = evaluated[np.argsort(-scores, kind="stable")[: self.starts]]
        return acquisition, *self.generator.guided_sample(acquisition, rng, starts)

    def _guided(self, history: History, before: list[Proposal], n: int, rng: np.random.Generator) -> list[Proposal]:
        proposed = [proposal.architecture for proposal in before]
        acquisition, candidates, scores = self.search(history, proposed, rng)
        taken = {trial.architecture for trial in history} | set(proposed)
        proposals: list[Proposal] = []
        while len(proposals) < n:
            choice = self._best(candidates, scores, taken)
            if choice is None:
                # Everything that was generated is known: the neighbourhood is exhausted.
                rest = fresh(self.space, taken, n - len(proposals), rng)
                return proposals + [Proposal(architecture, {"origin": "random"}) for architecture in rest]
            architecture, score = choice
            provenance = {"origin": "guided", "acquisition": score, "generated": len(candidates), **acquisition.note()}
            proposals.append(Proposal(architecture, provenance))
            taken.add(architecture)
            if len(proposals) < n:
                acquisition = acquisition.after(self.space.codes([architecture]))
                scores = acquisition(candidates)
                order = np.argsort(-scores, kind="stable")
                candidates, scores = candidates[order], scores[order]
        return proposals

    def _best(
        self, candidates: np.ndarray, scores: np.ndarray, taken: set[Architecture]
    ) -> tuple[Architecture, float] | None:
        """The first candidate that is not taken, and its score."""
        for code, score in zip(candidates, scores, strict=True):
            architecture = self.space.decode(self.space.graph(code))
            if architecture not in taken:
                return architecture, float(score)
        return None
