"""Many workers on a virtual clock: what ends first is known first, and the table says what the runs were."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bonag.bench.search_contest import make_contest
from bonag.bench.virtual_clock import SPREAD, VirtualExecutor, duration
from bonag.bench.workers import measure
from bonag.bench.workers_run import COLUMNS, WorkersRun, run_workers
from bonag.bench.workers_table import make_table, table_text
from bonag.evaluators import make_evaluator
from loops.config import RunConfig
from loops.loop import Loop
from loops.memory_record import MemoryRecord
from loops.protocols import Job
from loops.seeding import trial_seed
from loops.strategies.random import RandomSearch
from search_spaces import Architecture, SearchSpace, get_space

MEASURED = ["proposal_seconds", "slowest_proposal"]
BENCH = (
    "bench",
    "workers",
    "--space",
    "nb201",
    "--task",
    "cifar10",
    "--strategies",
    "random",
    "--evaluator",
    "surrogate",
)

Call = Callable[..., Any]


class Letters:
    metrics, description = ("accuracy",), "How many of the letters are a."

    def evaluate(self, architecture: Architecture, trial: object) -> Mapping[str, float]:
        return {"accuracy": float(str(architecture).count("a"))}


def loop_of(space: SearchSpace, workers: int, lasts: list[float], proposal_time: float = 0.0) -> tuple[Loop, Any]:
    """A loop whose trials take so long, after it has run."""
    executor = VirtualExecutor(workers, space, proposal_time, lambda job: lasts[job.index])
    config = RunConfig("tiny", "letters", "x", workers=workers, budget=len(lasts))
    loop = Loop(config, RandomSearch(space), Letters(), executor, MemoryRecord())
    loop.run()
    return loop, executor


def test_trials_end_in_the_order_of_their_virtual_ends(tiny_space: SearchSpace) -> None:
    loop, executor = loop_of(tiny_space, 2, [5.0, 1.0, 1.0, 2.0, 1.0])
    # The second worker takes 1, 2 and 3 one after the other, while the first is at 0.
    assert [trial.index for trial in loop.history.ended] == [1, 2, 3, 0, 4]
    assert [(span.begin, span.end) for span in executor.spans.values()] == [(0, 5), (0, 1), (1, 2), (2, 4), (4, 5)]


def test_a_proposal_knows_all_that_had_ended_and_nothing_else(tiny_space: SearchSpace) -> None:
    loop, executor = loop_of(tiny_space, 3, [3.0, 1.0, 2.0, 1.5, 1.0, 1.0])
    for trial in loop.history:
        begin = executor.spans[trial.index].begin
        known = {one.index for one in loop.history.before(trial.index).ended}
        assert {i for i, span in executor.spans.items() if span.end < begin} <= known
        assert known <= {i for i, span in executor.spans.items() if span.end <= begin}


def test_no_more_trials_run_at_once_than_there_are_workers(tiny_space: SearchSpace) -> None:
    for workers in (1, 4, 20):
        _, executor = loop_of(tiny_space, workers, [0.5 + index % 3 for index in range(20)])
        spans = executor.spans.values()
        assert max(sum(one.begin <= span.begin < one.end for one in spans) for span in spans) == workers


def test_workers_are_idle_while_proposals_are_made_and_at_the_end(tiny_space: SearchSpace) -> None:
    _, executor = loop_of(tiny_space, 2, [2.0, 2.0, 1.0])
    assert executor.idle_share(2.0) == 0
    # From 2 to 3 one of the two has nothing to do.
    assert executor.idle_share(3.0) == pytest.approx(1 / 6)
    _, executor = loop_of(tiny_space, 2, [2.0, 2.0], proposal_time=0.5)
    assert [span.begin for span in executor.spans.values()] == [0.5, 1.0]
    assert executor.idle_share(3.0) == pytest.approx((0.5 + 1.0 + 0.5) / 6)


def test_durations_are_log_normal_and_follow_from_the_seed_of_the_trial() -> None:
    jobs = [Job(index, None, trial_seed(0, index)) for index in range(4000)]  # type: ignore[arg-type]
    logs = np.log([duration(job) for job in jobs])
    assert [duration(job) for job in jobs[:5]] == list(np.exp(logs[:5]))
    assert abs(logs.mean()) < 0.03
    assert abs(logs.std() - SPREAD) < 0.02


def test_a_run_says_when_the_target_was_found_and_what_it_took() -> None:
    contest = make_contest({"space": "nb201", "evaluator": "surrogate", "task": "cifar10", "budget": 60})
    evaluator = make_evaluator(get_space("nb201"), "surrogate", "cifar10")
    rows = [
        run_workers(contest, WorkersRun("random", 0, workers=workers, target=93.0), evaluator).iloc[0]
        for workers in (1, 4)
    ]
    values = [
        evaluator.evaluate(proposal.architecture, None)["accuracy"]  # type: ignore[arg-type]
        for proposal in _draws(60)
    ]
    first = next(index for index, value in enumerate(values) if value >= 93.0)
    times = [duration(Job(index, None, trial_seed(0, index))) for index in range(60)]  # type: ignore[arg-type]
    assert rows[0].found
    assert rows[0].queries == rows[0].begun == first + 1
    assert rows[0].time == pytest.approx(sum(times[: first + 1]), rel=1e-5)
    assert rows[0].events == pytest.approx(2 * (first + 1) / rows[0].time, rel=1e-5)
    # Random search proposes the same whatever it is told, so four workers are about four times as fast.
    assert rows[1].begun >= rows[1].queries
    assert 2 < rows[0].time / rows[1].time < 6
    missed = run_workers(contest, WorkersRun("random", 0, workers=4, target=99.0), evaluator).iloc[0]
    assert not missed.found
    assert missed.queries == np.inf
    assert missed.begun == 60


def _draws(n: int) -> list[Any]:
    from loops.history import History
    from loops.loop import propose

    history, strategy = History(), RandomSearch(get_space("nb201"))
    proposals = []
    for _ in range(n):
        (trial,) = propose(strategy, history, 1, 0)
        history = history.updated(trial)
        proposals.append(trial)
    return proposals


def test_the_table_says_what_the_runs_say() -> None:
    def row(workers: int, seed: int, time: float, queries: float, found: bool = True) -> list[object]:
        return ["by-hand", workers, seed, 100, found, queries, 7, time, 0.25, 8.0, 0.5, seed + 1.0]

    runs = [row(1, 0, 10, 10), row(1, 1, 20, 18), row(1, 2, 60, 50)]
    runs += [row(8, 0, 2, 12), row(8, 1, 5, 27), row(8, 2, 4, 33)]
    runs += [row(64, 0, 1, 40), row(64, 1, 9, np.inf, found=False), row(64, 2, 9, np.inf, found=False)]
    table = make_table(pd.DataFrame(runs, columns=list(COLUMNS)), ["by-hand"]).set_index("workers")
    assert list(table["time"]) == [20, 4, np.inf]
    assert list(table["speed-up"]) == [1, 5, 0]
    # Of the seeds: 5, 4 and 15; 10 and twice nothing.
    assert list(table["paired speed-up"]) == [1, 5, 0]
    assert list(table["queries"]) == [18, 27, np.inf]
    assert table["queries ratio"][8] == 1.5
    assert table["speed-up low"][8] <= 5 <= table["speed-up high"][8]
    assert table["queries ratio low"][8] == 0.66
    assert table["queries ratio high"][8] == 1.5
    assert table["found"][64] == pytest.approx(1 / 3)
    assert (table["slowest"] == 3.0).all()
    assert "| by-hand    | 8 " in table_text(table.reset_index())


@pytest.mark.slow
def test_what_was_stopped_goes_on_to_the_same_table(tmp_path: Path) -> None:
    contest = make_contest({"space": "nb201", "evaluator": "surrogate", "task": "cifar10", "budget": 100})

    class Stopped(Exception):
        pass

    said = []

    def stop(line: str) -> None:
        said.append(line)
        if len(said) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        measure(tmp_path / "half", contest, ["random"], [8], 3, rank=500, say=stop)
    assert len(pd.read_csv(tmp_path / "half" / "runs.csv")) == 3
    said.clear()
    resumed = measure(tmp_path / "half", contest, ["random"], [8], 3, rank=500, resume=True, say=said.append)
    assert [line.split(":")[0] for line in said] == ["3 of 6 runs are in " + str(tmp_path / "half"), *(
        f"{n} of 6 runs" for n in (4, 5, 6)
    )]  # fmt: skip
    runs = pd.read_csv(tmp_path / "half" / "runs.csv")
    target = json.loads((tmp_path / "half" / "plan.json").read_text())["target"]
    evaluator = contest.make_evaluator()
    whole = [
        run_workers(contest, WorkersRun("random", seed, workers=workers, target=target), evaluator)
        for seed in range(3)
        for workers in (1, 8)
    ]
    pd.testing.assert_frame_equal(
        runs.drop(columns=MEASURED), pd.concat(whole, ignore_index=True).drop(columns=MEASURED)
    )
    pd.testing.assert_frame_equal(resumed, make_table(runs, ["random"]))


@pytest.mark.slow
def test_the_command_writes_runs_table_and_figure_and_refuses_what_it_cannot_go_on_with(call: Call) -> None:
    some = (*BENCH, "--seeds", "1", "--workers", "1,4", "--rank", "900", "--budget", "30", "-o", "w")
    said = call(*some)
    assert said.status == 0
    assert "| random" in said.out
    assert {file.name for file in Path("w").iterdir()} == {
        "plan.json", "runs.csv", "table.csv", "table.md", "figure.svg",
    }  # fmt: skip
    assert "speed-up" in Path("w/figure.svg").read_text()
    assert "--resume" in call(*some).err
    other = call(*BENCH, "--seeds", "1", "--rank", "800", "--resume", "-o", "w")
    assert other.status == 2
    assert "target is" in other.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--workers", "1,many"), "numbers from 1 to 256"),
        (("--workers", "257"), "numbers from 1 to 256"),
        (("--rank", "20000"), "15,625 architectures"),
        (("--strategies", "randon"), "random"),
        (("--objective", "accuracy", "--objective=-macs"), "one goal"),
    ],
)
def test_what_cannot_be_is_one_line(call: Call, options: tuple[str, ...], what: str) -> None:
    said = call(*BENCH, *options)
    assert said.status == 2
    assert what in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not Path("results").exists()


def test_a_space_whose_best_is_not_known_asks_for_it(call: Call) -> None:
    said = call("bench", "workers", "--space", "mbv3", "--strategies", "random")
    assert said.status == 2
    assert "--best-known" in said.err
