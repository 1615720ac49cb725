"""Ray, for real: a cluster of two workers on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bonag.executors.failure import failure_line
from bonag.executors.ray import RayExecutor
from bonag.record import create_record, read_record
from bonag.roles import EXECUTORS
from bonag.running_trial import RunningTrial
from loops.config import RunConfig
from loops.ending import RunState
from loops.history import TrialStatus
from loops.loop import Loop, Over, propose
from loops.objective import Objective
from loops.protocols import Job, Report
from loops.strategies import RegularizedEvolution
from search_spaces import Architecture, get_space
from search_spaces.errors import UserError

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'bonag[ray]'")
SPACE = get_space("nb201")


class Lengths:
    """Counts operations; sleeps, fails, or kills its own process, as the seed says."""

    metrics = ("accuracy",)
    description = "counts"

    def __init__(self, marks: Path, die: int = 0) -> None:
        self.marks = marks
        self.die = die

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> dict[str, float]:
        seed = trial.seed
        kind = seed % 10
        if kind == 1:
            raise ValueError("one")
        if kind == 2:
            mark = self.marks / str(seed)
            deaths = len(mark.read_text()) if mark.exists() else 0
            if deaths < self.die:
                mark.write_text("x" * (deaths + 1))
                os.kill(os.getpid(), signal.SIGKILL)
        if kind == 3:
            time.sleep(2)
        return {"accuracy": float(len(str(architecture)) + seed % 97)}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init("local", num_cpus=3, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def go_on(report: Report) -> bool:
    return True


def jobs(*seeds: int) -> list[Job]:
    return [
        Job(i, a, s) for i, (a, s) in enumerate(zip(SPACE.sample(9, np.random.default_rng(0)), seeds, strict=False))
    ]


@pytest.mark.slow
def test_outcomes_come_as_they_end_and_failures_have_reasons(cluster: None, tmp_path: Path) -> None:
    executor = RayExecutor(workers=3)
    # A first round, so that the start of the workers plays no part.
    list(executor.run(Lengths(tmp_path), jobs(0, 10, 20), go_on))
    outcomes = list(executor.run(Lengths(tmp_path), jobs(3, 1, 10), go_on))
    executor.close()
    assert outcomes[-1].index == 0
    assert outcomes[-1].seconds >= 2
    assert {o.index: o.reason for o in outcomes} == {0: None, 1: "ValueError: one", 2: None}
    assert ray.is_initialized(), "a cluster that others started is theirs to stop"


@pytest.mark.slow
def test_what_happened_in_a_worker_is_told_without_colours_and_without_its_way_here(cluster: None) -> None:
    class Red(Exception):
        pass

    class Bound(Exception):
        """Cannot be sent."""

        def __reduce__(self) -> tuple:
            raise TypeError("bound")

    def fail(kind: int) -> None:
        if kind == 0:
            raise Red("\x1b[31mred\x1b[0m\nand more")
        if kind == 1:
            try:
                _ = 1 / 0
            except ZeroDivisionError as error:
                raise RuntimeError("wrapped") from error
        raise Bound("to its place\nfor ever")

    expected = ["Red: red", "RuntimeError: wrapped", "Bound: to its place"]
    for kind, line in enumerate(expected):
        with pytest.raises(ray.exceptions.RayTaskError) as caught:
            ray.get(ray.remote(fail).remote(kind))
        assert failure_line(caught.value).endswith(line)
        assert "\x1b" not in failure_line(caught.value)


@pytest.mark.slow
def test_a_worker_that_dies_is_told_and_the_others_go_on(cluster: None, tmp_path: Path) -> None:
    executor = RayExecutor(workers=2)
    outcomes = sorted(executor.run(Lengths(tmp_path, die=99), jobs(12, 20), go_on), key=lambda outcome: outcome.index)
    assert outcomes[0].metrics is None
    assert outcomes[0].died
    assert outcomes[0].reason is not None
    assert outcomes[0].reason.startswith("WorkerCrashedError: ")
    assert outcomes[1].reason is None


NODE = """
import json, sys, time
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

import bonag
from loops.loop import Ended

marks = Path(sys.argv[1])


def measure(architecture, trial):
    with open(marks / "starts", "a") as file:
        print(trial.index, file=file)
    time.sleep(0.3)
    return float(len(str(architecture)))


cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
# The run is on the head: it would be on either node if both were there.
ray.init(address=cluster.address, log_to_driver=False)
node = cluster.add_node(num_cpus=3)
ended = []


def lose(event):
    if isinstance(event, Ended):
        ended.append(event.trial.index)
        if len(ended) == 12:
            cluster.remove_node(node)
            cluster.add_node(num_cpus=3)


result = bonag.search(
    space="nb201", evaluator=measure, strategy="evolution", executor="ray", workers=4, budget=40, max_attempts=4,
    cpus_per_trial=1, out=marks, name="r", callbacks=[lose],
)
print(json.dumps({
    "state": result.state,
    "completed": len(result.history.completed),
    "attempts": sum(trial.attempts for trial in result.history),
    "ended": ended,
}))
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
def test_a_node_that_is_lost_costs_no_finished_evaluation_and_no_trial(tmp_path: Path) -> None:
    script = tmp_path / "node.py"
    script.write_text(NODE)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["state"], found["completed"]) == ("finished", 40)
    assert found["attempts"] >= 1, "evaluations were lost with the node"
    assert sorted(found["ended"]) == list(range(40)), "each ended once"
    starts = (tmp_path / "starts").read_text().split()
    assert len(starts) <= 40 + found["attempts"], "what had ended was not evaluated again"


@pytest.mark.slow
def test_an_evaluator_that_cannot_travel_is_refused(cluster: None) -> None:
    class Locked:
        metrics = ("accuracy",)
        description = ""
        lock = None

        def __init__(self) -> None:
            import threading

            self.lock = threading.Lock()

        def evaluate(self, architecture: Architecture, trial: RunningTrial) -> dict[str, float]:
            return {"accuracy": 1.0}

    with pytest.raises(UserError, match=r"^the evaluator cannot be sent to other processes: [^\n]*$"):
        list(RayExecutor(workers=3).run(Locked(), jobs(0), go_on))


@pytest.mark.slow
def test_every_proposal_of_a_run_on_a_cluster_follows_from_the_events_before_it(cluster: None, tmp_path: Path) -> None:
    config = RunConfig(name="r", space="nb201", evaluator="lengths", budget=40, workers=3, strategy="evolution")
    strategy = RegularizedEvolution(SPACE, Objective.parse("accuracy"), population=8, sample_size=4)
    with create_record(tmp_path, config, "") as record:
        over = Loop(config, strategy, Lengths(tmp_path), RayExecutor(workers=3), record, folder=tmp_path / "t").run()
    assert over == Over(RunState.FINISHED)
    history = read_record(tmp_path / "r").history
    assert any(trial.status is TrialStatus.FAILED for trial in history)
    for trial in history:
        (again,) = propose(strategy, history.before(trial.index), 1, config.seed)
        assert again.architecture == trial.architecture


class Climbs:
    """Reports five steps; the accuracy follows from the architecture."""

    metrics = ("accuracy",)
    description = "counts"

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> dict[str, float]:
        for epoch in trial.epochs(5):
            trial.report(accuracy=float(epoch))
            time.sleep(0.1)
        return {"accuracy": 9.0}


@pytest.mark.slow
def test_reports_come_from_a_cluster_and_end_trials_early(cluster: None) -> None:
    reports: list[Report] = []

    def until_two(report: Report) -> bool:
        reports.append(report)
        return report.index == 0 or report.step < 2

    outcomes = {one.index: one for one in RayExecutor(workers=2).run(Climbs(), jobs(0, 0), until_two)}
    assert [one.step for one in reports if one.index == 0] == [1, 2, 3, 4, 5]
    assert (outcomes[0].metrics, outcomes[0].stopped) == ({"accuracy": 9.0}, False)
    assert outcomes[1].stopped
    assert 2 <= len([one for one in reports if one.index == 1]) < 5


@pytest.mark.slow
def test_a_board_that_is_lost_starts_anew(cluster: None) -> None:
    executor, reports = RayExecutor(workers=1), list[Report]()

    def lose_the_board(report: Report) -> bool:
        if not reports:
            ray.kill(executor._board, no_restart=False)
        reports.append(report)
        return True

    (outcome,) = executor.run(Climbs(), jobs(0), lose_the_board)
    assert outcome.metrics == {"accuracy": 9.0}
    assert reports[0].step < reports[-1].step == 5


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_one_line_and_one_that_was_started_is_stopped() -> None:
    script = """
import os
import ray
from bonag.roles import EXECUTORS
from bonag.running_trial import RunningTrial
from search_spaces.errors import UserError

os.environ["RAY_ADDRESS"] = "not-an-address"
try:
    EXECUTORS.make("ray")
except UserError as error:
    print(error)
del os.environ["RAY_ADDRESS"]
executor = EXECUTORS.make("ray")
assert ray.is_initialized()
executor.close()
assert not ray.is_initialized()
"""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line == "no Ray cluster to work on: ValueError: Invalid address format: not-an-address"


def test_without_ray_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"^the executor 'ray' needs the package ray: pip install 'bonag\[ray\]'$"):
        EXECUTORS.make("ray")
