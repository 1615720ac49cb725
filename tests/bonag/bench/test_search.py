"""Strategies against each other: paired seeds, any number of workers, and figures that can be checked by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bonag
from bonag.bench.search import Contest, best_known, run_contest, run_one, summary
from bonag.evaluators import make_evaluator
from loops.errors import UserError
from search_spaces import get_space

# The default strategy leaves its initial design after ten trials.
STRATEGIES, BUDGET, SEEDS = ("random", "evolution", "bonag"), 14, 2
CONTEST = Contest("nb201", None, None, "accuracy", BUDGET, SEEDS)
SEARCH = ("bench", "search", "--space", "nb201", "--strategies", "random,evolution", "--seeds", "2", "--budget", "12")

Call = Callable[..., Any]


def table(workers: int) -> pd.DataFrame:
    parts = pd.concat(run_contest(CONTEST, STRATEGIES, workers))
    return parts.sort_values(["strategy", "seed", "trial"], ignore_index=True)


@pytest.fixture(scope="module")
def by_one_worker() -> pd.DataFrame:
    return table(workers=1)


def of(trials: pd.DataFrame, strategy: str, seed: int) -> pd.DataFrame:
    return trials[(trials.strategy == strategy) & (trials.seed == seed)].reset_index(drop=True)


def test_every_strategy_works_with_every_seed_for_the_whole_budget(by_one_worker: pd.DataFrame) -> None:
    space = get_space("nb201")
    evaluator = make_evaluator(space)
    runs = by_one_worker.groupby(["strategy", "seed"])
    assert set(runs.groups) == {(strategy, seed) for strategy in STRATEGIES for seed in range(SEEDS)}
    for _, run in runs:
        assert list(run.trial) == list(range(BUDGET))
        assert run.architecture.is_unique
        assert (run.proposal_seconds > 0).all()
        measured = [evaluator.evaluate(space.parse(text), 0)["accuracy"] for text in run.architecture]
        assert list(run.value) == measured
    assert not of(by_one_worker, "bonag", 0).architecture.equals(of(by_one_worker, "bonag", 1).architecture)


@pytest.mark.slow
def test_workers_change_nothing_but_the_time(by_one_worker: pd.DataFrame) -> None:
    by_two = table(workers=2)
    pd.testing.assert_frame_equal(
        by_two.drop(columns="proposal_seconds"), by_one_worker.drop(columns="proposal_seconds"), check_exact=True
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_gives_the_trials_that_a_run_of_that_seed_has(
    by_one_worker: pd.DataFrame, strategy: str, tmp_path: Path, one_thread: None
) -> None:
    run = bonag.search(space="nb201", budget=BUDGET, seed=1, strategy=strategy, device="cpu", threads=1, out=tmp_path)
    found = of(by_one_worker, strategy, seed=1)
    assert list(found.architecture) == list(run.trials.architecture)
    assert list(found.value) == list(run.trials.accuracy)


def test_what_fails_in_a_worker_ends_the_contest_with_its_reason() -> None:
    # Hundreds of runs wait behind the one that fails: they are given up and not worked off.
    started = time.perf_counter()
    with pytest.raises(UserError, match="unknown strategy 'evolutoin': did you mean 'evolution'"):
        list(run_contest(Contest("mbv3", None, None, "accuracy", 300, 300), ["evolutoin", "evolution"]))
    assert time.perf_counter() - started < 60


def test_an_objective_to_minimise_is_recorded_as_measured() -> None:
    space = get_space("nb201")
    trials = run_one(Contest("nb201", None, None, "-macs", 12, 1), "local-search", seed=3)
    assert list(trials.value) == [space.costs(space.parse(text)).macs for text in trials.architecture]
    # It goes downhill from the ten random ones, whose smallest one it starts from.
    first = space.parse(trials.architecture[int(trials.value[:10].argmin())])
    assert space.parse(trials.architecture[10]) in space.neighbours(first)


def run_of(strategy: str, seed: int, values: list[float], seconds: float = 1.0) -> pd.DataFrame:
    columns = {"strategy": strategy, "seed": seed, "trial": range(len(values)), "value": values}
    return pd.DataFrame(columns | {"proposal_seconds": seconds})


@pytest.fixture
def trials() -> pd.DataFrame:
    """Twenty trials a run, smaller is better, and 5 is the best there is; shuffled, for rows come in any order."""
    runs = [
        run_of("slow", 0, [50.0 - trial for trial in range(20)], seconds=2.0),
        run_of("slow", 1, [40.0, 40.0, 40.0, 5.0, *[40.0] * 16], seconds=4.0),
        run_of("slow", 2, [60.0] * 12 + [20.0] * 8, seconds=6.0),
        run_of("quick", 0, [5.0, *[90.0] * 19], seconds=0.25),
        run_of("quick", 1, [70.0] * 9 + [5.0, 5.0] + [70.0] * 9, seconds=0.75),
        run_of("short", 0, [30.0, 10.0, 20.0]),
    ]
    return pd.concat(runs).sample(frac=1.0, random_state=0)


def test_a_summary_is_what_one_computes_by_hand(trials: pd.DataFrame) -> None:
    contest = Contest("nb201", None, None, "-macs", budget=20, seeds=3)
    rows = summary(trials, contest, optimum=5.0).set_index("strategy")
    # slow: best of the first ten 41, 5 and 60; of all twenty 31, 5 and 20; the second run alone gets to 5, by its 4th.
    slow = rows.loc["slow"]
    assert (slow["seeds"], slow["best@10"], slow["best@20"], slow["s/proposal"]) == (3, 41.0, 20.0, 4.0)
    assert slow["queries to best (median)"] == slow["(90 %)"] == np.inf
    assert slow["reached"] == pytest.approx(1 / 3)
    # quick: by its 1st trial and by its 10th.
    quick = rows.loc["quick"]
    assert (quick["seeds"], quick["best@10"], quick["best@20"], quick["s/proposal"]) == (2, 5.0, 5.0, 0.5)
    assert (quick["queries to best (median)"], quick["(90 %)"], quick["reached"]) == (5.5, 10.0, 1.0)
    # short: a run that ended early keeps what it had.
    short = rows.loc["short"]
    assert (short["best@10"], short["best@20"], short["reached"]) == (10.0, 10.0, 0.0)
    assert "best@30" not in rows


def test_a_summary_of_what_is_maximised_takes_the_largest(trials: pd.DataFrame) -> None:
    contest = Contest("nb201", None, None, "accuracy", budget=20, seeds=3)
    rows = summary(trials, contest, optimum=70.0).set_index("strategy")
    # quick: 5, 90, ... passes 70 with its 2nd trial, 70, ... equals it with its 1st.
    assert rows.loc["quick", "queries to best (median)"] == 1.5
    # slow: best of the first ten 50, 40 and 60.
    assert rows.loc["slow", "best@10"] == 50.0


def test_a_trial_that_failed_is_a_query_too() -> None:
    failing = run_of("failing", 0, [30.0, 5.0]).assign(trial=[2, 12])
    contest = Contest("nb201", None, None, "-macs", budget=20, seeds=1)
    row = summary(failing, contest, optimum=5.0).iloc[0]
    assert (row["best@10"], row["best@20"], row["queries to best (median)"]) == (30.0, 5.0, 13.0)


def test_without_an_optimum_no_queries_are_counted(trials: pd.DataFrame) -> None:
    rows = summary(trials, Contest("nb201", None, None, "-macs", budget=10, seeds=3), optimum=None)
    assert list(rows) == ["strategy", "seeds", "best@10", "s/proposal"]


def test_the_best_of_a_space_that_can_be_enumerated_is_known() -> None:
    space = get_space("nb201")
    evaluator = make_evaluator(space)
    everything = [evaluator.evaluate(cell, 0)["accuracy"] for cell in space.all()]  # type: ignore[attr-defined]
    assert len(everything) == space.size
    assert best_known(CONTEST) == max(everything)


def test_the_best_to_minimise_is_the_smallest() -> None:
    space = get_space("nb201")
    empty = space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    assert best_known(Contest("nb201", None, None, "-macs", 1, 1)) == space.costs(empty).macs


def test_the_best_of_the_benchmark_is_the_published_one(data_dir: Path) -> None:
    # Dong and Yang (2020), table 5, "optimal": 94.37 on CIFAR-10 and 73.51 on CIFAR-100, means over the trials.
    for task, optimal in (("cifar10", 94.37), ("cifar100", 73.51)):
        best = best_known(Contest("nb201", "table", task, "accuracy", 1, 1, data=str(data_dir)))
        assert best == pytest.approx(optimal, abs=0.01)


def test_the_best_of_a_larger_space_is_not_known() -> None:
    assert best_known(Contest("mbv3", None, None, "accuracy", 1, 1)) is None


def test_the_command_writes_every_trial_and_shows_the_summary(call: Call, tmp_path: Path) -> None:
    said = call(*SEARCH, "--workers", "2", "-o", "trials.csv")
    assert said.status == 0, said.err
    assert len(said.err.splitlines()) == 4
    written = pd.read_csv(tmp_path / "trials.csv")
    for strategy in ("random", "evolution"):
        for seed in range(2):
            expected = run_one(Contest("nb201", None, None, "accuracy", 12, 2), strategy, seed)
            shown = of(written, strategy, seed)
            assert list(shown.architecture) == list(expected.architecture)
            assert list(shown.value) == list(expected.value)
    assert len(written) == 2 * 2 * 12
    description, *lines = said.out.splitlines()
    assert description == make_evaluator(get_space("nb201")).description
    assert [line.split()[0] for line in lines] == ["strategy", "evolution", "random"]
    assert float(lines[2].split()[1]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--space", "nb20"), "unknown space 'nb20': did you mean 'nb201'?"),
        (("--evaluator", "tabel"), "no evaluator 'tabel': did you mean 'table'?"),
        (("--task", "cifar11"), "no task 'cifar11': did you mean 'cifar10'?"),
        (("--strategies", "random,evolutoin"), "unknown strategy 'evolutoin': did you mean 'evolution'?"),
        (("--objective", "acuracy"), "measures no 'acuracy': did you mean 'accuracy'?"),
        (("--objective", "a b"), "'a b' is not a metric name"),
        (("-o", "nowhere/trials.csv"), "there is no folder"),
        (("--seeds", "0"), "Invalid value for '--seeds'"),
        (("--budget", "0"), "Invalid value for '--budget'"),
        (("--workers", "0"), "Invalid value for '--workers'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    said = call(*SEARCH, *arguments)
    assert said.status == 2
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert message in said.err
    assert said.out == ""
    assert not list(tmp_path.iterdir())
