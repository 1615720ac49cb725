"""The default strategy: a generator, guided by the acquisition of predictors fitted on the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np

from bonag.acquisition.surrogate import Surrogate
from bonag.generators.candidates import EvolutionCandidates, MutationCandidates, RandomCandidates
from loops.history import History
from loops.initial import crowded_design, first_design, front_design, space_filling
from loops.objective import Objective
from loops.protocols import Acquisition, Generator, Predictor, Proposal
from loops.source import Source
from loops.strategies.fresh import fresh
from search_spaces import Architecture, SearchSpace


class Guide(Protocol):
    """What evaluations are worth, as guidance of a generator."""

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B,), larger is better."""
        ...

    def after(self, codes: np.ndarray) -> Guide:
        """The same as if the (k, S) codes had been evaluated already."""
        ...

    def note(self) -> dict[str, object]:
        """What a trial's provenance should say of the model behind it (JSON values)."""
        ...


class GuideFitter(Protocol):
    """Learns from a history what evaluations are worth."""

    def fit(self, history: History, seed: int) -> Guide:
        """A pure function of a history with completed trials, and of the seed."""
        ...


@runtime_checkable
class SourceFollower(Protocol):
    """A guide fitter that knows evaluations of other tasks."""

    def follows_sources(self, history: History) -> bool:
        """Whether it needs no first design, because sources are in trust after the history."""
        ...

    def best_of_sources(self, n: int) -> np.ndarray:
        """Codes that the sources think best: (k, S), k <= n."""
        ...


# So many architectures to begin with, given those that are there: (space, chosen, n, rng) -> at most n.
Design = Callable[[SearchSpace, Sequence[Architecture], int, np.random.Generator], list[Architecture]]


@dataclass(frozen=True)
class GuidedGeneration:
    """Bayesian optimisation whose candidates a guided graph diffusion model generates.

    After ``initial`` trials of the ``design``, each proposal fits the surrogate on the completed trials, guides the
    generator with its acquisition from the ``starts`` best of them, drops what has been evaluated, and takes the best
    by acquisition. Trials that still run count as if they had ended as expected. (DiffusionNAG, An et al., ICLR 2024,
    describes such a loop; its guidance is by gradients.) As long as sources are in trust, they take the place of the
    first design.
    """

    space: SearchSpace
    objective: Objective
    surrogate: GuideFitter
    generator: Generator
    initial: int = 5
    starts: int = 24
    name: str = "bonag"
    design: Design = first_design
    crowded: Design = crowded_design

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n distinct architectures that the history does not hold."""
        early = len(history) < self.initial or len(history.completed) < 2
        if early and self.goes_by_sources(history):
            return self._propose_guided(history, [], n, rng)
        missing = max(0, min(n, self.initial - len(history)))
        seen = [trial.architecture for trial in history]
        proposals = [
            Proposal(architecture, {"origin": "initial"})
            for architecture in self.design(self.space, seen, missing, rng)
        ]
        if missing == n:
            return proposals
        if len(history.completed) < 2 and history.pending:
            more = self.crowded(self.space, [*seen, *(p.architecture for p in proposals)], n - len(proposals), rng)
            return proposals + [Proposal(architecture, {"origin": "initial"}) for architecture in more]
        if len(history.completed) < 2:
            more = fresh(self.space, {*seen, *(p.architecture for p in proposals)}, n - len(proposals), rng)
            return proposals + [Proposal(architecture, {"origin": "random"}) for architecture in more]
        return proposals + self._propose_guided(history, proposals, n - missing, rng)

    def search(
        self, history: History, before: Sequence[Architecture], rng: np.random.Generator
    ) -> tuple[Guide, np.ndarray, np.ndarray]:
        """What evaluations are worth after a history with completed trials, and what the generator makes of it.

        before: architectures that count as if they had ended as expected, beside the trials that still run.
        Returns distinct graphs, best first, evaluated ones among them: (M, S) codes and (M,) acquisition values.
        """
        worth = self.surrogate.fit(history, int(rng.integers(2**32)))
        waiting = [trial.architecture for trial in history.pending]
        worth = worth.after(self.space.codes([*waiting, *before]))
        starts = self.space.codes([trial.architecture for trial in self.objective.best(history, self.starts)])
        if isinstance(self.surrogate, SourceFollower):
            starts = np.concatenate([starts, self.surrogate.best_of_sources(self.starts)])
        return worth, *self.generator.guided_sample(worth, rng, starts)

    def goes_by_sources(self, history: History) -> bool:
        """Whether there are sources, and they are in trust after the history."""
        return isinstance(self.surrogate, SourceFollower) and self.surrogate.follows_sources(history)

    def _propose_guided(
        self, history: History, before: list[Proposal], n: int, rng: np.random.Generator
    ) -> list[Proposal]:
        proposed = [proposal.architecture for proposal in before]
        worth, candidates, scores = self.search(history, proposed, rng)
        taken = {trial.architecture for trial in history} | set(proposed)
        proposals: list[Proposal] = []
        while len(proposals) < n:
            choice = self._best(candidates, scores, taken)
            if choice is None:
                # Everything that was generated is known: the neighbourhood is exhausted.
                rest = fresh(self.space, taken, n - len(proposals), rng)
                return proposals + [Proposal(architecture, {"origin": "random"}) for architecture in rest]
            architecture, score = choice
            provenance = {"origin": "guided", "acquisition": score, "generated": len(candidates), **worth.note()}
            proposals.append(Proposal(architecture, provenance))
            taken.add(architecture)
            if len(proposals) < n:
                worth = worth.after(self.space.codes([architecture]))
                scores = worth(candidates)
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


def bonag(
    space: SearchSpace,
    objective: Objective,
    predictor: Predictor,
    acquisition: Acquisition,
    generator: Generator,
    sources: Sequence[Source] = (),
) -> GuidedGeneration:
    """The default strategy; raises UserError for an acquisition or a predictor that cannot take the objective."""
    surrogate = Surrogate(space, objective, predictor, acquisition, sources)
    return with_first_design(GuidedGeneration(space, objective, surrogate, generator))


def with_first_design(strategy: GuidedGeneration) -> GuidedGeneration:
    """The strategy, begun as the default one is, by what suits one goal or several."""
    one = len(strategy.objective.goals) == 1
    design, crowded = (first_design, crowded_design) if one else (front_design, space_filling)
    return replace(strategy, initial=GuidedGeneration.initial, design=design, crowded=crowded)


def alone(
    space: SearchSpace, objective: Objective, predictor: Predictor, acquisition: Acquisition, generator: Generator
) -> GuidedGeneration:
    """The default strategy where others are given sources, to compare with."""
    return replace(bonag(space, objective, predictor, acquisition, generator), name="bonag:alone")


Maker = Callable[..., GuidedGeneration]


def _instead(name: str, candidates: Callable[[SearchSpace], Generator]) -> Maker:
    """Makes the default strategy with these candidates in place of the generator's."""

    def make(
        space: SearchSpace,
        objective: Objective,
        predictor: Predictor,
        acquisition: Acquisition,
        sources: Sequence[Source] = (),
    ) -> GuidedGeneration:
        return replace(bonag(space, objective, predictor, acquisition, candidates(space), sources), name=name)

    return make


mutation_bo = _instead("mutation-bo", partial(MutationCandidates, random=0.5))
mutation_bo_random = _instead("mutation-bo:random", RandomCandidates)
mutation_bo_mutation = _instead("mutation-bo:mutation", MutationCandidates)
mutation_bo_evolution = _instead("mutation-bo:evolution", EvolutionCandidates)
