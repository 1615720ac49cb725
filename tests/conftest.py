"""The real data, the reference values, a space small enough to be emptied, and the parts of a loop in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

# One thread per process, here and in the processes that the tests start: on busy cores, several wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from bonag.running_trial import RunningTrial
from loops.config import RunConfig
from loops.history import History, Trial
from loops.protocols import Evaluator, Job, Outcome, Report
from search_spaces import Architecture, Costs, ProductSpace, SearchSpace, Site

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of benchmark tables (BONAG_DATA, or ../shared/data beside the checkout)."""
    path = Path(os.environ.get("BONAG_DATA", ROOT.parent / "shared" / "data"))
    if not (path / "nb201_accuracy.parquet").is_file():
        pytest.skip(f"needs benchmark data: {path} does not hold it (set BONAG_DATA)")
    return path


@pytest.fixture(scope="session")
def shared_fixtures() -> Path:
    """The folder of reference values (../shared/fixtures beside the checkout)."""
    path = Path(os.environ.get("BONAG_FIXTURES", ROOT.parent / "shared" / "fixtures"))
    if not (path / "nb201_costs.csv").is_file():
        pytest.skip(f"needs reference data: {path} does not hold it (set BONAG_FIXTURES)")
    return path


class TinySpace(ProductSpace):
    """27 architectures: three of the letters a, b, c."""

    name = "tiny"
    sites = tuple(Site(f"slot_{slot}", ("a", "b", "c")) for slot in range(3))
    separator = ""
    num_classes = 2
    image_size = 1

    def costs(self, architecture: Architecture, num_classes: int | None = None, image_size: int | None = None) -> Costs:
        return Costs(params=1, macs=1)


class MemoryRecorder:
    """A record in memory; ``fuse`` is called before each write and may raise, as a crash would."""

    def __init__(self, trials: Iterable[Trial] = (), fuse: Callable[[], None] = lambda: None) -> None:
        self.trials = {trial.index: trial for trial in trials}
        self.fuse = fuse
        self.writes: list[tuple[str, int]] = []

    def history(self) -> History:
        return History(self.trials.values())

    def add(self, trials: Sequence[Trial]) -> None:
        self.fuse()
        for trial in trials:
            assert trial.index not in self.trials
            self.trials[trial.index] = trial
            self.writes.append(("add", trial.index))

    def report(self, trial: Trial) -> None:
        self._replace("report", trial)

    def try_again(self, trial: Trial) -> None:
        self._replace("try again", trial)

    def finish(self, trial: Trial) -> None:
        self._replace("finish", trial)

    def _replace(self, what: str, trial: Trial) -> None:
        self.fuse()
        self.trials[trial.index] = trial
        self.writes.append((what, trial.index))


class TinyEvaluator:
    """A deterministic accuracy with local optima, and the trial's seed; the architectures in ``wrong`` fail."""

    metrics = ("accuracy", "seed")
    description = "a formula"
    looks_up = True

    def __init__(self, wrong: Mapping[str, object] | None = None) -> None:
        self.wrong = dict(wrong or {})
        self.calls: list[tuple[str, int]] = []

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> dict[str, float]:
        self.calls.append((str(architecture), trial.seed))
        answer = self.wrong.get(str(architecture))
        if isinstance(answer, BaseException):
            raise answer
        if answer is not None:
            return answer  # type: ignore[return-value]
        code = sum(letter * 7**place for place, letter in enumerate(map(ord, str(architecture))))
        return {"accuracy": float(code * 2654435761 % 1009), "seed": float(trial.seed)}


class ReversedExecutor:
    """Takes all jobs of a batch at once and ends them in reverse order, as parallel workers may."""

    def run(self, evaluator: Evaluator, jobs: Iterable[Job], report: Callable[[Report], bool]) -> Iterator[Outcome]:
        for job in reversed(list(jobs)):
            trial = RunningTrial(job.index, job.seed)
            yield Outcome(job.index, evaluator.evaluate(job.architecture, trial), None, 0.0)

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def tiny_space() -> SearchSpace:
    """27 architectures, 6 neighbours each."""
    return TinySpace()


@pytest.fixture
def tiny_evaluator() -> type[TinyEvaluator]:
    """Makes evaluators for the tiny space."""
    return TinyEvaluator


@pytest.fixture
def memory_recorder() -> type[MemoryRecorder]:
    """Makes recorders."""
    return MemoryRecorder


@pytest.fixture
def reversed_executor() -> ReversedExecutor:
    """Ends jobs in reverse order."""
    return ReversedExecutor()


@pytest.fixture
def tiny_config() -> Callable[..., RunConfig]:
    """Makes configurations of runs in the tiny space."""

    def make(**values: object) -> RunConfig:
        return RunConfig(**{"name": "r", "space": "tiny", "evaluator": "formula", **values})  # type: ignore[arg-type]

    return make
