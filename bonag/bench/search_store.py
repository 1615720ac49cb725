"""A contest's folder: what it is, and every trial, safe as soon as its run has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pandas as pd

from bonag.bench.search_contest import Contest
from bonag.bench.search_run import columns
from bonag.record.lock import Lock
from bonag.whole_file import whole_file
from search_spaces.errors import UserError

CONTEST, TRIALS, PARTS, LOCK = "contest.json", "trials.parquet", "parts", ".lock"
# Large enough for the names of all cells of a small space; those of a large one are rarely the same.
_DICTIONARY_BYTES = 2**24


@dataclass(frozen=True)
class Plan:
    """A contest, and which runs it is to have: those of the strategies with the seeds 0, 1, ..."""

    contest: Contest
    strategies: tuple[str, ...]
    seeds: int


@dataclass(frozen=True)
class Kept:
    """The trials of one run (``search_run.columns``), and the budget that it had."""

    trials: pd.DataFrame
    budget: int


@dataclass
class Store:
    """The runs of a contest so far, by (strategy, seed). Make it by ``open_store``."""

    folder: Path
    plan: Plan
    runs: dict[tuple[str, int], Kept]
    _lock: Lock

    def missing(self) -> Iterator[tuple[str, int, pd.DataFrame | None]]:
        """Strategy, seed and trials so far of each run that has to begin or to go on, those of a strategy together."""
        for strategy in self.plan.strategies:
            for seed in range(self.plan.seeds):
                run = self.runs.get((strategy, seed))
                if run is None:
                    yield strategy, seed, None
                elif run.budget < self.plan.contest.budget:
                    yield strategy, seed, run.trials

    def add(self, trials: pd.DataFrame) -> None:
        """Keep a run that has ended; it is on the disk when this returns."""
        strategy, seed = str(trials["strategy"].iloc[0]), int(trials["seed"].iloc[0])
        parts = self.folder / PARTS
        parts.mkdir(exist_ok=True)
        _write(trials, parts / f"{strategy.replace(':', '.')}-{seed}.parquet", self.plan.contest)
        self.runs[strategy, seed] = Kept(trials, self.plan.contest.budget)

    def merge(self) -> pd.DataFrame:
        """Every trial, now in one file: strategies in their order, then seed, then trial."""
        rank = {strategy: place for place, strategy in enumerate(self.plan.strategies)}
        keys = sorted(self.runs, key=lambda key: (rank[key[0]], key[1]))
        trials = pd.concat([self.runs[key].trials for key in keys], ignore_index=True)
        parts = self.folder / PARTS
        if parts.is_dir():
            _write(trials, self.folder / TRIALS, self.plan.contest)
            for file in parts.iterdir():
                file.unlink()
            parts.rmdir()
        return trials

    def close(self) -> None:
        """Let another process write here."""
        (self.folder / LOCK).unlink(missing_ok=True)
        self._lock.release()


def read_plan(folder: Path) -> Plan | None:
    """The contest in a folder, or None; raises UserError where it cannot be read."""
    file = folder / CONTEST
    if not file.is_file():
        return None
    try:
        values = json.loads(file.read_text())
        return Plan(Contest.from_json(values), tuple(values["strategies"]), int(values["seeds"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} does not describe a contest: {type(error).__name__} {error}") from None


def open_store(folder: Path, plan: Plan, resume: bool) -> Store:
    """Begin a contest in a folder, or go on with the one that is there, with more strategies, seeds or trials if asked.

    Raises UserError where another contest is there, or one that nobody said to resume, or that has a larger
    budget or more seeds.
    """
    before = read_plan(folder)
    if before is None and (folder / TRIALS).exists():
        raise UserError(f"{folder} holds {TRIALS} without {CONTEST}: take another folder by -o")
    if before is not None:
        if not resume:
            raise UserError(f"{folder} holds a contest: go on with it by --resume, or take another folder by -o")
        different = before.contest.difference(plan.contest)
        if different is not None:
            raise UserError(f"{folder} holds another contest: {different}; take another folder by -o")
        if before.contest.budget > plan.contest.budget:
            raise UserError(
                f"the runs in {folder} have a budget of {before.contest.budget}, which --budget "
                f"{plan.contest.budget} cannot take back: give that, or take another folder by -o"
            )
        if before.seeds > plan.seeds:
            raise UserError(
                f"the strategies in {folder} have {before.seeds} seeds, which --seeds {plan.seeds} cannot take back: "
                "give that, or take another folder by -o"
            )
        strategies = tuple(dict.fromkeys((*before.strategies, *plan.strategies)))
        plan = replace(plan, strategies=strategies)
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock.exclusive(folder / LOCK)
    if lock is None:
        raise UserError(f"another process works on the contest in {folder}: wait for it")
    values = plan.contest.to_json() | {"seeds": plan.seeds, "strategies": list(plan.strategies)}
    with whole_file(folder / CONTEST) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n")
    return Store(folder, plan, _read_runs(folder, plan.contest), lock)


def _read_runs(folder: Path, contest: Contest) -> dict[tuple[str, int], Kept]:
    # What was not merged yet comes last, and may go on from what was.
    files = [file for file in (folder / TRIALS, *sorted((folder / PARTS).glob("[!.]*.parquet"))) if file.is_file()]
    runs = {}
    for file in files:
        trials, budget = _read(file, contest)
        for key, run in trials.groupby(["strategy", "seed"], sort=False):
            strategy, seed = cast("tuple[str, int]", key)
            runs[strategy, int(seed)] = Kept(run.reset_index(drop=True), budget)
    return runs


def _read(file: Path, contest: Contest) -> tuple[pd.DataFrame, int]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(file)
        budget = int((table.schema.metadata or {})[b"budget"])
        trials = table.select(columns(contest)).to_pandas()
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"{file} does not hold the trials of this contest: {why}") from None
    text = ["strategy", "architecture", "status"]
    return trials.astype(dict.fromkeys(text, object)).astype({"seed": int, "trial": int, "labels": int}), budget


def _write(trials: pd.DataFrame, path: Path, contest: Contest) -> None:
    """A small file: names and repeated numbers by dictionary, compressed.

    The budget stands in it, for a run has fewer trials where the space has no more architectures.
    """
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"seed": "int32", "trial": "int32", "labels": "int32"}
    table = pa.Table.from_pandas(trials[columns(contest)].astype(kinds), preserve_index=False)
    table = table.replace_schema_metadata({"budget": str(contest.budget), "contest": json.dumps(contest.to_json())})
    # Where few values repeat, a dictionary is but one more copy of them.
    repeated = [name for name in trials if trials[name].nunique() < len(trials) / 2]
    with whole_file(path) as file:
        parquet.write_table(
            table, file, compression="zstd", compression_level=19, dictionary_pagesize_limit=_DICTIONARY_BYTES,
            row_group_size=2**24, data_page_size=2**24, use_dictionary=repeated,
        )  # fmt: skip
