"""Figures for papers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bonag.plots.static import make_figure, write
from loops.history import History
from loops.objective import Objective
from search_spaces.errors import UserError

ONE, TWO = Objective.parse("accuracy", ["time<=5"]), Objective.parse(["accuracy", "-time"])


@pytest.fixture
def history(make) -> History:
    return make([1.0, 3.0, None, 9.0, 4.0], time=[1.0, 2.0, 0.0, 9.0, 3.0])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["pdf", "png", "svg", "PDF"])
def test_the_suffix_decides_the_format_and_the_width_is_kept(history: History, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"figure.{suffix}"
    assert write([("bonag", history, ONE)], path, width=3.0) == "progress"
    data = path.read_bytes()
    assert data.startswith({"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<?xml"}[suffix.lower()])
    if suffix == "png":
        assert int.from_bytes(data[16:20]) == 900
    elif suffix == "svg":
        assert b'width="216pt"' in data
    else:
        assert b"/MediaBox [ 0 0 216 " in data
        assert b"/FontFile2" in data, "the letters are outlines, not bitmaps"
    write([("bonag", history, ONE)], path, width=3.0)
    assert path.read_bytes() == data, "the same runs give the same file"


def test_text_stays_text(history: History, tmp_path: Path) -> None:
    write([("bonag", history, ONE), ("random", history, ONE)], tmp_path / "figure.svg", best=10.0)
    text = (tmp_path / "figure.svg").read_text()
    for words in (">bonag<", ">random<", ">regret (%)<", ">trials<"):
        assert words in text
    assert not re.search(r" d=\"[^\"]*\.\d{3}", text)


def test_several_runs_give_medians_and_bands(make) -> None:
    runs = [("bonag", make([float(v), 9.0]), Objective.parse("accuracy")) for v in (1, 2, 3)]
    axes = make_figure(runs, "progress").axes[0]
    assert list(axes.lines[0].get_ydata()) == [2, 9]
    assert len(axes.collections) == 1
    assert list(make_figure(runs, "regret", best=10.0).axes[0].lines[0].get_ydata()) == [8, 1]
    assert list(make_figure(runs, "regret").axes[0].lines[0].get_ydata()) == [7, 0]


def test_what_suits_the_runs_is_drawn(history: History, tmp_path: Path) -> None:
    assert write([("a", history, TWO)], tmp_path / "a.svg") == "pareto"
    assert write([("a", history, ONE), ("b", history, ONE)], tmp_path / "b.svg") == "regret"
    for runs in ([("a", history, TWO)], [("a", history, TWO), ("b", history, TWO)]):
        axes = make_figure(runs, "pareto").axes[0]
        front = axes.lines[-1]
        assert list(front.get_xdata()) == [1, 2, 3, 9]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("time", "accuracy (%)")
        assert "dominated share" in make_figure(runs, "progress").axes[0].get_ylabel()
    assert make_figure([("a", history, ONE)], "seconds").axes[0].get_ylabel() == "time spent (s)"


@pytest.mark.parametrize(
    ("what", "objective", "options", "message"),
    [
        ("progres", ONE, {}, "did you mean 'progress'"),
        ("pareto", Objective.parse("accuracy"), {}, "one metric only; choose another as x: time"),
        ("pareto", ONE, {"x": "tim"}, "no trial has a metric 'tim': did you mean 'time'"),
        ("progress", Objective.parse("other"), {}, "nothing to draw"),
        ("regret", Objective.parse("other"), {}, "nothing that meets the constraints"),
        ("pareto", Objective.parse(["accuracy", "other"]), {}, "no trial has both"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    history: History, tmp_path: Path, what: str, objective: Objective, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        write([("a", history, objective)], tmp_path / "figure.svg", what, **options)
    assert not list(tmp_path.iterdir())


def test_runs_that_do_not_belong_together_are_refused(history: History, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="different objectives"):
        write([("a", history, ONE), ("b", history, TWO)], tmp_path / "figure.svg")
    with pytest.raises(UserError, match="of one run"):
        write([("a", history, ONE), ("b", history, ONE)], tmp_path / "figure.svg", "seconds")
    with pytest.raises(UserError, match=r"\.pdf, \.png, \.svg"):
        write([("a", history, ONE)], tmp_path / "figure.jpg")
    assert not list(tmp_path.iterdir())
