"""The real data, the reference values, a space small enough to be emptied, and the parts of a loop in memory."""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

# One thread per process, here and in the processes that the tests start: on busy cores, several wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from bonag.running_trial import RunningTrial
from loops.config import RunConfig
from loops.history import History, Trial
from loops.protocols import Evaluator, Job, Outcome, Report
from search_spaces import Architecture, Costs, ProductSpace, SearchSpace, Site

if TYPE_CHECKING:
    import torch

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


def recipe_tensor(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The tensor that ``ofa/recipe.md`` of the reference data prescribes for a key."""
    import torch

    if key.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    r = torch.randn(math.prod(shape), generator=generator).reshape(shape).double()
    parts = key.split(".")
    block = int(parts[1]) if parts[0] == "blocks" else None
    projection = ".point_linear." in key
    if key.endswith("_matrix"):
        t = torch.eye(shape[0], dtype=torch.float64) + 0.05 * r
    elif key.endswith("running_mean") or key.endswith(".bias"):
        t = 0.1 * r
    elif key.endswith("running_var"):
        t = 1 + 0.1 * r.abs()
    elif len(shape) == 1:
        t = 1 + 0.1 * r
        if projection and block not in {1, 5, 9, 13, 17}:
            t = 0.5 * t
    elif shape[1:] == (1, 7, 7):
        envelope = torch.full((7, 7), 0.125, dtype=torch.float64)
        envelope[1:-1, 1:-1] = 0.25
        envelope[2:-2, 2:-2] = 1
        t = r * envelope * math.sqrt(2 / 9)
    elif projection:
        t = r * math.sqrt(3 / shape[1])
        if block:
            t[:, shape[1] // 2 :] *= 0.4
    else:
        t = r * math.sqrt(2 / math.prod(shape[1:]))
    return t.float()


@pytest.fixture(scope="session")
def make_supernet() -> Callable[..., dict[str, torch.Tensor]]:
    """Makes the state dict of a supernet of some width and number of classes, with the weights of that recipe."""
    from search_spaces.mbv3.supernet import supernet_shapes

    def make(width: float = 1.0, num_classes: int = 1000) -> dict[str, torch.Tensor]:
        return {key: recipe_tensor(key, shape) for key, shape in supernet_shapes(width, num_classes).items()}

    return make


@pytest.fixture(scope="session")
def supernet_state(make_supernet: Callable[..., dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The supernet of the reference values."""
    return make_supernet()


@pytest.fixture(scope="session")
def ofa_reference(shared_fixtures: Path) -> dict[str, Any]:
    """Subnets of that supernet with their costs, and their logits at several image sizes."""
    reference: dict[str, Any] = json.loads((shared_fixtures / "ofa" / "logits.json").read_text())
    return reference


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
