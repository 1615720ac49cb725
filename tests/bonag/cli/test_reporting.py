"""`bonag report`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("tables")


def run(call: Call, name: str, *options: str) -> None:
    settings = ("--evaluator", "table", "--strategy", "random", "--budget", "12", "--name", name)
    assert call("run", "--space", "nb201", *settings, *options).status == 0


@pytest.mark.slow
def test_a_run_is_written_by_its_name_its_folder_and_out_of_several(call: Call) -> None:
    run(call, "a", "--objective", "accuracy", "--objective=-latency_pixel3", "--constraint", "params<=1e6")
    run(call, "b")
    for arguments, name in ((("a",), "a"), (("results/a",), "a"), (("results", "--name", "b"), "b")):
        said = call("report", *arguments, "-o", "one.html", "--no-predictor")
        assert said.status == 0
        assert re.fullmatch(rf"wrote the report of '{name}' \(12 trials, \d\.\d MB\) to one\.html\n", said.out)
        assert f"<title>{name} · bonag report</title>" in Path("one.html").read_text()


@pytest.mark.slow
def test_an_ax_snapshot_is_written_too(call: Call) -> None:
    run(call, "a")
    assert call("export", "a", "--format", "ax-json", "-o", "a.json").status == 0
    said = call("report", "a.json", "-o", "one.html", "--no-predictor")
    assert (said.status, "12 trials" in said.out) == (0, True)
    assert "An Ax experiment, of which there is no record of bonag" in Path("one.html").read_text()


@pytest.mark.slow
def test_bad_input_is_one_line_and_leaves_the_file_that_is_there(call: Call) -> None:
    run(call, "a")
    run(call, "b")
    Path("old.html").write_text("old")
    mistakes = [
        (("a", "-o", "old.pdf"), "old.pdf must end in one of .html, .htm"),
        (("a", "-o", "nowhere/new.html"), "cannot write 'nowhere/new.html'"),
        (("c", "-o", "old.html"), "no run 'c'"),
        (("results", "-o", "old.html"), "choose one by --name"),
        (("results", "--name", "c", "-o", "old.html"), "there is no experiment 'c'"),
        (("a", "--name", "b", "-o", "old.html"), "there is no experiment 'b'"),
        (("http://x", "-o", "old.html"), "a database's address begins with"),
    ]
    for arguments, message in mistakes:
        said = call("report", *arguments)
        assert said.status == 2
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        assert message in said.err
    assert Path("old.html").read_text() == "old"
    assert {path.name for path in Path().iterdir()} == {"old.html", "results"}
