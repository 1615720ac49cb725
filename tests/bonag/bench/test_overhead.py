"""What bonag itself costs is measured on real processes and real proposals."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bonag.bench import overhead
from loops.history import History
from loops.strategies import RandomSearch
from search_spaces import get_space

# In a process of its own, for what a process starts is charged with the memory of its parent.
MEASURED = """
import json, sys
from bonag.bench.overhead import _process

def figures(code):
    return _process([sys.executable, "-S", "-c", code])

print(json.dumps([figures("import time; room = bytearray(600 * 2**20); time.sleep(0.5)"), figures("pass")]))
"""


@pytest.mark.alone
@pytest.mark.slow
def test_a_process_is_measured_by_itself() -> None:
    said = subprocess.run([sys.executable, "-c", MEASURED], check=True, capture_output=True, text=True)
    (large_seconds, large), (small_seconds, small) = json.loads(said.stdout)
    assert 600 < large < 700
    # The one before it does not count.
    assert small < 400
    assert large_seconds >= 0.5
    assert 0 < small_seconds < large_seconds


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        overhead._process([sys.executable, "-c", "import sys; sys.exit(3)"])
    assert failed.value.returncode == 3


@pytest.mark.parametrize("space", ["nb201", pytest.param("mbv3", marks=pytest.mark.slow)])
def test_proposals_are_timed_on_a_history_that_grows(space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths, proposed = [], []

    def watched(*arguments: Any, **options: Any) -> Any:
        strategy = make(*arguments, **options)
        assert strategy.name == "bonag"

        class Watched:
            def propose(self, history: History, n: int, rng: Any) -> Any:
                lengths.append((len(history), len(history.seen), len(history.completed)))
                proposals = strategy.propose(history, n, rng)
                assert not {proposal.architecture for proposal in proposals} & history.seen
                proposed.extend(proposal.provenance["origin"] for proposal in proposals)
                return proposals

        return Watched()

    make: Callable[..., Any] = overhead.make_strategy
    monkeypatch.setattr(overhead, "make_strategy", watched)
    seconds = overhead.proposal_seconds(space, trials=20, repeats=2)
    assert seconds > 0
    assert lengths == [(20, 20, 20), (21, 21, 21), (22, 22, 22)]
    lengths.clear()
    # While seven more run.
    assert overhead.proposal_seconds(space, trials=20, repeats=1, pending=7) > 0
    assert lengths == [(27, 27, 20), (28, 28, 21)]
    assert proposed == ["guided"] * 5


@pytest.mark.slow
def test_proposals_are_timed_with_similar_tasks_in_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = []

    def watched(*arguments: Any, sources: Any) -> Any:
        strategy = make(*arguments, sources=sources)

        class Watched:
            def propose(self, history: History, n: int, rng: Any) -> Any:
                proposals = strategy.propose(history, n, rng)
                trusted.append(proposals[0].provenance["sources"])
                return proposals

        return Watched()

    make: Callable[..., Any] = overhead.make_strategy
    monkeypatch.setattr(overhead, "make_strategy", watched)
    assert overhead.proposal_seconds("nb201", trials=20, repeats=1, sources=2) > 0
    assert [set(one) for one in trusted] == [{"task 0", "task 1"}] * 2
    assert sum(trusted[0].values()) > 0.5


def test_the_history_has_as_many_trials_as_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # A thousand draws from nb201 hold some cells twice.
    lengths = []

    class Counting:
        def propose(self, history: History, n: int, rng: Any) -> Any:
            lengths.append(len(history))
            return RandomSearch(get_space("nb201")).propose(history, n, rng)

    monkeypatch.setattr(overhead, "make_strategy", lambda *arguments, **options: Counting())
    overhead.proposal_seconds("nb201", trials=1000, repeats=1)
    assert lengths == [1000, 1001]


def test_a_missing_folder_is_said_before_anything_is_measured(call: Callable[..., Any], tmp_path: Path) -> None:
    said = call("bench", "overhead", "-o", "nowhere/figures.csv")
    assert said.status == 2
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert "there is no folder" in said.err
    assert not list(tmp_path.iterdir())


@pytest.mark.alone
@pytest.mark.slow
def test_every_promise_on_speed_and_size_has_its_figure() -> None:
    figures = overhead.measure(repeats=1, sizes=(20, 40)).set_index("what")
    assert list(figures.unit) == ["s", "s", "MB", *["s", "s", "x", "s", "x"] * 2]
    assert (figures.value > 0).all()
    ratio = (
        figures.value["proposal, nb201, after 40 trials, median"]
        / figures.value["proposal, nb201, after 20 trials, median"]
    )
    assert figures.value["proposal, nb201, 40 trials against 20"] == pytest.approx(ratio)
