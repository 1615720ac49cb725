"""``python results/transfer/families.py``: which family of models makes the most of sources.

Every family proposes from the whole table by the same acquisition, log expected improvement, without a generator. With
a seed all have the same sources, and their trials are the same if they begin with the first design. A run ends when it
has found what is looked for; it is written then, and runs that are in the file are not made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from models import Cold, Family, Stacked, Transferred
from multitask import MultiTask, PlainMultiTask
from ranking import RankingWeighted
from scipy.stats import wilcoxon
from table import Table

from bonag.acquisition.gaussian_improvement import log_expected_improvement
from bonag.evaluators.batch import BatchEvaluator
from bonag.evaluators.registry import make_evaluator
from bonag.strategies.making import make_strategy
from loops.history import History, TrialStatus
from loops.initial import first_design
from loops.loop import propose
from loops.objective import Objective
from loops.seeding import rng_for
from search_spaces import get_space

HERE = Path(__file__).parent
FAMILIES: dict[str, type[Cold]] = {
    "cold": Cold,
    "bonag": Transferred,
    "multi-task": MultiTask,
    "multi-task-plain": PlainMultiTask,
    "rgpe": RankingWeighted,
    "stacked": Stacked,
}
KINDS = ("true", "negated", "shuffled")
COLUMNS = ("setting", "source", "family", "seed", "queries", "area")
REFERENCE = "bonag"
# Searches on each task that there are, with the seeds 0, 1, ..., and of how many trials sources are.
RUNS, SOURCE_TRIALS = 50, 100


@dataclass(frozen=True)
class Setting:
    """A search of one task with sources of others.

    top: share of the architectures that is looked for, 0 for the best alone.
    """

    space: str
    target: str
    sources: tuple[str, ...]
    top: float
    limit: int

    def __str__(self) -> str:
        return f"{self.space} {self.target}"

    @property
    def wanted(self) -> float:
        """The value that ends a run."""
        values = np.sort(read_table(self.space, self.target).values)
        return float(values[-max(1, round(self.top * len(values)))])


SETTINGS = (
    Setting("nb201", "cifar100", ("cifar10",), 0.0, 60),
    Setting("nb201", "cifar10", ("cifar100",), 0.0, 60),
    Setting("nbgraph", "cora", ("citeseer", "pubmed"), 0.001, 100),
    Setting("nbgraph", "citeseer", ("cora", "pubmed"), 0.001, 100),
    Setting("nbgraph", "pubmed", ("cora", "citeseer"), 0.001, 100),
)


@cache
def read_table(space_name: str, task: str) -> Table:
    """All architectures of a task."""
    space = get_space(space_name)
    architectures = space.all()
    assert architectures is not None
    evaluator = cast(BatchEvaluator, make_evaluator(space, "table", task, None))
    values = evaluator.evaluate_many(architectures)["accuracy"]
    return Table(space, architectures, values)


def read_source(setting: Setting, task: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the target's table and values of a finished search of 100 trials with another seed.

    On NAS-Bench-201 it is one of the committed ones of ``bonag``, else evolution, which costs next to nothing.
    """
    table, other = read_table(setting.space, setting.target), (seed + RUNS // 2) % RUNS
    if setting.space != "nb201":
        return evolve(setting.space, task, other)
    frame = _contest(task)
    frame = frame[frame.seed == other].sort_values("trial").head(SOURCE_TRIALS)
    rows = [table.row_of[table.space.parse(architecture)] for architecture in frame.architecture]
    return np.array(rows), frame.accuracy.to_numpy(float)


@cache
def _contest(task: str) -> pd.DataFrame:
    frame = pd.read_parquet(HERE.parent / "search" / f"nb201-{task}" / "trials.parquet")
    return frame[frame.strategy == "bonag"]


@cache
def evolve(space: str, task: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and values of a run of regularised evolution."""
    table, history = read_table(space, task), History()
    strategy = make_strategy("evolution", table.space, Objective.parse("accuracy"))
    for _ in range(SOURCE_TRIALS):
        (trial,) = propose(strategy, history, 1, seed)
        metrics = {"accuracy": float(table.values[table.row_of[trial.architecture]])}
        ended = replace(trial, status=TrialStatus.COMPLETED, metrics=metrics, ended_event=history.events + 1)
        history = history.updated(ended)
    rows = np.array([table.row_of[trial.architecture] for trial in history])
    return rows, table.values[rows]


def mislead(values: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """The values of a source, or what stands in their place."""
    if kind == "shuffled":
        return np.random.default_rng(seed).permutation(values)
    return -values if kind == "negated" else values


def search(family: Family, setting: Setting, seed: int) -> list[float]:
    """The values of a run's trials, in order."""
    table, wanted = read_table(setting.space, setting.target), setting.wanted
    rows: list[int] = []
    while len(rows) < setting.limit and not (rows and table.values[rows[-1]] >= wanted):
        at = np.array(rows, dtype=np.int64)
        belief = family.believe(at, table.values[at])
        if belief is None:
            seen = [table.architectures[row] for row in rows]
            (chosen,) = first_design(table.space, seen, 1, rng_for(seed, len(rows)))
            rows.append(table.row_of[chosen])
            continue
        worth = log_expected_improvement(belief.prediction, belief.best) if rows else belief.prediction.mean.copy()
        worth[at] = -np.inf
        rows.append(int(worth.argmax()))
    return [float(table.values[row]) for row in rows]


def run(setting: Setting, kind: str, name: str, seed: int) -> dict[str, object]:
    """One row of the results. queries: infinite where the limit came first. area: the mean regret over the limit."""
    table = read_table(setting.space, setting.target)
    given = [read_source(setting, task, seed) for task in setting.sources]
    given = [(rows, mislead(values, kind, seed)) for rows, values in given]
    table.predictor.products.forget()
    values = search(FAMILIES[name](table, [] if kind == "none" else given), setting, seed)
    regrets = np.maximum(setting.wanted - np.maximum.accumulate(values), 0)
    queries = float(len(values)) if regrets[-1] == 0 else np.inf
    cells = (str(setting), kind, name, seed, queries, round(float(regrets.sum()) / setting.limit, 6))
    return dict(zip(COLUMNS, cells, strict=True))


def plan(settings: Sequence[Setting], kinds: Sequence[str], names: Sequence[str], seeds: int) -> Iterator[tuple]:
    """All runs, seed by seed; without sources there is one kind, and sources mislead on NAS-Bench-201 alone."""
    for seed in range(seeds):
        for setting in settings:
            for kind in ("none", *(kind for kind in kinds if kind == "true" or setting.space == "nb201")):
                yield from ((setting, kind, name, seed) for name in names if (name == "cold") == (kind == "none"))


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """Medians by setting, source and family, and p of the shipped one against each: paired Wilcoxon, over seeds."""
    cold, rows = frame[frame.source == "none"], []
    for (setting, kind), part in frame[frame.source != "none"].groupby(["setting", "source"], sort=False):
        part = pd.concat([cold[cold.setting == setting], part])
        reference = part[part.family == REFERENCE].set_index("seed")
        for name, of_family in part.groupby("family", sort=False):
            one = of_family.set_index("seed")
            seeds = reference.index.intersection(one.index)
            cells = {"setting": setting, "source": kind, "family": name, "seeds": len(one)}
            cells |= {"queries": one.queries.median(), "mean queries": one.queries.clip(upper=101).mean()}
            cells |= {"area": one.area.median(), "mean area": one.area.mean()}
            for column in ("queries", "area"):
                cells[f"p {column}"] = _p(reference.loc[seeds, column].to_numpy(), one.loc[seeds, column].to_numpy())
            rows.append(cells)
    return pd.DataFrame(rows)


def _p(ours: np.ndarray, theirs: np.ndarray) -> float:
    differences = np.where(ours == theirs, 0.0, np.minimum(ours, 1e3) - np.minimum(theirs, 1e3))
    return float(wilcoxon(differences, zero_method="pratt").pvalue) if differences.any() else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", choices=("nb201", "nbgraph"), help="its settings alone")
    parser.add_argument("--sources", default=",".join(KINDS))
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("-o", "--out", type=Path, default=HERE / "families.csv")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    settings = [one for one in SETTINGS if chosen.space in (None, one.space)]
    frame = pd.read_csv(chosen.out) if chosen.out.exists() else pd.DataFrame(columns=list(COLUMNS))
    done = set(zip(*(frame[column] for column in COLUMNS[:4]), strict=True))
    for setting, kind, name, seed in plan(
        settings, chosen.sources.split(","), chosen.families.split(","), chosen.seeds
    ):
        if (str(setting), kind, name, seed) not in done:
            row = pd.DataFrame([run(setting, kind, name, seed)])
            row.to_csv(chosen.out, mode="a", header=not chosen.out.exists(), index=False)
            print(*row.iloc[0], flush=True)
    with pd.option_context("display.width", 160, "display.float_format", "{:.3g}".format):
        print(summarise(pd.read_csv(chosen.out)).to_string(index=False))


if __name__ == "__main__":
    main()
