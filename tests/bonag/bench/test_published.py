"""Published searches stand beside those of a contest where both are of one measure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bonag.bench.published import read_published
from search_spaces.errors import UserError

Call = Callable[..., Any]
ROWS = "run,evaluations,best_top1\nlater,1,70.5\nearly,3,72\nearly,1,71\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "published.csv"
    path.write_text(ROWS)
    return path


def test_a_table_holds_searches(table: Path) -> None:
    first, second = read_published(table)
    assert (first.name, list(first.evaluations), list(first.best)) == ("early", [1, 3], [71.0, 72.0])
    assert (second.name, list(second.best)) == ("later", [70.5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run,best\na,1\n", "has no column 'evaluations': it must have run, evaluations, best"),
        (ROWS + "later,2,many\n", "must hold numbers alone"),
        ("", "cannot read"),
    ],
)
def test_anything_else_is_refused_in_a_line(table: Path, text: str, message: str) -> None:
    table.write_text(text)
    with pytest.raises(UserError, match=message) as refused:
        read_published(table)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_the_figure_shows_them(call: Call, table: Path, tmp_path: Path) -> None:
    contest = "bench search --space mbv3 --strategies random --seeds 2 --budget 20 -o c"
    words = contest.split()
    said = call(*words, "--published", table)
    assert said.status == 0, said.err
    drawn = (tmp_path / "c" / "figure.svg").read_text()
    assert "early (published)" in drawn
    assert "later (published)" in drawn
    assert call(*words, "--resume").status == 0
    assert "published" not in (tmp_path / "c" / "figure.svg").read_text()
