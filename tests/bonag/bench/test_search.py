"""Strategies against each other: paired seeds, any number of workers, and folders that survive whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bonag
from bonag.bench.search import compete, evaluate
from bonag.bench.search_contest import Contest, make_contest
from bonag.bench.search_measure import whole_space
from bonag.bench.search_run import labels_used, run_one
from bonag.bench.search_store import Plan, Store, open_store, read_plan
from bonag.bench.search_workers import Run, run_all
from bonag.evaluators import make_evaluator
from bonag.strategies.making import make_strategy
from search_spaces import get_space
from search_spaces.errors import UserError

# The default strategy leaves its initial design after ten trials.
STRATEGIES, BUDGET = ("random", "evolution", "bonag"), 12
EACH = [*STRATEGIES[:-1], pytest.param(STRATEGIES[-1], marks=pytest.mark.slow)]
CONTEST = Contest("nb201", "surrogate", "cifar10", budget=BUDGET)
SMALL = replace(CONTEST, budget=11)
SEARCH = ("bench", "search", "--space", "nb201", "--strategies", "random,evolution", "--seeds", "2", "--budget", "12")
MEASURED = ["proposal_seconds", "peak_mb"]
MEASURED_IN_TABLE = ["s/query", "s/query near 100", "peak MB"]

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def in_this_process() -> dict[tuple[str, int], pd.DataFrame]:
    keys = [("random", 0), ("random", 1), ("evolution", 0), ("evolution", 1), ("bonag", 1)]
    return {(strategy, seed): run_one(CONTEST, strategy, seed) for strategy, seed in keys}


def filled(folder: Path, contest: Contest, strategies: tuple[str, ...], seeds: int, resume: bool = False) -> Store:
    """A folder with all runs of a contest, made in this process."""
    store = open_store(folder, Plan(contest, strategies, seeds), resume)
    for strategy, seed, before in list(store.missing()):
        store.add(run_one(contest, strategy, seed, before))
    return store


def same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """But for times and memory."""
    columns = [name for name in first if name not in (*MEASURED, *MEASURED_IN_TABLE)]
    pd.testing.assert_frame_equal(
        first[columns].reset_index(drop=True),
        second[columns].reset_index(drop=True),
        check_exact=True,
        check_dtype=False,
    )


def read(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "trials.parquet")


def test_every_run_spends_the_whole_budget_on_new_architectures(
    in_this_process: dict[tuple[str, int], pd.DataFrame],
) -> None:
    space = get_space("nb201")
    evaluator = make_evaluator(space)
    for (strategy, seed), run in in_this_process.items():
        assert list(run.trial) == list(range(BUDGET))
        assert run.architecture.is_unique
        assert (run.strategy == strategy).all()
        assert (run.seed == seed).all()
        assert (run.status == "completed").all()
        assert (run.proposal_seconds > 0).all()
        assert list(run.accuracy) == [evaluator.evaluate(space.parse(text), 0)["accuracy"] for text in run.architecture]


def test_seeds_are_paired(in_this_process: dict[tuple[str, int], pd.DataFrame]) -> None:
    # Random search and evolution begin with the same uniform draws.
    first = {key: list(run.architecture[:10]) for key, run in in_this_process.items()}
    assert first["random", 0] == first["evolution", 0]
    assert first["random", 1] == first["evolution", 1]
    assert first["random", 0] != first["random", 1]


@pytest.mark.parametrize("strategy", EACH)
def test_a_seed_gives_the_trials_that_a_run_of_that_seed_has(
    in_this_process: dict[tuple[str, int], pd.DataFrame], strategy: str, tmp_path: Path, one_thread: None
) -> None:
    run = bonag.search(space="nb201", budget=BUDGET, seed=1, strategy=strategy, device="cpu", threads=1, out=tmp_path)
    found = in_this_process[strategy, 1]
    assert list(found.architecture) == list(run.trials.architecture)
    assert list(found.accuracy) == list(run.trials.accuracy)


@pytest.mark.parametrize("strategy", EACH)
def test_a_larger_budget_goes_on_where_the_smaller_one_ended(
    in_this_process: dict[tuple[str, int], pd.DataFrame], strategy: str
) -> None:
    short = run_one(SMALL, strategy, 1)
    gone_on = run_one(CONTEST, strategy, 1, before=short)
    same(gone_on, in_this_process[strategy, 1])
    assert list(gone_on.proposal_seconds[:11]) == list(short.proposal_seconds)


def test_an_objective_to_minimise_is_recorded_as_measured() -> None:
    space = get_space("nb201")
    trials = run_one(replace(CONTEST, goals=("-macs",)), "local-search", seed=3)
    assert list(trials.macs) == [space.costs(space.parse(text)).macs for text in trials.architecture]
    # It goes downhill from the ten random ones, whose smallest one it starts from.
    first = space.parse(trials.architecture[int(trials.macs[:10].argmin())])
    assert space.parse(trials.architecture[10]) in space.neighbours(first)


def test_several_goals_and_constraints_are_all_recorded() -> None:
    contest = replace(CONTEST, goals=("accuracy", "-macs"), constraints=("params<=500000",))
    trials = run_one(contest, "random", seed=0)
    assert {"accuracy", "macs", "params"} <= set(trials)


@pytest.mark.slow
def test_workers_change_nothing_but_the_time(in_this_process: dict[tuple[str, int], pd.DataFrame]) -> None:
    runs = [Run(strategy, seed) for strategy, seed in in_this_process]
    found = {(run.strategy, run.seed): trials for run, trials in run_all(CONTEST, runs, workers=2)}
    assert found.keys() == in_this_process.keys()
    for key, trials in found.items():
        same(trials, in_this_process[key])
    # The default strategy loads PyTorch and its generator; random search needs next to nothing.
    assert found["bonag", 1].peak_mb[0] > found["random", 0].peak_mb[0] + 50


def test_shipped_generators_were_trained_without_labels() -> None:
    contest = CONTEST
    space = contest.make_space()
    for name in ("bonag", "random", "mutation-bo"):
        assert labels_used(make_strategy(name, space, contest.objective), space) == 0


def test_a_strategy_says_how_many_labels_it_used() -> None:
    class Pretrained:
        name, labels = "pretrained", 250

        def propose(self, history: object, n: int, rng: np.random.Generator) -> list[Any]:
            return []

    assert labels_used(Pretrained(), get_space("nb201")) == 250


def test_runs_are_kept_as_they_end_and_merged_in_the_end(tmp_path: Path) -> None:
    store = open_store(tmp_path, Plan(SMALL, ("random", "evolution:naszilla"), 1), resume=False)
    run = run_one(SMALL, "random", 0)
    store.add(run)
    store.close()
    assert not (tmp_path / "trials.parquet").exists()
    again = open_store(tmp_path, store.plan, resume=True)
    same(again.runs["random", 0].trials, run)
    assert [(strategy, seed) for strategy, seed, _ in again.missing()] == [("evolution:naszilla", 0)]
    again.add(run.assign(strategy="evolution:naszilla"))
    again.merge()
    again.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contest.json", "trials.parquet"]
    assert list(read(tmp_path).strategy.unique()) == ["random", "evolution:naszilla"]
    assert read(tmp_path).columns[:5].tolist() == ["strategy", "seed", "trial", "architecture", "status"]


@pytest.mark.slow
def test_a_contest_can_grow(tmp_path: Path) -> None:
    grown, whole = tmp_path / "grown", tmp_path / "whole"
    store = filled(grown, SMALL, ("random",), 1)
    store.merge()
    store.close()
    # More strategies, more seeds, a larger budget; what is not named stays.
    store = filled(grown, CONTEST, ("evolution",), 2, resume=True)
    assert store.plan.strategies == ("random", "evolution")
    trials = store.merge()
    store.close()
    store = filled(whole, CONTEST, ("random", "evolution"), 2)
    same(trials, store.merge())
    store.close()
    same(read(grown), read(whole))
    everything = whole_space(CONTEST)
    same(evaluate(grown, store.plan, trials, everything), evaluate(whole, store.plan, trials, everything))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(SMALL, task="cifar100"), 'another contest: task is "cifar10" there and "cifar100" here'),
        (replace(SMALL, space="mbv3"), 'space is "nb201" there and "mbv3" here'),
        (replace(SMALL, goals=("-macs",)), "objective is"),
        (replace(SMALL, constraints=("macs<=1e6",)), "constraints is"),
        (replace(SMALL, acquisition="ucb"), "acquisition is"),
        (replace(SMALL, generator="mine.safetensors"), "generator is null there"),
        (replace(SMALL, bonag="9.9"), "bonag is"),
        (replace(SMALL, budget=5), "have a budget of 11, which --budget 5 cannot take back"),
    ],
)
def test_another_contest_is_refused(tmp_path: Path, other: Contest, message: str) -> None:
    open_store(tmp_path, Plan(SMALL, ("random",), 1), resume=False).close()
    before = (tmp_path / "contest.json").read_text()
    with pytest.raises(UserError) as refused:
        open_store(tmp_path, Plan(other, ("random",), 1), resume=True)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert (tmp_path / "contest.json").read_text() == before


def test_data_may_lie_elsewhere(tmp_path: Path) -> None:
    open_store(tmp_path, Plan(SMALL, ("random",), 1), resume=False).close()
    open_store(tmp_path, Plan(replace(SMALL, data="/elsewhere"), ("random",), 1), resume=True).close()
    assert "elsewhere" not in (tmp_path / "contest.json").read_text()


def test_a_folder_takes_one_process_and_one_contest(tmp_path: Path) -> None:
    plan = Plan(SMALL, ("random",), 1)
    store = open_store(tmp_path, plan, resume=False)
    with pytest.raises(UserError, match="another process works on the contest"):
        open_store(tmp_path, plan, resume=True)
    store.close()
    with pytest.raises(UserError, match="go on with it by --resume"):
        open_store(tmp_path, plan, resume=False)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 7}', "[1]", '{"format": 1, "space": 3}'])
def test_a_file_that_describes_no_contest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "contest.json").write_text(text)
    with pytest.raises(UserError, match="does not describe a contest"):
        read_plan(tmp_path)


def test_trials_of_something_else_are_refused(tmp_path: Path) -> None:
    open_store(tmp_path, Plan(SMALL, ("random",), 1), resume=False).close()
    for write in (
        lambda path: path.write_text("trials"),
        lambda path: pd.DataFrame({"a": [1]}).to_parquet(path),
    ):
        write(tmp_path / "trials.parquet")
        with pytest.raises(UserError, match="does not hold the trials of this contest"):
            open_store(tmp_path, Plan(SMALL, ("random",), 1), resume=True)


def test_the_goal_is_that_of_the_space(data_dir: Path) -> None:
    assert make_contest({"space": "nlp", "evaluator": "table", "data": data_dir}).goals == ("-perplexity",)


@pytest.mark.slow
def test_the_evaluator_is_the_first_that_has_the_task(data_dir: Path) -> None:
    assert make_contest({"space": "nb201", "task": "cifar100", "data": data_dir}).evaluator == "surrogate"
    assert make_contest({"space": "nb201", "data": data_dir}).task == "cifar10"
    assert make_contest({"space": "mbv3", "task": "imagenet208", "data": data_dir}).evaluator == "predictor"


@pytest.mark.slow
def test_a_contest_takes_what_a_run_takes(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A function measures accuracy alone: what is counted needs nobody to measure it.
    (tmp_path / "mine_to_measure.py").write_text(
        "def measure(architecture):\n    return float(len(str(architecture)))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    options = ("--evaluator", "mine_to_measure:measure", "--constraint", "macs<=5e8", "-o", "mine")
    small = ("bench", "search", "--space", "mbv3", "--strategies", "random", "--seeds", "1", "--budget", "4")
    said = call(*small, *options)
    assert said.status == 0, said.err
    trials = read(tmp_path / "mine")
    space = get_space("mbv3")
    assert list(trials.macs) == [space.costs(space.parse(text)).macs for text in trials.architecture]
    again = call(*small, *options, "--resume")
    assert again.err.splitlines() == ["1 of 1 runs are in mine"]


@pytest.mark.slow
def test_every_seed_may_have_sources_of_its_own(call: Call, tmp_path: Path) -> None:
    for seed in (0, 1):
        bonag.search(
            "nb201", evaluator="surrogate", strategy="random", seed=seed + 7, budget=40, name=f"earlier-{seed}",
            executor="in-process",
        )  # fmt: skip
    said = call(
        *("bench", "search", "--space", "nb201", "--evaluator", "surrogate", "--budget", "2", "--seeds", "2"),
        *("--strategies", "bonag,bonag:alone", "--transfer", "earlier-{seed}", "-o", "contest"),
    )
    assert said.status == 0, said.err
    trials = pd.read_parquet("contest/trials.parquet")
    with_sources, alone = (trials[trials.strategy == name] for name in ("bonag", "bonag:alone"))
    assert set(with_sources.labels) == {40}
    assert set(alone.labels) == {0}
    # Whoever has no sources begins with the most expensive cell, whatever the seed.
    assert alone[alone.trial == 0].architecture.nunique() == 1
    assert with_sources[with_sources.trial == 0].architecture.nunique() == 2
    assert with_sources.accuracy.mean() > alone.accuracy.mean()


@pytest.mark.slow
def test_fewer_seeds_than_there_are_are_refused_in_a_line(call: Call, tmp_path: Path) -> None:
    store = filled(tmp_path / "ten", SMALL, ("random",), 3)
    store.merge()
    store.close()
    said = call(*SEARCH, "--budget", "11", "--resume", "-o", "ten")
    assert said.status == 2
    assert said.err == (
        "error: the strategies in ten have 3 seeds, which --seeds 2 cannot take back: give that, or take another "
        "folder by -o\n"
    )


@pytest.mark.slow
def test_a_hundred_thousand_trials_are_a_small_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [str(cell) for cell in get_space("nb201").all()]
    store = open_store(tmp_path, Plan(replace(SMALL, budget=200), ("random",), 500), resume=False)
    for seed in range(500):
        # Uniform draws are the hardest ones to compress.
        drawn = rng.choice(len(names), 200, replace=False)
        store.runs["random", seed] = replace_trials(store, seed, [names[i] for i in drawn], drawn / 100, rng)
    (tmp_path / "parts").mkdir()
    store.merge()
    store.close()
    assert (tmp_path / "trials.parquet").stat().st_size < 1.5e6


def replace_trials(store: Store, seed: int, names: list[str], values: np.ndarray, rng: np.random.Generator) -> Any:
    from bonag.bench.search_store import Kept

    columns = {"strategy": "random", "seed": seed, "trial": range(200), "architecture": names, "status": "completed"}
    seconds = [float(f"{value:.3g}") for value in rng.lognormal(-1, 0.5, 200)]
    more = {"accuracy": values, "proposal_seconds": seconds, "peak_mb": 1.0, "labels": 0}
    return Kept(pd.DataFrame(columns | more), 200)


@pytest.mark.slow
def test_the_command_writes_trials_table_and_figure(call: Call, tmp_path: Path) -> None:
    said = call(*SEARCH, "-o", "some/contest")
    assert said.status == 0, said.err
    assert len(said.err.splitlines()) == 4
    assert "left" in said.err
    folder = tmp_path / "some" / "contest"
    assert sorted(path.name for path in folder.iterdir()) == [
        "contest.json", "figure.svg", "table.csv", "trials.parquet",
    ]  # fmt: skip
    trials = read(folder)
    same(trials, pd.concat([run_one(CONTEST, name, seed) for name in ("random", "evolution") for seed in range(2)]))
    made = pd.read_csv(folder / "table.csv")
    assert list(made.strategy) == ["random", "evolution"]
    assert list(made.labels) == [0, 0]
    medians = [np.median(run.groupby("seed").accuracy.max()) for _, run in trials.groupby("strategy", sort=False)]
    assert list(made["best@12"]) == pytest.approx(medians, rel=1e-5)
    for name in ("random", "evolution"):
        assert name in (folder / "figure.svg").read_text()
    assert make_evaluator(get_space("nb201")).description in said.out
    # All is there: nothing runs, and what was not said stays. Another reference takes no new runs.
    again = call("bench", "search", "--space", "nb201", "--resume", "-o", "some/contest", "--reference", "evolution")
    assert again.status == 0, again.err
    assert again.err.splitlines() == ["4 of 4 runs are in some/contest"]
    assert "p against evolution" in again.out
    pd.testing.assert_frame_equal(read(folder), trials)


@pytest.mark.slow
def test_interrupted_killed_and_resumed_it_gives_the_same_table(call: Call, tmp_path: Path) -> None:
    arguments = ["--space", "nb201", "--strategies", "random,evolution,local-search", "--seeds", "4", "--budget", "12"]
    arguments = ["bench", "search", *arguments, "-o", "contest"]
    parts = tmp_path / "contest" / "parts"

    def until(runs: int, number: int, *more: str) -> tuple[int, str]:
        """Start the command, and send all its processes a signal when so many runs have ended."""
        process = subprocess.Popen(
            [sys.executable, "-m", "bonag", *arguments, *more],
            cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        while len(list(parts.glob("*.parquet"))) < runs:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.005)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.kill()
        error = process.communicate()[1]
        # Its workers end with it.
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                return process.returncode, error
            time.sleep(0.02)
        raise AssertionError("a worker lives on")

    status, error = until(1, signal.SIGINT)
    assert status == 130, error
    assert "go on by --resume" in error
    assert "Traceback" not in error
    assert until(2, signal.SIGKILL, "--resume")[0] == -signal.SIGKILL
    assert not (tmp_path / "contest" / "trials.parquet").exists()
    said = call(*arguments, "--resume")
    assert said.status == 0, said.err
    store = filled(tmp_path / "whole", CONTEST, ("random", "evolution", "local-search"), 4)
    trials = store.merge()
    store.close()
    evaluate(tmp_path / "whole", store.plan, trials, whole_space(CONTEST))
    same(read(tmp_path / "contest"), trials)
    same(*(pd.read_csv(tmp_path / name / "table.csv") for name in ("contest", "whole")))


@pytest.mark.slow
def test_the_best_value_of_a_space_that_nobody_can_enumerate_can_be_given(call: Call, tmp_path: Path) -> None:
    small = ("bench", "search", "--space", "mbv3", "--strategies", "random", "--seeds", "1", "--budget", "3")
    said = call(*small, "--best-known", "80", "-o", "contest")
    assert said.status == 0, said.err
    [row] = pd.read_csv(tmp_path / "contest" / "table.csv").to_dict("records")
    assert (row["best"], row["best is"]) == (80, "given")
    assert row["area"] == pytest.approx(80 - read(tmp_path / "contest").accuracy.cummax().mean(), rel=1e-5)


@pytest.mark.slow
def test_what_fails_in_a_worker_ends_the_contest_with_its_reason_and_keeps_what_has_ended(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown strategy 'evolutoin'"):
        compete(tmp_path, SMALL, ("random", "evolutoin"), 1)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["random-0.parquet"]
    assert json.loads((tmp_path / "contest.json").read_text())["budget"] == 11


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--space", "nb20"), "unknown space 'nb20': did you mean 'nb201'?"),
        (("--evaluator", "tabel"), "no evaluator 'tabel': did you mean 'table'?"),
        (("--task", "cifar11"), "no task 'cifar11': did you mean 'cifar10'?"),
        (("--strategies", "random,evolutoin"), "unknown strategy 'evolutoin': did you mean 'evolution'?"),
        (("--objective", "acuracy"), "measures no 'acuracy': did you mean 'accuracy'?"),
        (("--objective", "a b"), "'a b' is not a metric name"),
        (("--constraint", "macs<1"), "constraint 'macs<1'"),
        (("--constraint", "mac<=1"), "measures no 'mac': did you mean 'macs'?"),
        (("--constraint", "macs<=1e3"), "nothing in the space meets macs<=1000"),
        (("--best-known", "99"), "--best-known 99: the best of the whole space is 94"),
        (("--objective", "accuracy", "--objective=-macs", "--best-known", "1"), "and there are several"),
        (("--reference", "evolutoin"), "reference 'evolutoin' does not take part: did you mean 'evolution'?"),
        (("--acquisition", "ubc"), "unknown acquisition 'ubc': did you mean 'ucb'?"),
        (("--seeds", "0"), "Invalid value for '--seeds'"),
        (("--budget", "0"), "budget must be at least 1, got 0"),
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
