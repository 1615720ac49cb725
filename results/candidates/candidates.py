"""Guided generation, evolution and mutations, where mutations mostly break graphs: on nb101 and darts.

python candidates.py --seeds 30: on two objectives that need no table (``OBJECTIVES``), after 60 random trials, each
method proposes five more by the same predictor and acquisition. ``candidates.csv`` has a row for each space, objective,
method and seed: the best acquisition of the first proposal after so many graphs were scored, and the best value after
the five. ``validity.csv`` has the share of graphs that are architectures as they are drawn, before any is repaired.
The same command goes on with what is missing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bonag.acquisition.improvement import LogExpectedImprovement
from bonag.generators.candidates import EvolutionCandidates, MutationCandidates
from bonag.generators.choosing import find_generator
from bonag.generators.discrete import DiscreteGenerator
from bonag.predictors.features import GraphFeatures
from bonag.predictors.gp import GaussianProcess
from bonag.strategies.guided import bonag
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.protocols import Generator, Guidance
from loops.seeding import rng_for
from loops.strategies.fresh import fresh
from search_spaces import Architecture, SearchSpace, get_space

HERE = Path(__file__).parent
SPACES = ("nb101", "darts")
RANDOM, MORE = 60, 5
GRAPHS = (64, 128, 256, 512, 1024)
OBJECTIVE = Objective.parse("value")
Value = Callable[[Architecture], float]


def costs_objective(space: SearchSpace) -> Value:
    """As many MACs as can be had with parameters near the median of random architectures, both as logarithms."""
    counted = [space.costs(one) for one in space.sample(200, np.random.default_rng(0))]
    usual = float(np.median([np.log(one.params) for one in counted]))

    def value(architecture: Architecture) -> float:
        own = space.costs(architecture)
        return float(np.log(own.macs) - 2 * abs(np.log(own.params) - usual))

    return value


def paths_objective(space: SearchSpace) -> Value:
    """A sum of what lies on the paths of an architecture, and the products of some pairs, with fixed random weights."""
    features, rng = GraphFeatures(space), np.random.default_rng(1)
    columns = len(features(space.codes(space.sample(1, rng)))[0])
    weights, pairs = rng.normal(size=columns), rng.integers(columns, size=(2, columns))
    of_pairs = rng.normal(size=columns)

    def value(architecture: Architecture) -> float:
        row = features(space.codes([architecture]))[0]
        return float(row @ weights + (row[pairs[0]] * row[pairs[1]]) @ of_pairs)

    return value


OBJECTIVES = {"costs": costs_objective, "paths": paths_objective}


class Watched:
    """A generator that remembers the best new graph's score after each graph that was scored."""

    def __init__(self, generator: Generator, known: set[bytes]) -> None:
        self.generator, self.known = generator, known
        self.best: list[float] = []

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        return self.generator.sample(n, rng)

    def guided_sample(
        self, guidance: Guidance, rng: np.random.Generator, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        def scored(codes: np.ndarray) -> np.ndarray:
            values = guidance(codes)
            new = np.where([row.tobytes() not in self.known for row in codes], values, -np.inf)
            self.best.extend(np.maximum.accumulate(np.maximum(new, self.best[-1] if self.best else -np.inf)))
            return values

        return self.generator.guided_sample(scored, rng, starts)


def generators(space: SearchSpace) -> dict[str, Generator]:
    """What is compared."""
    return {
        "guided generation": find_generator(space).generator,
        "evolution": EvolutionCandidates(space),
        "mutations": MutationCandidates(space),
        "mutations and random": MutationCandidates(space, 0.5),
    }


def propose(space: SearchSpace, value: Value, generator: Generator, seed: int) -> dict[str, float]:
    """The best acquisition of the first proposal by graphs, and the best value after ``MORE`` proposals."""
    history = History()
    for architecture in fresh(space, (), RANDOM, np.random.default_rng(seed)):
        history = evaluated(history, architecture, value)
    found: dict[str, float] = {"random": float(history.values("value").max())}
    for number in range(MORE):
        watched = Watched(generator, {row.tobytes() for row in space.codes([one.architecture for one in history])})
        strategy = bonag(space, OBJECTIVE, GaussianProcess(space), LogExpectedImprovement(), watched)
        (proposal,) = strategy.propose(history, 1, rng_for(seed, len(history)))
        history = evaluated(history, proposal.architecture, value)
        if number == 0:
            found |= {f"graphs {n}": watched.best[min(n, len(watched.best)) - 1] for n in GRAPHS}
            found |= {"all graphs": watched.best[-1], "graphs": len(watched.best)}
    return found | {"value": float(history.values("value").max())}


def evaluated(history: History, architecture: Architecture, value: Value) -> History:
    """The history with one more trial."""
    event = history.events
    trial = Trial(len(history), architecture, TrialStatus.COMPLETED, {"value": value(architecture)})
    return history.updated(replace(trial, proposed_event=event + 1, ended_event=event + 2))


def validity(space: SearchSpace, rng: np.random.Generator, n: int = 1000) -> dict[str, float]:
    """The share of graphs that are architectures before anything is repaired."""
    generator = find_generator(space).generator
    assert isinstance(generator, DiscreteGenerator)
    codes, others = space.codes(space.sample(n, rng)), space.codes(space.sample(n, rng))
    changed = {f"{many} sites changed": codes.copy() for many in (1, 2, 4)}
    for many, rows in zip((1, 2, 4), changed.values(), strict=True):
        for row in rows:
            open_sites = np.flatnonzero(space.allowed.sum(axis=1) > 1)
            for site in rng.choice(open_sites, size=many, replace=False):
                choices = np.flatnonzero(space.allowed[site])
                row[site] = rng.choice(choices[choices != row[site]])
    crossed = np.where(rng.random(codes.shape) < 0.5, codes, others)
    drawn = {"generated": generator.raw_sample(n, rng), **changed, "two crossed": crossed}
    return {name: float(np.mean([space.is_valid(space.graph(row)) for row in rows])) for name, rows in drawn.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--spaces", nargs="+", default=SPACES, choices=SPACES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = HERE / "candidates.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(row["space"], row["objective"], row["method"], row["seed"]) for row in rows}
    for seed in range(options.seeds):
        for name in options.spaces:
            space = get_space(name)
            for objective, make in OBJECTIVES.items():
                value = make(space)
                for method, generator in generators(space).items():
                    key = (name, objective, method, seed)
                    if key not in done:
                        found = propose(space, value, generator, seed)
                        rows.append({**dict(zip(("space", "objective", "method", "seed"), key, strict=True)), **found})
                        pd.DataFrame(rows).round(4).to_csv(path, index=False)
    shares = [{"space": name, **validity(get_space(name), np.random.default_rng(0))} for name in SPACES]
    pd.DataFrame(shares).round(4).to_csv(HERE / "validity.csv", index=False)
    print(pd.DataFrame(shares).to_string(index=False))
    print(pd.DataFrame(rows).groupby(["space", "objective", "method"]).median(numeric_only=True).round(3).to_string())


if __name__ == "__main__":
    main()
