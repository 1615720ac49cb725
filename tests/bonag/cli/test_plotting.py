"""`bonag plot`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("tables")


def run(call: Call, name: str, *options: str, strategy: str = "random") -> None:
    settings = ("--evaluator", "table", "--strategy", strategy, "--budget", "12", "--name", name)
    assert call("run", "--space", "nb201", *settings, *options).status == 0


@pytest.mark.slow
def test_a_run_and_several_are_drawn(call: Call) -> None:
    run(call, "a")
    run(call, "b", "--seed", "1")
    run(call, "c", strategy="evolution")
    said = call("plot", "a", "-o", "one.svg", "--width", "5")
    assert (said.status, said.out) == (0, "wrote the progress of 1 run (12 trials) to one.svg\n")
    assert 'width="360pt"' in Path("one.svg").read_text()
    said = call("plot", "a", "b", "c", "-o", "all.pdf")
    assert said.out == "wrote the regret of 3 runs (36 trials) to all.pdf\n"
    assert Path("all.pdf").read_bytes().startswith(b"%PDF")
    assert call("plot", "a", "-o", "two.png", "--what", "pareto", "--x", "params").status == 0


@pytest.mark.slow
def test_bad_input_is_one_line_and_leaves_the_file_that_is_there(call: Call) -> None:
    run(call, "a")
    run(call, "b", "--task", "cifar100")
    run(call, "c", "--objective=-params")
    Path("old.svg").write_text("old")
    mistakes = [
        (("a", "-o", "old.gif"), "old.gif must end in one of .pdf, .png, .svg"),
        (
            ("a", "b", "-o", "old.svg"),
            "the runs measure different things: nb201 table cifar10, and nb201 table cifar100",
        ),
        (("a", "c", "-o", "old.svg"), "the runs have different objectives: accuracy, and -params"),
        (("a", "-o", "old.svg", "--what", "paretto"), "did you mean 'pareto'?"),
        (("a", "-o", "old.svg", "--what", "pareto", "--x", "latency_pixel4"), "did you mean 'latency_pixel3'?"),
        (("none", "-o", "old.svg"), "none"),
        (("a", "-o", "nowhere/new.svg"), "nowhere"),
    ]
    for arguments, message in mistakes:
        said = call("plot", *arguments)
        assert said.status == 2
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        assert message in said.err
    assert Path("old.svg").read_text() == "old"
    assert not [path for path in Path().iterdir() if path.suffix in (".gif", ".tmp", ".png")]
