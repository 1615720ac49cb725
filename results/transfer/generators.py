"""What a generator's knowledge of sources is worth: the acquisition that is found, by graphs that were scored.

After 0, 5 and 20 trials of a run without sources, the acquisition with one source is maximised by guided generation and
by evolution, each beginning from the best trials alone, from these and the source's best architectures, from these and
samples of the generator's prior tilted towards what the source thinks good, or from all. See ``runs.py`` for the runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bonag.acquisition.surrogate import Surrogate
from bonag.api.known import table_rows
from bonag.generators.candidates import EvolutionCandidates
from bonag.generators.choosing import find_generator
from bonag.generators.discrete import DiscreteGenerator
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.protocols import Generator
from loops.source import Source
from search_spaces import Architecture, SearchSpace, get_space

HERE = Path(__file__).parent
# By space: the runs that are the source, and those whose trials are the history.
RUNS = {"nb201": ("cifar10", "cifar100"), "mbv3": ("measured224", "predictor")}
TRIALS = (0, 5, 20)
GRAPHS = (64, 128, 256, 512, 1024)
STARTS, TILT = 24, 3.0
OBJECTIVE = Objective.parse("accuracy")
# Graphs that were evaluated are worth nothing.
NOTHING = -1e9


class Scored:
    """The acquisition of graphs that are not evaluated yet, and the best value after each graph."""

    def __init__(self, surrogate: Surrogate, history: History, seed: int) -> None:
        self.worth = surrogate.fit(history, seed)
        self.seen = {row.tobytes() for row in surrogate.space.codes([trial.architecture for trial in history])}
        self.best: list[float] = []

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        new = np.array([row.tobytes() not in self.seen for row in codes])
        values = np.where(new, self.worth(codes), NOTHING)
        so_far = self.best[-1] if self.best else NOTHING
        self.best.extend(np.maximum.accumulate(np.maximum(values, so_far)))
        return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", choices=RUNS)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--runs", type=Path, default=HERE / "runs")
    options = parser.parse_args()
    torch.set_num_threads(1)

    space = get_space(options.space)
    rows = [row for seed in range(options.seeds) for row in measure(space, options.runs, seed)]
    table = pd.DataFrame(rows)
    columns = [*map(str, GRAPHS), "all"]
    # Below the best that any of them finds.
    best = table.groupby(["trials", "seed"])["all"].transform("max")
    table[columns] = (-table[columns].sub(best, axis=0)).round(4)
    table.to_csv(HERE / f"generators-{options.space}.csv", index=False)
    print(table.groupby(["trials", "candidates", "starts"])[["graphs", *columns]].mean().round(2).to_string())


def measure(space: SearchSpace, folder: Path, seed: int) -> Iterator[dict[str, object]]:
    """One row for each history, generator and kind of starts."""
    of_source, of_history = RUNS[space.name]
    architectures, values = read_run(space, folder / f"{of_source}-{seed}.csv")
    source = Source(of_source, tuple(architectures), {"accuracy": values}, {}, len(values))
    surrogate = Surrogate(space, OBJECTIVE, sources=[source])
    generator = find_generator(space).generator
    assert isinstance(generator, DiscreteGenerator)
    tilted = generator.tilted_sample(STARTS, partial(advised, surrogate), np.random.default_rng(seed))
    more = {
        "no more": space.codes([]),
        "the source's best": surrogate.best_of_sources(STARTS),
        "tilted prior": space.codes(space.nearest(tilted)),
    }
    more["both"] = np.concatenate([more["the source's best"], more["tilted prior"]])
    makers: dict[str, Generator] = {"guided generation": generator, "evolution": EvolutionCandidates(space)}
    architectures, values = read_run(space, folder / f"{of_history}-{seed}.csv")
    for trials in TRIALS:
        history = history_of(architectures[:trials], values[:trials])
        own = space.codes([trial.architecture for trial in OBJECTIVE.best(history, STARTS)] if trials else [])
        for name, maker in makers.items():
            for kind, codes in more.items():
                scored = Scored(surrogate, history, seed)
                maker.guided_sample(scored, np.random.default_rng([seed, 1]), np.concatenate([own, codes]))
                at = {str(n): scored.best[min(n, len(scored.best)) - 1] for n in GRAPHS}
                yield {
                    "trials": trials, "seed": seed, "candidates": name, "starts": kind, "graphs": len(scored.best),
                    **at, "all": scored.best[-1],
                }  # fmt: skip


def advised(surrogate: Surrogate, codes: np.ndarray) -> np.ndarray:
    """The logarithm of the reward of (B, S) codes."""
    return TILT * surrogate.advice["accuracy"](codes).mean(axis=1)


def read_run(space: SearchSpace, path: Path) -> tuple[list[Architecture], np.ndarray]:
    """Architectures and accuracies, in the order of the trials."""
    rows = table_rows(path, space)
    return [one for _, one, _ in rows], np.array([metrics["accuracy"] for _, _, metrics in rows])


def history_of(architectures: list[Architecture], values: np.ndarray) -> History:
    """As if these trials had been evaluated one after the other."""
    history = History()
    for architecture, value in zip(architectures, values, strict=True):
        event = history.events
        metrics = {"accuracy": float(value)}
        trial = Trial(
            len(history), architecture, TrialStatus.COMPLETED, metrics, proposed_event=event + 1, ended_event=event + 2
        )
        history = history.updated(trial)
    return history


if __name__ == "__main__":
    main()
