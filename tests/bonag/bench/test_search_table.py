"""What a contest's table says, against values that can be checked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from bonag.bench.search_contest import Contest
from bonag.bench.search_figure import draw
from bonag.bench.search_measure import Measure, best_value, make_measure, volume_share, whole_space
from bonag.bench.search_table import make_table, measure_progress, milestones
from bonag.bench.search_text import table_text
from bonag.evaluators import make_evaluator
from loops.objective import Objective
from search_spaces import get_space
from search_spaces.errors import UserError

MACS = best_value(Objective.parse("-macs"), best=5.0, worst=100.0, source="by hand", exact=True)
CIFAR10 = Contest("nb201", "surrogate", "cifar10")
PAIR = Objective.parse(["accuracy", "-latency"])


def contest_of(objective: Objective) -> Contest:
    goals, constraints = map(str, objective.goals), map(str, objective.constraints)
    return Contest("nb201", "table", "cifar10", tuple(goals), tuple(constraints))


def run_of(strategy: str, seed: int, values: list[float], seconds: float = 1.0, **others: object) -> pd.DataFrame:
    columns = {"strategy": strategy, "seed": seed, "trial": range(len(values)), "macs": values, "status": "completed"}
    return pd.DataFrame(columns | {"proposal_seconds": seconds, "peak_mb": 0.0, "labels": 0} | others)


@pytest.fixture
def trials() -> pd.DataFrame:
    """Twenty trials a run, smaller is better, and 5 is the best there is; shuffled, for rows come in any order."""
    runs = [
        run_of("slow", 0, [50.0 - trial for trial in range(20)], seconds=2.0, peak_mb=10.0),
        run_of("slow", 1, [40.0, 40.0, 40.0, 5.0, *[40.0] * 16], seconds=4.0, peak_mb=30.0),
        run_of("slow", 2, [60.0] * 12 + [20.0] * 8, seconds=6.0, peak_mb=70.0),
        run_of("quick", 0, [5.0, *[90.0] * 19], seconds=0.25, labels=300),
        run_of("quick", 1, [70.0] * 9 + [5.0, 5.0] + [70.0] * 9, seconds=0.75, labels=300),
        run_of("short", 0, [30.0, 10.0, 20.0]),
    ]
    return pd.concat(runs).sample(frac=1.0, random_state=0)


def rows_of(trials: pd.DataFrame, measure: Measure = MACS, reference: str = "slow", budget: int = 20) -> pd.DataFrame:
    made = make_table(measure_progress(trials, measure, ["slow", "quick", "short"], budget), measure, reference)
    return made.set_index("strategy")


def test_a_row_is_what_one_computes_by_hand(trials: pd.DataFrame) -> None:
    rows = rows_of(trials)
    # slow: best of the first ten 41, 5 and 60; of all twenty 31, 5 and 20; the second run alone gets to 5, by its 4th.
    slow = rows.loc["slow"]
    assert (slow["seeds"], slow["best@10"], slow["best@20"], slow["s/query"]) == (3, 41.0, 20.0, 4.0)
    assert (slow["best@20 q1"], slow["best@20 q3"]) == (12.5, 25.5)
    assert slow["queries to the best"] == slow["queries to the best, 90 % of seeds"] == np.inf
    assert slow["reached"] == pytest.approx(1 / 3)
    assert (slow["peak MB"], slow["labels"]) == (30.0, 0)
    # quick: by its 1st trial and by its 10th.
    quick = rows.loc["quick"]
    assert (quick["seeds"], quick["best@10"], quick["best@20"], quick["s/query"]) == (2, 5.0, 5.0, 0.5)
    assert (quick["queries to the best"], quick["queries to the best, 90 % of seeds"], quick["reached"]) == (5.5, 10, 1)
    assert quick["labels"] == 300
    # short: a run that ended early keeps what it had.
    short = rows.loc["short"]
    assert (short["best@10"], short["best@20"], short["reached"]) == (10.0, 10.0, 0.0)
    assert "best@30" not in rows
    assert (rows["best"] == 5.0).all()
    assert (rows["best is"] == "by hand").all()


def test_the_area_is_the_mean_regret(trials: pd.DataFrame) -> None:
    rows = rows_of(trials)
    # slow: 45, 44, ... 26, mean 35.5; three times 35, then 0; twelve times 55 and eight times 15.
    areas = [35.5, 3 * 35 / 20, (12 * 55 + 8 * 15) / 20]
    assert rows.loc["slow", "area"] == pytest.approx(np.median(areas))
    assert rows.loc["slow", "area q3"] == pytest.approx(np.quantile(areas, 0.75))
    # short: 25 and 5, and 5 until the budget would have been spent.
    assert rows.loc["short", "area"] == pytest.approx((25 + 19 * 5) / 20)


def test_what_is_maximised_takes_the_largest(trials: pd.DataFrame) -> None:
    rows = rows_of(trials, best_value(Objective.parse("+macs"), best=70.0, worst=0.0, source="", exact=True))
    # quick: 5, 90, ... passes 70 with its 2nd trial, 70, ... equals it with its 1st.
    assert rows.loc["quick", "queries to the best"] == 1.5
    # slow: best of the first ten 50, 40 and 60.
    assert rows.loc["slow", "best@10"] == 50.0


def test_a_trial_that_failed_is_a_query_too() -> None:
    failing = run_of("slow", 0, [30.0, np.nan, 5.0]).assign(trial=[2, 4, 12])
    row = rows_of(failing).loc["slow"]
    assert (row["best@10"], row["best@20"], row["queries to the best"]) == (30.0, 5.0, 13.0)
    # Until the first success it is as far off as one can be.
    assert row["area"] == pytest.approx((2 * 95 + 10 * 25) / 20)


def test_the_time_near_a_hundred_trials_is_a_median() -> None:
    seconds = np.where((np.arange(120) >= 90) & (np.arange(120) <= 110), 3.0, 1.0)
    seconds[95] = 1000.0
    row = rows_of(run_of("slow", 0, [50.0] * 120, proposal_seconds=seconds), budget=120).loc["slow"]
    assert row["s/query near 100"] == 3.0
    assert row["s/query"] == pytest.approx(seconds.mean())


@pytest.mark.parametrize(("budget", "expected"), [(20, [10, 20]), (25, [10, 20, 25]), (5, [5]), (400, [300, 400])])
def test_milestones_end_with_the_budget(budget: int, expected: list[int]) -> None:
    assert milestones(budget)[-len(expected) :] == expected


def test_p_values_are_paired_by_seed_and_corrected() -> None:
    rng = np.random.default_rng(0)
    start = rng.uniform(50, 90, 8)
    runs = []
    for seed in range(8):
        runs.append(run_of("slow", seed, [start[seed], start[seed] - 1 - 0.1 * seed]))
        runs.append(run_of("quick", seed, [start[seed], start[seed] - 20 - seed]))
        runs.append(run_of("short", seed, [start[seed], start[seed] - 1 - 0.1 * seed + 0.01 * (-1) ** seed]))
    rows = rows_of(pd.concat(runs).sample(frac=1.0, random_state=1), budget=2)
    # quick ends below slow in all of 8 seeds: twice 1 / 2^8, times two strategies.
    assert rows.loc["quick", "p best@2"] == pytest.approx(2 * 2 / 2**8)
    assert rows.loc["quick", "p area"] == pytest.approx(2 * 2 / 2**8)
    assert rows.loc["quick", "p best@2 sign"] == "-"
    own = wilcoxon([0.01 * (-1) ** seed for seed in range(8)]).pvalue
    assert rows.loc["short", "p best@2"] == pytest.approx(own)
    assert np.isnan(rows.loc["slow", "p area"])
    # Nobody reaches 5, so nothing tells them apart by that.
    assert (rows.loc[["quick", "short"], "p queries to the best"] == 1.0).all()
    assert (rows.loc[["quick", "short"], "p queries to the best sign"] == "=").all()


def test_whoever_does_not_reach_the_best_comes_behind_whoever_does_with_the_last_query() -> None:
    late = [run_of("slow", seed, [50.0] * 19 + [5.0]) for seed in range(8)]
    never = [run_of("quick", seed, [50.0] * 19 + [6.0]) for seed in range(8)]
    rows = rows_of(pd.concat(late + never))
    assert rows.loc["quick", "p queries to the best"] == pytest.approx(2 / 2**8, rel=0.5)
    assert rows.loc["quick", "p queries to the best sign"] == "+"


def test_constraints_bar_what_breaks_them() -> None:
    objective = Objective.parse("accuracy", ["latency<=8"])
    run = pd.DataFrame({"trial": range(4), "accuracy": [70.0, 95.0, 60.0, 80.0], "latency": [8.0, 8.1, 1.0, 7.0]})
    everything = {"accuracy": np.array([50.0, 90.0, 99.0]), "latency": np.array([20.0, 3.0, 9.0])}
    measure = make_measure(contest_of(objective), run, everything)
    assert measure.best == 90.0
    # The worst value of the space stands in.
    assert measure.progress(run.iloc[1:2], 1) == [50.0]
    assert list(measure.progress(run, 5)) == [70.0, 70.0, 70.0, 80.0, 80.0]
    assert list(measure.progress(run.iloc[1:], 3)) == [50.0, 50.0, 60.0]
    with pytest.raises(UserError, match="nothing in the space meets latency<=2"):
        make_measure(contest_of(Objective.parse("accuracy", ["latency<=2"])), run, everything)


def test_the_best_known_is_given_or_seen(trials: pd.DataFrame) -> None:
    contest = contest_of(Objective.parse("-macs"))
    seen = make_measure(contest, trials, None, None)
    assert (seen.best, seen.exact, seen.source) == (5.0, False, "best of all trials here")
    given = make_measure(contest, trials, None, 4.0)
    assert (given.best, given.source) == (4.0, "given")
    # A worse one was not the best.
    assert make_measure(contest, trials, None, 6.0).best == 5.0
    everything = {"macs": np.array([3.0, 9.0])}
    assert make_measure(contest, trials, everything, None).source == "best of all 2 architectures"
    with pytest.raises(UserError, match="--best-known 4: the best of the whole space is 3"):
        make_measure(contest, trials, everything, 4.0)


@pytest.mark.slow
def test_the_best_of_a_space_that_can_be_enumerated_is_known() -> None:
    space = get_space("nb201")
    evaluator = make_evaluator(space)
    measure = make_measure(CIFAR10, pd.DataFrame(), whole_space(CIFAR10))
    cells = list(space.all())
    values = evaluator.evaluate_many(cells)["accuracy"]  # type: ignore[attr-defined]
    assert len(cells) == space.size
    assert measure.best == values.max() == evaluator.evaluate(cells[int(values.argmax())], 0)["accuracy"]
    assert measure.source == "best of all 15,625 architectures"


@pytest.mark.slow
def test_the_best_of_the_benchmark_is_the_published_one(data_dir: Path) -> None:
    # Dong and Yang (2020), table 5, "optimal": 94.37 on CIFAR-10 and 73.51 on CIFAR-100, means over the trials.
    for task, optimal in (("cifar10", 94.37), ("cifar100", 73.51)):
        contest = Contest("nb201", "table", task, data=str(data_dir))
        best = make_measure(contest, pd.DataFrame(), whole_space(contest)).best
        assert best == pytest.approx(optimal, abs=0.01)


def test_a_larger_space_is_not_enumerated() -> None:
    assert whole_space(Contest("mbv3", "surrogate", "imagenet192")) is None


def test_a_share_of_the_hypervolume_by_hand() -> None:
    # The true front is (90, 10) and (80, 5); the worst are 50 and 30: 40 x 20 + 30 x 5 = 950.
    everything = {"accuracy": np.array([90.0, 80.0, 50.0, 60.0]), "latency": np.array([10.0, 5.0, 12.0, 30.0])}
    contest = Contest("nb201", "table", "cifar10", ("accuracy", "-latency"))
    run = pd.DataFrame({"trial": [0, 1, 3], "accuracy": [80.0, 70.0, 90.0], "latency": [5.0, 6.0, 10.0]})
    measure = make_measure(contest, run, everything)
    assert measure.exact
    assert list(measure.progress(run, 4)) == pytest.approx([750 / 950, 750 / 950, 750 / 950, 1.0])
    assert list(measure.progress(run.iloc[::-1], 4)) == pytest.approx(list(measure.progress(run, 4)))


def test_what_breaks_a_constraint_has_no_volume() -> None:
    contest = Contest("nb201", "table", "cifar10", ("accuracy", "-latency"), ("latency<=8",))
    everything = {"accuracy": np.array([90.0, 80.0, 50.0]), "latency": np.array([10.0, 5.0, 30.0])}
    run = pd.DataFrame({"trial": [0, 1], "accuracy": [90.0, 80.0], "latency": [10.0, 5.0]})
    measure = make_measure(contest, run, everything)
    assert list(measure.progress(run, 2)) == pytest.approx([0.0, 1.0])


def test_without_enumeration_the_front_is_that_of_all_trials() -> None:
    contest = Contest("mbv3", "surrogate", "imagenet192", ("accuracy", "-macs"))
    run = pd.DataFrame({"trial": [0, 1], "accuracy": [75.0, 77.0], "macs": [1.5e8, 2.5e8]})
    measure = make_measure(contest, run, None)
    assert not measure.exact
    assert measure.progress(run, 2)[-1] == pytest.approx(1.0)
    # The reference point is worse than what networks of the space usually have, in both.
    for worse in ({"accuracy": [74.9, 77.0]}, {"macs": [1.5e8, 2.51e8]}):
        assert 0 < measure.progress(run.assign(**worse), 2)[-1] < 1


@pytest.mark.slow
@pytest.mark.parametrize("exact", [True, False])
def test_the_figure_names_every_strategy_and_repeats(trials: pd.DataFrame, tmp_path: Path, exact: bool) -> None:
    measure = best_value(Objective.parse("-macs"), 5.0, 100.0, "by hand", exact)
    progress = measure_progress(trials, measure, ["slow", "quick", "short"], 20)
    for name in ("one.svg", "two.svg"):
        draw(progress, measure, "a contest", tmp_path / name)
    text = (tmp_path / "one.svg").read_text()
    assert "<svg" in text
    for words in ("slow", "quick", "short", "a contest", "queries", "regret of macs (best 5)"):
        assert words in text
    assert ("seeds that have reached the best" in text) is exact
    assert text == (tmp_path / "two.svg").read_text()


@pytest.mark.slow
def test_a_figure_where_nothing_is_left_to_regret(tmp_path: Path) -> None:
    measure = volume_share(PAIR, np.zeros(2), 6.0, "by hand", True)
    run = pd.DataFrame({"strategy": "bonag", "seed": 0, "trial": [0], "accuracy": [3.0], "latency": [-2.0]})
    draw(measure_progress(run, measure, ["bonag"], 3), measure, "won at once", tmp_path / "figure.svg")
    assert "1 - share of the hypervolume" in (tmp_path / "figure.svg").read_text()


def test_the_shown_table_says_what_it_compares_with(trials: pd.DataFrame) -> None:
    text = table_text(make_table(measure_progress(trials, MACS, ["slow", "quick", "short"], 20), MACS, "slow"))
    lines = text.splitlines()
    assert lines[0] == "macs, best 5 (by hand)"
    assert lines[1].startswith("p against slow")
    assert lines[2].split() == ["slow", "quick", "short"]
    by_name = {line[:32].strip(): line[32:].split() for line in lines[3:]}
    assert by_name["best@20"] == ["20", "5", "10"]
    assert by_name["labels"] == ["0", "300", "0"]
    assert by_name["reached"] == ["33%", "100%", "0%"]
