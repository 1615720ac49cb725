"""Which guidance a search should use: the best acquisition value that each finds among equally many scored graphs.

A particle search scores as many as it needs, about a thousand; all others are given that number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from typing import cast

import numpy as np
import torch
from torch import Tensor

from bonag.acquisition.surrogate import Surrogate, Worth
from bonag.bench.generator_lab import Lab, Source
from bonag.bench.generator_plan import Plan
from bonag.bench.generator_rows import Block, stream
from bonag.generators.blocks import BLOCK
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.particles import Resampling
from bonag.generators.regressor import fit_regressor
from bonag.generators.trained import Score, TrainedGenerator
from bonag.on_demand.labels import draw_labels
from bonag.scores import ScoreMap
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import SearchSpace

# Of nb201 the harder of the tasks at hand; of other spaces the default evaluator.
SOURCES = {"nb201": Source("nb201", "table", "cifar100")}
PARTICLES, EVERY, RANDOM = "particle-search", "exhaustive", "random+mutation"
# As all that tilt the generator's distribution are, without the best of the history to start from.
UNSTARTED = "particle-search-unstarted"
# Of scores, and how their lower half is bent.
STRENGTHS = (2.5, 5.0, 10.0)
TAIL = 1.0
STARTS = 24
MUTATIONS = 3
# What resampling takes at these strengths, about; then it begins anew.
SCORES_PER_PARTICLE = 24
# A search that keeps finding what it has found is given up.
ROUNDS = 20


class Scored:
    """An acquisition of the valid graphs nearest to codes, which remembers each distinct one in the order of scoring.

    known: (n, S) codes of evaluated graphs; they are scored too, but are no candidates.
    """

    def __init__(self, space: SearchSpace, acquisition: Score, known: np.ndarray) -> None:
        self.space, self._acquisition = space, acquisition
        self._known = {code.tobytes() for code in known}
        self._scores: dict[bytes, float] = {}

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B,) scores."""
        valid = self.space.nearest_codes(codes)
        keys = [code.tobytes() for code in valid]
        new = {key: code for key, code in zip(keys, valid, strict=True) if key not in self._scores}
        if new:
            found = self._acquisition(np.stack(list(new.values()))).tolist()
            self._scores |= dict(zip(new, found, strict=True))
        return np.array([self._scores[key] for key in keys])

    def __len__(self) -> int:
        return len(self._scores)

    def best(self, count: int) -> float:
        """The best score of a candidate among the first ``count`` graphs that were scored."""
        first = list(self._scores.items())[:count]
        return max((score for key, score in first if key not in self._known), default=float("-inf"))


def candidates_blocks(plan: Plan, lab: Lab, space: str) -> Iterator[Block]:
    """Every way to look for candidates, at the same history and acquisition for each seed."""
    source = SOURCES.get(space, Source(space))
    lab.evaluator(source)
    searches = []
    for family in plan.families:
        if family == "discrete":
            searches += [(family, method, 0.0) for method in (PARTICLES, UNSTARTED)]
            searches += [(family, method, s) for method in ("resampling", "first-order") for s in STRENGTHS]
        else:
            searches += [(family, "gradient", strength) for strength in STRENGTHS]
    for family, method, strength in searches:
        yield Block(
            "candidates", space, family, method, f"strength={strength:g}" if strength else "",
            partial(_find, plan, lab, source, family, method, strength), plan.seeds,
        )  # fmt: skip
    for method in (RANDOM, EVERY) if lab.space(space).all() is not None else (RANDOM,):
        measure = partial(_find, plan, lab, source, "", method, 0.0)
        yield Block("candidates", space, "none", method, "", measure, plan.seeds)


def search(
    method: str,
    scored: Scored,
    generator: TrainedGenerator | None,
    strength: float,
    starts: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> None:
    """Let a method score ``count`` graphs or a few more, drawing again while it has not.

    The methods that tilt the generator's own distribution do so by exp(strength * score), and spend graphs on
    learning the scale: resampling an eighth, gradients half, for they have to learn the function too.
    starts: (K, S) the best codes that were evaluated.
    """
    if method == RANDOM:
        draw: Callable[[], object] = _random_and_mutated(scored, starts, count, rng)
    elif method in (PARTICLES, UNSTARTED):
        given = starts if method == PARTICLES else None
        draw = partial(cast(DiscreteGenerator, generator).guided_sample, scored, rng, given)
    elif method == "resampling":
        draw = _resampling(scored, cast(DiscreteGenerator, generator), strength, count, rng)
    else:
        assert generator is not None
        draw = _following_gradients(scored, generator, strength, count, rng)
    for _ in range(ROUNDS):
        if len(scored) >= count:
            return
        draw()


def _resampling(
    scored: Scored, generator: DiscreteGenerator, strength: float, count: int, rng: np.random.Generator
) -> Callable[[], object]:
    climbed = ScoreMap.of_trials(scored(scored.space.codes(scored.space.sample(count // 8, rng))), TAIL).to_scores
    settings = Resampling()
    particles = max(count // SCORES_PER_PARTICLE, 2)

    def draw() -> None:
        random = torch.Generator().manual_seed(int(rng.integers(2**63 - 1)))
        with torch.no_grad():
            settings.sample(
                particles,
                generator.transition,
                generator.clean_probabilities,
                generator.site_conditionals,
                [lambda codes: strength * climbed(scored(codes))],
                random,
            )

    return draw


def _following_gradients(
    scored: Scored, generator: TrainedGenerator, strength: float, count: int, rng: np.random.Generator
) -> Callable[[], object]:
    codes = scored.space.codes(scored.space.sample(count // 2, rng))
    climbed = ScoreMap.of_trials(scored(codes), TAIL).to_scores

    def posterior(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = climbed(scored(codes))[:, None]
        return mean, np.zeros_like(mean)

    regressor = fit_regressor(scored.space, posterior, generator.noised, codes, seed=int(rng.integers(2**31)))

    def potential(x: Tensor, t: Tensor) -> Tensor:
        return strength * regressor(x, t)[0][:, 0]

    return lambda: scored(generator.gradient_sample(BLOCK, potential, rng))


def _random_and_mutated(
    scored: Scored, starts: np.ndarray, count: int, rng: np.random.Generator
) -> Callable[[], object]:
    """Half are random, half come from one of the starts by one to three mutations."""
    space = scored.space

    def draw() -> None:
        made = space.sample(count // 2, rng)
        for _ in range(count - len(made)):
            child = space.decode(space.graph(starts[int(rng.integers(len(starts)))]))
            for _ in range(int(rng.integers(1, MUTATIONS + 1))):
                child = space.mutate(child, rng)
            made.append(child)
        # In any order, so that a part of them is a fair part.
        scored(space.codes([made[place] for place in rng.permutation(count)]))

    return draw


def _find(
    plan: Plan, lab: Lab, source: Source, family: str, method: str, strength: float, seed: int, rng: np.random.Generator
) -> dict[str, float]:
    if "discrete" not in plan.families:
        best, scored, seconds = _best(plan, lab, source, family, method, strength, plan.sizes.scored, seed, rng)
        return {"best_log_ei": best, "scored": scored, "seconds": seconds}
    # As its own block draws it, which may have been measured in another process.
    own = stream("candidates", source.space, "discrete", PARTICLES, "", seed=seed)
    default, enough, _ = _best(plan, lab, source, "discrete", PARTICLES, 0.0, None, seed, own)
    count = None if method in (PARTICLES, UNSTARTED) else int(enough)
    best, scored, seconds = _best(plan, lab, source, family, method, strength, count, seed, rng)
    return {"best_log_ei": best, "above_particle_search": best - default, "scored": scored, "seconds": seconds}


def _best(
    plan: Plan,
    lab: Lab,
    source: Source,
    family: str,
    method: str,
    strength: float,
    count: int | None,
    seed: int,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """The best candidate's acquisition value, the graphs that were scored for it, and the seconds that it took.

    count: of graphs; None for as many as one particle search scores.
    """
    space = lab.space(source.space)
    codes, values = lab.once(("history", source, seed), lambda: _history(plan, lab, source, seed))

    def make() -> tuple[float, float, float]:
        acquisition = lab.once(("acquisition", source, seed), lambda: _worth(space, codes, values, seed))
        scored = Scored(space, acquisition, codes)
        started = perf_counter()
        if method == EVERY:
            scored(space.codes(space.all() or []))
            return scored.best(len(scored)), len(scored), perf_counter() - started
        generator = lab.generator(source.space, family) if family else None
        starts = codes[np.argsort(-values, kind="stable")[:STARTS]]
        search(method, scored, generator, strength, starts, count or 1, rng)
        judged = len(scored) if count is None else min(count, len(scored))
        return scored.best(judged), judged, perf_counter() - started

    return lab.once(("candidates", source, family, method, strength, seed), make)


def _worth(space: SearchSpace, codes: np.ndarray, values: np.ndarray, seed: int) -> Worth:
    cells = map(space.decode, map(space.graph, codes))
    trials = (
        Trial(index, cell, TrialStatus.COMPLETED, {"accuracy": float(value)})
        for index, (cell, value) in enumerate(zip(cells, values, strict=True))
    )
    return Surrogate(space, Objective.parse("accuracy")).fit(History(trials), seed)


def _history(plan: Plan, lab: Lab, source: Source, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = stream("history", *source.names, seed=seed)
    drawn = draw_labels(lab.space(source.space), lab.evaluator(source), ["accuracy"], rng, plan.sizes.history)
    return drawn.codes, drawn.values["accuracy"]
