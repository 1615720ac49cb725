"""Which choices go with good values: on made-up trials in which one slot decides."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.plots.choices import AXES, LEVELS, LINES, choices_of, most_telling, pair, parallel, slice_of
from loops.history import History, Trial, TrialStatus
from search_spaces import get_space

NB201 = get_space("nb201")


def made(n: int = 60) -> tuple[History, list[dict[str, object]]]:
    """Completed trials whose value is 10 for each 'good' in slot one, and a little of a number; one has no value."""
    rng = np.random.default_rng(0)
    rows = [{"one": rng.choice(["bad", "<b>", "good"]), "two": int(rng.integers(2, 5)),
             "size": float(rng.uniform(0, 1)), "same": "x"} for _ in range(n)]  # fmt: skip
    trials = [
        Trial(i, architecture, TrialStatus.COMPLETED, {"accuracy": 10.0 * (row["one"] == "good") + float(row["size"])})
        for i, (architecture, row) in enumerate(zip(NB201.sample(n, rng), rows, strict=True))
    ]
    trials[0] = Trial(0, trials[0].architecture, TrialStatus.COMPLETED, {"accuracy": float("nan")})
    return History(trials), rows


def test_slots_that_never_differ_are_left_out_and_numbers_of_many_values_stay_numbers() -> None:
    one, two, size = choices_of(made()[1])
    assert (one.labels, two.labels, size.labels) == (("<b>", "bad", "good"), ("2", "3", "4"), ())
    parts = size.in_parts()
    assert len(parts.labels) == LEVELS
    assert (np.diff(parts.places[np.argsort(size.places)]) >= 0).all()


def test_what_decides_the_metric_tells_most_of_it() -> None:
    history, rows = made()
    choices = choices_of(rows)
    assert most_telling(history, choices, "accuracy", 3)[0].name == "one"
    values = np.array([trial.metrics["accuracy"] for trial in history.completed[1:]])
    one, two, _ = choices_of(rows[1:])
    assert one.tells(values) > 0.98
    assert abs(two.tells(values)) < 0.1, "chance is taken off"


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_line_is_a_trial_and_the_best_have_the_last_shade(sign: float) -> None:
    history, rows = made()
    plot = parallel(history, choices_of(rows), "accuracy", sign)
    *lines, labels = plot.figure.data
    assert sum(list(line.y).count(None) for line in lines) == 59, "all that have a value"
    best = sign * max(sign * trial.metrics["accuracy"] for trial in history.completed[1:])
    said = [text for text in lines[-1].text if text and text.startswith("trial") and "accuracy" in text]
    index = next(trial.index for trial in history.completed if trial.metrics["accuracy"] == best)
    assert any(text.startswith(f"trial {index}<br>accuracy") for text in said)
    assert "<b>" not in "".join(map(str, [*lines[0].text, *labels.text]))
    assert "&lt;b&gt;" in labels.text
    assert list(plot.figure.layout.xaxis.ticktext)[:3] == ["one", "two", "size"]
    assert "Most telling of accuracy is one" in plot.summary
    assert ("good in" in plot.summary) == (sign > 0)


def test_of_many_choices_and_trials_some_are_drawn() -> None:
    history, _ = made(LINES + 100)
    rng = np.random.default_rng(1)
    rows = [{f"s{i}": int(rng.integers(3)) for i in range(40)} for _ in history]
    for row, trial in zip(rows, history, strict=True):
        row["s7"] = int(trial.metrics["accuracy"] > 5)
    figure = parallel(history, choices_of(rows), "accuracy", 1.0).figure
    names = list(figure.layout.xaxis.ticktext)
    assert len(names) == AXES + 1
    assert "s7" in names
    assert sum(list(line.y).count(None) for line in figure.data[:-1]) == LINES


def test_a_slice_has_each_trial_and_the_means() -> None:
    history, rows = made()
    one, _, size = choices_of(rows)
    marks, means = slice_of(history, one, "accuracy").figure.data
    assert sorted(marks.customdata) == list(range(1, 60))
    assert (np.abs(np.array(marks.x) - one.places[1:]) <= 0.25).all()
    good = [trial.metrics["accuracy"] for trial, row in zip(history, rows, strict=True) if row["one"] == "good"]
    assert means.y[2] == pytest.approx(np.mean([value for value in good if np.isfinite(value)]))
    assert means.mode == "markers", "names have no order"
    assert slice_of(history, size, "accuracy").figure.data[1].mode == "lines+markers"


def test_a_pair_has_the_means_the_counts_and_gaps() -> None:
    history, rows = made()
    for row in rows:
        if row["one"] == "bad":
            row["two"] = 2
    one, two, _ = choices_of(rows)
    plot = pair(history, one, two, "accuracy", 1.0)
    [heat] = plot.figure.data
    assert np.isnan(heat.z[1][1])
    assert heat.text[1][1] == ""
    assert sum(int(text) for line in heat.text for text in line if text) == 59
    assert list(heat.x) == ["&lt;b&gt;", "bad", "good"]
    assert "with one good and two" in plot.summary


def test_without_values_every_figure_says_so() -> None:
    history, rows = made(1)
    assert choices_of(rows) == []
    one, two, *_ = choices_of(made()[1])
    empty = History()
    for plot in (
        parallel(empty, [], "accuracy", 1.0),
        slice_of(empty, one, "accuracy"),
        pair(empty, one, two, "accuracy", 1.0),
    ):
        assert plot.summary.startswith("Nothing to draw")
    assert parallel(history, [], "accuracy", 1.0).summary.startswith("Nothing to draw")


def test_stages_stand_for_the_blocks_of_mobilenet() -> None:
    space = get_space("mbv3")
    [architecture] = space.sample(1, np.random.default_rng(0))
    first = architecture.stages[0]
    summary = space.summary(architecture)
    assert len(summary) == 15
    assert summary["depth 1"] == len(first)
    assert summary["kernel 1"] == np.mean([kernel for kernel, _ in first])
    assert summary["expand 1"] == np.mean([expand for _, expand in first])
    choices = space.choices(architecture)
    assert len(choices) == 20
    assert [choices[f"block 1.{b + 1}"] for b in range(len(first))] == [f"k{k}e{e}" for k, e in first]
    cell = NB201.sample(1, np.random.default_rng(0))[0]
    assert NB201.summary(cell) == NB201.to_parameters(cell)
