"""Whatever an evaluation raises, there is one line that says what happened and that any record can hold."""

from __future__ import annotations

import itertools
import multiprocessing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonag.executors.failure import LONGEST, UNKNOWN, failure_line, storable


class Silent(Exception):
    def __str__(self) -> str:
        raise TypeError("no words")


class Leaving(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class Renamed(type):
    @property
    def __name__(cls) -> object:  # type: ignore[override]
        return 3


class Masked(Exception, metaclass=Renamed):
    pass


def chained(*errors: BaseException) -> BaseException:
    for later, earlier in itertools.pairwise(errors):
        later.__cause__ = earlier
    return errors[0]


def circle() -> BaseException:
    error = ValueError("round")
    return chained(error, TypeError("and"), error)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("\x1b[31mred\x1b[0m \x1b]0;title\x07and \x1b[1;4mbold\x1b[m"), "ValueError: red and bold"),
        (ValueError("\ud800, nothing \x00, bell \x07"), "ValueError: ?, nothing ?, bell ?".replace("?", UNKNOWN)),
        (ValueError("\n \n  first \r\nsecond"), "ValueError: first"),
        (ValueError("tab\there"), "ValueError: tab\there"),
        (Silent(), "Silent: (what it says cannot be told: TypeError)"),
        (Leaving(), "Leaving: (what it says cannot be told: SystemExit)"),
        (Masked("seen"), "Masked: seen"),
        (type("Odd\nna\x01me", (Exception,), {})("x"), f"Odd na{UNKNOWN}me: x"),
        (type("", (Exception,), {})("x"), "Exception: x"),
        (chained(RuntimeError("wrapped"), KeyError("k")), "RuntimeError: wrapped (from KeyError: 'k')"),
        (chained(RuntimeError("a"), OSError("b"), TypeError("c")), "RuntimeError: a (from TypeError: c)"),
        (circle(), "ValueError: round (from TypeError: and)"),
    ],
)  # fmt: skip
def test_one_line(error: BaseException, line: str) -> None:
    assert failure_line(error) == line


def test_a_long_story_is_cut_and_its_cause_stays() -> None:
    line = failure_line(chained(RuntimeError("x" * 10_000), ValueError("why")))
    assert len(line) <= LONGEST
    assert line.endswith("(from ValueError: why)")
    assert len(failure_line(type("N" * 1000, (Exception,), {})("x" * 1000))) == LONGEST


def test_the_traceback_that_a_process_pool_carries_over_is_no_cause() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool, pytest.raises(ValueError, match="invalid") as caught:
        pool.apply(int, ("x",))
    assert caught.value.__cause__ is not None
    assert failure_line(caught.value) == "ValueError: invalid literal for int() with base 10: 'x'"


@given(st.text(st.characters()), st.integers(1, 50))
def test_what_is_storable_can_be_stored(text: str, longest: int) -> None:
    kept = storable(text, longest)
    kept.encode("utf-8")
    assert len(kept) <= longest
    assert "\0" not in kept
    assert "\x1b" not in kept
    assert storable(kept, longest) == kept


def test_lines_stay_lines() -> None:
    assert storable("one\r\ntwo\n\tthree") == "one\ntwo\n\tthree"
