"""Work on something that grows is done one version at a time, with rests between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from starlette.exceptions import HTTPException

from bonag.ui.background import growing
from bonag.ui.background.growing import Growing, Standing, read_version, write_version
from bonag.ui.background.jobs import Jobs

PLACE = ("run", "page")


@pytest.fixture
def work() -> Iterator[Growing]:
    with closing(Jobs()) as jobs:
        yield Growing(jobs)


def until(ask: Callable[[], Standing], enough: Callable[[Standing], bool]) -> Standing:
    for _ in range(6000):
        shown = ask()
        if enough(shown):
            return shown
        time.sleep(0.02)
    raise AssertionError(f"still {shown}")


def test_the_first_result_is_waited_for_and_kept_until_a_newer_one_is_there(work, monkeypatch):
    first = work.ask(PLACE, (1, 0), sum, [1])
    assert first.result is None
    assert first.waits
    done = until(lambda: work.ask(PLACE, (1, 0), sum, [1]), lambda shown: not shown.behind)
    assert (done.version, done.result, done.job, done.waits) == ((1, 0), 1, None, False)
    # Just after that a newer version rests.
    rests = work.ask(PLACE, (2, 0), sum, [1, 1])
    assert (rests.version, rests.result, rests.job, rests.waits) == ((1, 0), 1, None, True)
    monkeypatch.setattr(growing, "LEAST_REST", 0.0)
    newer = until(lambda: work.ask(PLACE, (2, 0), sum, [1, 1]), lambda shown: not shown.behind)
    assert newer.result == 2
    assert work.result(PLACE, (1, 0)) == 1
    assert work.result(PLACE, (3, 0)) is None


def test_versions_that_come_meanwhile_do_not_queue_up(work):
    work.ask(PLACE, (0, 0), time.sleep, 0.4)
    for count in range(1, 6):
        assert work.ask(PLACE, (count, 0), time.sleep, 0.4).result is None
    shown = until(lambda: work.ask(PLACE, (6, 0), time.sleep, 0.4), lambda shown: shown.version is not None)
    assert shown.version == (0, 0)
    assert all(
        work.result(PLACE, (count, 0)) is None and work._jobs.known((*PLACE, (count, 0))) is None
        for count in range(1, 6)
    )


def test_what_failed_says_why_until_it_is_asked_for_again(work):
    failed = until(lambda: work.ask(PLACE, (1, 0), int, "x"), lambda shown: shown.job is not None and shown.job.over)
    assert failed.job is not None
    assert "invalid literal" in (failed.job.error or "")
    assert not failed.waits
    # Newer versions would most likely fail as well.
    assert work.ask(PLACE, (2, 0), int, "x").job == failed.job
    work.again(PLACE)
    good = until(lambda: work.ask(PLACE, (2, 0), int, "7"), lambda shown: shown.result is not None)
    assert good.result == 7


def test_versions_in_addresses():
    assert read_version(write_version((100, 4000000000))) == (100, 4000000000)
    for text in ("", "1", "1-", "-1", "a-b", "1-2-3", "١-٢", "9" * 60 + "-1"):
        with pytest.raises(HTTPException):
            read_version(text)
