"""Figures of runs: what they show, that they are light, and that there is no history that they cannot take."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bonag.plots.comparison import comparison
from bonag.plots.distribution import distribution
from bonag.plots.learning_curves import learning_curves
from bonag.plots.palette import looks
from bonag.plots.pareto import pareto
from bonag.plots.plot import Plot
from bonag.plots.progress import progress
from bonag.plots.seconds import seconds
from bonag.plots.sparkline import rise_path, sparkline
from bonag.plots.timeline import lanes_of, timeline
from loops.history import History, Point, Trial, TrialStatus
from loops.objective import Objective

NAN, INF = float("nan"), float("inf")
ONE, TWO = Objective.parse("accuracy"), Objective.parse(["accuracy", "-time"])
OBJECTIVES = [
    ONE, TWO, Objective.parse("-time", ["accuracy>=2"]), Objective.parse(["accuracy", "-time"], ["time<=1"]),
    Objective.parse(["-time", "-accuracy", "other"], ["unheard>=1"]),
]  # fmt: skip
FIGURES: dict[str, Callable[[History, Objective], Plot]] = {
    "progress": progress,
    "pareto": lambda history, objective: pareto(history, objective, "time", "accuracy"),
    "unknown metrics": lambda history, objective: pareto(history, objective, "other", "one <b>more</b>"),
    "seconds": lambda history, _: seconds(history),
    "comparison": lambda history, objective: comparison([("a", history, objective), ("a", history, objective)]),
    "clock": lambda history, objective: comparison([("a", history, objective)], clock=True),
    "timeline": lambda history, _: timeline(history),
    "learning curves": lambda history, objective: learning_curves(history, objective),
    "distribution": lambda history, objective: distribution([("a", history, objective), ("b", history, objective)]),
    "regret": lambda history, objective: comparison([("a", history, objective), ("b", History(), objective)], True),
}


@pytest.fixture
def histories(make, architectures) -> list[History]:
    two = make([1.0, 2.0], time=[5.0, 6.0])
    return [
        History(),
        make([None, None]),
        make([1.0], time=[2.0]),
        make([1.0, 1.0], time=[2.0, 2.0]),
        make([NAN, INF, 3.0], time=[1.0, 2.0, NAN]),
        make([NAN], time=[NAN]),
        two,
        two.updated(Trial(2, architectures[2], TrialStatus.RUNNING), Trial(3, architectures[3], TrialStatus.ABANDONED)),
        History([Trial(0, architectures[0], TrialStatus.RUNNING)]),
        History([Trial(0, architectures[0], TrialStatus.COMPLETED, {})]),
    ]


def texts(plot: Plot) -> str:
    return " ".join(note["text"] for note in plot.figure.to_dict()["layout"].get("annotations", []))


def trace(plot: Plot, name: str) -> Any:
    return next(one for one in plot.figure.data if one.name == name)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
@pytest.mark.parametrize("figure", FIGURES)
def test_no_history_is_too_odd(figure: str, objective: Objective, histories: list[History]) -> None:
    for history in histories:
        plot = FIGURES[figure](history, objective)
        written = json.loads(plot.figure.to_json())
        assert written["data"] or texts(plot), "an empty figure says why"
        assert plot.summary.endswith(".")
        assert sparkline(history, objective) is None or "<svg" in str(sparkline(history, objective))


def test_an_empty_figure_says_why(make) -> None:
    assert texts(progress(History(), ONE)) == "no trials yet"
    assert texts(progress(make([None, None]), ONE)) == "all trials failed"
    assert "2 failed" in progress(make([None, None]), ONE).summary
    infeasible = progress(make([1.0, 2.0]), Objective.parse("accuracy", ["accuracy>=9"]))
    assert "none meets the constraints" in infeasible.summary
    assert "no times" in texts(seconds(History(dataclasses.replace(t, proposal_seconds=None, evaluation_seconds=None)
                                               for t in make([1.0]))))  # fmt: skip
    assert "different objectives" in texts(comparison([("a", History(), ONE), ("b", History(), TWO)]))


def test_progress_shows_each_trial_and_the_best_so_far(make) -> None:
    history = make([5.0, 9.0, None, 7.0, 6.0], time=[1.0, 9.0, 0.0, 1.0, 1.0])
    plot = progress(history, Objective.parse("accuracy", ["time<=2"]))
    feasible, infeasible, failed = (trace(plot, name) for name in ("feasible", "infeasible", "failed"))
    assert list(feasible["customdata"]) == list(feasible["x"]) == [0, 3, 4]
    assert list(infeasible["customdata"]) == [1]
    assert list(failed["customdata"]) == [2]
    assert "out of memory" in failed["text"][0]
    best = trace(plot, "best so far")
    # Only where it changes, and at both ends.
    assert (list(best["x"]), list(best["y"])) == ([0, 3, 4], [5, 7, 7])
    assert plot.summary == "accuracy of 5 trials: the best so far is 7 %, of trial 3; 1 infeasible, 1 failed."


def test_a_few_hopeless_trials_are_left_out_of_sight_and_counted(make) -> None:
    plot = progress(make([10.0, 10.0, *np.linspace(90, 94, 40).tolist()]), ONE)
    assert plot.figure.layout.yaxis.range[0] > 80
    assert texts(plot) == "2 trials below (double-click for all)"
    assert len(trace(plot, "trials")["y"]) == 42
    assert progress(make([float(a) for a in range(10, 94, 2)]), ONE).figure.layout.yaxis.range is None


def test_the_front_of_two_metrics_is_highlighted_and_the_feasible_region_shaded(make) -> None:
    history = make([90.0, 80.0, 70.0, 95.0, 60.0], latency_a=[5.0, 3.0, 4.0, 9.0, 2.0])
    plot = pareto(history, Objective.parse("accuracy", ["latency_a<=6"]), "latency_a", "accuracy")
    marked = [one for one in plot.figure.data if one["name"] == "front" and one["mode"] == "markers"]
    assert list(marked[0]["customdata"]) == [0, 1, 4]
    assert list(trace(plot, "infeasible")["customdata"]) == [3]
    region = next(shape for shape in plot.figure.layout.shapes if shape.type == "rect")
    assert region.x1 == 6
    assert texts(plot) == "≤ 6 ms"
    assert plot.figure.layout.xaxis.title.text == "latency_a (ms)"
    assert "3 trials on the front, 1 infeasible" in plot.summary


def test_the_line_of_the_front_never_runs_through_better_values(make) -> None:
    history = make([1.0, 2.0, 3.0], gain=[3.0, 2.0, 1.0])
    for text, shape in (("gain", "vh"), ("-gain", "hv")):
        plot = pareto(history, Objective.parse(["accuracy", text]), "gain", "accuracy")
        line = next(one for one in plot.figure.data if one["mode"] == "lines")
        assert line["line"]["shape"] == shape


def test_a_comparison_has_medians_and_quartiles_by_label(make) -> None:
    runs = [("bonag", make([float(v), 9.0]), ONE) for v in (1, 2, 3)] + [("random", make([4.0, 4.0]), ONE)]
    plot = comparison(runs)
    assert list(trace(plot, "bonag (3 runs)")["y"]) == [2, 9]
    assert [list(one["y"]) for one in plot.figure.data if one["name"] == "bonag"] == [[1.5, 9], [2.5, 9]]
    assert list(trace(plot, "random")["y"]) == [4, 4]
    regret = comparison(runs, regret=True)
    assert list(trace(regret, "bonag (3 runs)")["customdata"]) == [7, 0]
    assert regret.figure.layout.yaxis.ticktext[0] == "0"
    assert trace(regret, "bonag (3 runs)")["y"][1] > 0
    assert list(trace(comparison(runs, True, best=10.0), "random")["y"]) == [6, 6]


def test_a_run_that_found_nothing_counts_as_the_worst(make) -> None:
    runs = [("a", make([None, value]), Objective.parse("-accuracy")) for value in (None, 1.0, 2.0)]
    median = trace(comparison(runs), "a (3 runs)")["y"]
    np.testing.assert_array_equal(median, [np.nan, 2])


def test_labels_have_looks_of_their_own() -> None:
    given = looks(["bonag", "mine", "yours", "random"])
    assert len({look.screen for look in given}) == 4


def test_what_others_wrote_is_shown_as_text(make, architectures) -> None:
    evil = "<a href='https://evil.example'>x</a>"
    history = History([Trial(0, evil, TrialStatus.COMPLETED, {evil: 1.0, "b": 2.0}),
                       Trial(1, evil, TrialStatus.FAILED, reason=evil)])  # fmt: skip
    plots = [pareto(history, ONE, evil, "b"), progress(history, Objective.parse("b")),
             pareto(History(), ONE, evil, evil), comparison([(evil, history, Objective.parse("b"))])]  # fmt: skip
    for plot in plots:
        assert "<a" not in json.dumps(plot.figure.to_dict(), default=str)


def test_figures_bring_no_colours_of_fonts_or_pages(many: History) -> None:
    for plot in (progress(many, ONE), pareto(many, ONE, "params", "accuracy"), seconds(many)):
        layout = json.loads(plot.figure.to_json())["layout"]
        assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0, 0, 0, 0)"
        assert '"font": {"color"' not in json.dumps(layout)
        assert layout["legend"]["y"] > 1


def test_figures_of_5000_trials_are_light_and_quick(many: History) -> None:
    objectives = [Objective.parse("accuracy", ["latency_pixel3<=5"]), Objective.parse(["accuracy", "-latency_pixel3"])]
    for objective in objectives:
        progress(many, objective)
        begun = time.process_time()
        plots = [progress(many, objective), pareto(many, objective, "params", "accuracy"), seconds(many)]
        sizes = [len(plot.figure.to_json()) for plot in plots]
        assert time.process_time() - begun < 2.0
        assert max(sizes) <= 600_000
    kinds = {one.type for plot in plots for one in plot.figure.data}
    assert kinds == {"scatter"}, "those that draw without SVG need what the pages forbid"


def test_a_unit_is_what_the_evaluator_tells_and_no_guess(make) -> None:
    history = make([80.0, 90.0])
    assert progress(history, ONE).figure.layout.yaxis.title.text == "accuracy (%)"
    for units, title in (({"accuracy": ""}, "accuracy"), ({"accuracy": "points"}, "accuracy (points)")):
        assert progress(history, ONE, units).figure.layout.yaxis.title.text == title
        assert comparison([("a", history, ONE)], units=units).figure.layout.yaxis.title.text == f"best {title}"
        assert distribution([("a", history, ONE)], units).figure.layout.xaxis.title.text == title


def test_workers_that_overlap_have_lanes_of_their_own() -> None:
    starts = np.array([0.0, 0.0, 1.0, 2.0, 2.9])
    ends = np.array([1.02, 3.0, 2.0, 3.0, 4.0])
    # The third begins when the first has just ended, the last when the others have but for a moment.
    assert lanes_of(starts, ends).tolist() == [0, 1, 0, 0, 0]


def test_a_timeline_shows_every_trial_and_who_proposed(make) -> None:
    history = make([1.0, None, 3.0])
    timed = History(dataclasses.replace(t, proposed_at=10.0 + t.index, ended_at=12.0 + t.index) for t in history)
    plot = timeline(timed)
    traces = {trace.name: trace for trace in plot.figure.data}
    assert set(traces) == {"proposals", "completed", "failed"}
    assert list(traces["failed"].x[:2]) == [2.5, 3.5]
    assert "trial 1" in traces["failed"].text[0]
    assert "3 evaluations, at most 1 evaluation at once" in plot.summary


def test_on_a_clock_a_slow_run_comes_later(make) -> None:
    def timed(gap: float) -> History:
        return History(
            dataclasses.replace(t, proposed_at=100 + gap * t.index, ended_at=100 + gap * (t.index + 1))
            for t in make([1.0, 2.0, 3.0])
        )

    plot = comparison([("fast", timed(1.0), ONE), ("slow", timed(10.0), ONE)], clock=True)
    fast, slow = (trace for trace in plot.figure.data if trace.showlegend is not False)
    assert (max(fast.x), max(slow.x)) == (3.5, 30.5)
    first = [float(trace.x[list(np.array(trace.y) == 3.0).index(True)]) for trace in (fast, slow)]
    assert first == [pytest.approx(3.5, abs=0.05), pytest.approx(30.5, abs=0.1)]


def test_a_comparison_begins_where_curves_part_and_says_so(make) -> None:
    good = make([10.0, *np.linspace(93, 94, 50).tolist()])
    plot = comparison([("a", good, ONE), ("b", make([10.0, *([93.5] * 50)]), ONE)])
    assert plot.figure.layout.yaxis.range[0] > 90
    assert "the beginnings lie below" in texts(plot)
    # An end that lies far off must be seen.
    bad = comparison([("a", good, ONE), ("b", make([10.0] * 51), ONE)])
    assert bad.figure.layout.yaxis.range is None


def test_a_distribution_counts_feasible_trials(make) -> None:
    history = make([1.0, 2.0, 3.0, 4.0], time=[1.0, 1.0, 1.0, 9.0])
    plot = distribution([("a", history, Objective.parse("accuracy", ["time<=2"]))])
    assert list(plot.figure.data[0].x) == [1.0, 2.0, 3.0]
    assert list(plot.figure.data[0].y) == [33.33, 66.67, 100.0]


def test_curves_are_told_apart_by_status_and_the_best_stands_out(make) -> None:
    history = make([1.0, 3.0, 2.0])
    curve = tuple(Point(step, {"accuracy": step / 2}, step) for step in (1, 2))
    told = [dataclasses.replace(t, curve=curve) for t in history]
    told[2] = dataclasses.replace(told[2], status=TrialStatus.STOPPED)
    names = [trace.name for trace in learning_curves(History(told), ONE).figure.data]
    assert names == ["completed", "stopped", "trial 1, the best"]


def test_a_rise_is_a_short_path() -> None:
    assert rise_path((0.0, 0.0, 0.5, 1.0)) == "M0 19H2V10H3V1H4"
    assert rise_path(()) == ""
