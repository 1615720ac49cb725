"""Tables are sorted and paged as their address says, whatever it says."""

from __future__ import annotations

import pytest

from bonag.ui.filters import duration, moment, number
from bonag.ui.ordering import Column, Paging, headings, sort_rows

COLUMNS = [Column("size", "Size", lambda row: row, numeric=True), Column("plain", "Plain")]


@pytest.mark.parametrize(
    ("order", "rows"),
    [("size", [1, 2, 3, None]), ("-size", [3, 2, 1, None]), ("plain", [2, None, 3, 1]), ("nix", [2, None, 3, 1])],
)
def test_what_has_no_value_comes_last_in_either_order(order: str, rows: list[int | None]) -> None:
    assert sort_rows([2, None, 3, 1], COLUMNS, order) == rows


def test_a_heading_sorts_from_the_largest_then_turns_round_and_keeps_the_filter() -> None:
    first, plain = headings(COLUMNS, "", "/x", {"q": "a b", "page": "3", "state": ""})
    assert (first.url, first.direction) == ("/x?q=a+b&sort=-size", None)
    assert plain.url is None
    [again, _] = headings(COLUMNS, "-size", "/x", {})
    assert (again.url, again.direction) == ("/x?sort=size", "descending")


@pytest.mark.parametrize(("text", "page"), [("", 1), ("2", 2), ("9" * 40, 1), ("99", 3), ("-1", 1), ("0", 1), ("²", 1)])
def test_any_text_leads_to_a_page(text: str, page: int) -> None:
    assert Paging.of(text, 101, 50).page == page
    assert Paging.of(text, 0, 50).words == "none"


def test_values_are_short() -> None:
    assert [number(value) for value in (None, float("nan"), 94.387612, 5000, 1234567.8, 1e-7)] == [
        "–", "–", "94.3876", "5,000", "1,234,568", "1e-07",
    ]  # fmt: skip
    assert [duration(value) for value in (None, 0.000331, 3.21, 59.96, 130, 3700, 90000)] == [
        "–", "0.331 ms", "3.2 s", "1 min 00 s", "2 min 10 s", "1 h 01 min", "1 d 1 h",
    ]  # fmt: skip
    assert moment(1e300) == moment(0)
