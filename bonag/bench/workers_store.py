"""The folder of `bonag bench workers`: what is measured, and every run, safe as soon as it has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bonag.bench.search_contest import Contest
from bonag.bench.workers_run import COLUMNS
from bonag.record.lock import Lock
from bonag.whole_file import whole_file
from search_spaces.errors import UserError

PLAN, RUNS, LOCK = "plan.json", "runs.csv", ".lock"


@dataclass(frozen=True)
class WorkersPlan:
    """Which runs there are to be: of each strategy, with each number of workers, with the seeds 0, 1, ...

    target: the value that ends a run. proposal_time: of every proposal, in medians of an evaluation.
    """

    contest: Contest
    strategies: tuple[str, ...]
    workers: tuple[int, ...]
    seeds: int
    target: float
    proposal_time: float = 0.0

    def to_json(self) -> dict[str, object]:
        """JSON values."""
        counts = {"seeds": self.seeds, "strategies": list(self.strategies), "workers": list(self.workers)}
        return self.contest.to_json() | {"target": self.target, "proposal_time": self.proposal_time} | counts


@dataclass
class WorkersStore:
    """The runs so far, one row of ``COLUMNS`` each. Make it by ``open_workers``."""

    folder: Path
    plan: WorkersPlan
    runs: pd.DataFrame
    _lock: Lock

    def missing(self) -> Iterator[tuple[str, int, int]]:
        """Strategy, seed and workers of each run that has to be made, those of a strategy together."""
        # With a larger budget than it had, a run that found nothing may find it.
        over = self.runs[self.runs["found"] | (self.runs["budget"] >= self.plan.contest.budget)]
        done = set(zip(over["strategy"], over["seed"], over["workers"], strict=True))
        for strategy in self.plan.strategies:
            for seed in range(self.plan.seeds):
                for workers in self.plan.workers:
                    if (strategy, seed, workers) not in done:
                        yield strategy, seed, workers

    def add(self, run: pd.DataFrame) -> None:
        """Keep a run, instead of an earlier one of the same kind; it is on the disk when this returns."""
        kind = ["strategy", "seed", "workers"]
        both = run if self.runs.empty else pd.concat([self.runs, run])
        both = both.drop_duplicates(kind, keep="last")
        rank = {strategy: place for place, strategy in enumerate(self.plan.strategies)}
        self.runs = both.sort_values(kind, key=lambda c: c.map(rank) if c.name == "strategy" else c, ignore_index=True)
        with whole_file(self.folder / RUNS) as file:
            self.runs.to_csv(file, index=False, lineterminator="\n")

    def close(self) -> None:
        """Let another process write here."""
        (self.folder / LOCK).unlink(missing_ok=True)
        self._lock.release()


def open_workers(folder: Path, plan: WorkersPlan, resume: bool) -> WorkersStore:
    """Begin in a folder, or go on with what is there, with more strategies, workers, seeds or trials if asked.

    Raises UserError where something else was measured there, or where nobody said to resume.
    """
    before, runs = _read_plan(folder / PLAN), pd.DataFrame(columns=list(COLUMNS))
    if before is not None:
        if not resume:
            raise UserError(f"{folder} holds runs: go on with them by --resume, or take another folder by -o")
        different = before.contest.difference(plan.contest) or next(
            (
                f"{name} is {getattr(before, name):g} there and {getattr(plan, name):g} here"
                for name in ("target", "proposal_time")
                if getattr(before, name) != getattr(plan, name)
            ),
            None,
        )
        if different is not None:
            raise UserError(f"{folder} holds other runs: {different}; take another folder by -o")
        plan = replace(
            plan,
            strategies=tuple(dict.fromkeys((*before.strategies, *plan.strategies))),
            workers=tuple(sorted({*before.workers, *plan.workers})),
            seeds=max(before.seeds, plan.seeds),
        )
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock.exclusive(folder / LOCK)
    if lock is None:
        raise UserError(f"another process works in {folder}: wait for it")
    if (folder / RUNS).is_file():
        runs = _read_runs(folder / RUNS)
    with whole_file(folder / PLAN) as file:
        file.write_text(json.dumps(plan.to_json(), indent=2) + "\n")
    return WorkersStore(folder, plan, runs.astype({"found": bool, "seed": int, "workers": int, "budget": int}), lock)


def _read_runs(file: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(file)[list(COLUMNS)]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{file} does not hold runs: {' '.join(str(error).split())}") from None


def _read_plan(file: Path) -> WorkersPlan | None:
    if not file.is_file():
        return None
    try:
        values = json.loads(file.read_text())
        return WorkersPlan(
            Contest.from_json(values),
            tuple(values["strategies"]),
            tuple(int(workers) for workers in values["workers"]),
            int(values["seeds"]),
            float(values["target"]),
            float(values["proposal_time"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} does not say what was measured: {type(error).__name__} {error}") from None
