"""Odd numbers, odd names and pipes: one line, exit status 2, and soon."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bonag.generators.artifact import shipped_path
from search_spaces import get_space

Call = Callable[..., Any]
RUN = ("run", "--space", "nb201", "--evaluator", "surrogate", "--strategy", "random", "--budget", "3", "--name", "mine")


def refused(said: Any, *parts: str) -> None:
    assert said.status == 2, said
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    for part in parts:
        assert part in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("generate", "--space", "nb201", "-n", "1000000000"), "n must be at least 1 and at most 1,000,000"),
        (("ui", "--host", "a..b"), "cannot listen on 'a..b': not the name of a host"),
        (("ui", "--host", "."), "cannot listen on '.'"),
        (("ui", "--host", "x" * 300), "cannot listen on 'xxx"),
        (("ui", "--host", "a b"), "cannot listen on 'a b'"),
        (("ui", "--host", "1.2.3.4.5"), "cannot listen on '1.2.3.4.5'"),
    ],
)
def test_odd_values_are_refused(arguments: tuple[str, ...], message: str, call: Call, elsewhere: Path) -> None:
    (elsewhere / "results").mkdir()
    refused(call(*arguments), message)


def test_sizes_that_no_computer_holds_are_refused(call: Call, elsewhere: Path) -> None:
    assert call(*RUN).status == 0
    export = ("export", "mine", "-o", "net", "--format")
    for count in ("100000000", "0", "-5"):
        refused(call(*export, "state-dict", "--num-classes", count), "classes must be at least 1 and at most 100,000")
    refused(call(*export, "onnx", "--image-size", "100000000"), "images must be at most 4,096 pixels")
    assert not (elsewhere / "net").exists()
    assert call("best", "mine", "-k", "1000000000").out.count("trial ") == 3


@pytest.mark.parametrize("command", ["status", "resume", "report -o x.html"])
@pytest.mark.parametrize("name", ["config.json", "record.db", "lock"])
def test_a_pipe_in_a_run_is_not_waited_for(command: str, name: str, call: Call, elsewhere: Path) -> None:
    assert call(*RUN).status == 0
    (elsewhere / "results" / "mine" / name).unlink()
    os.mkfifo(elsewhere / "results" / "mine" / name)
    first, *more = command.split()
    refused(call(first, "results/mine", *more), name, "it is a pipe")


def test_a_pipe_is_no_generator(call: Call, elsewhere: Path) -> None:
    for name in ("pipe", "pipe.safetensors"):
        os.mkfifo(elsewhere / name)
        refused(call("generate", "--space", "nb201", "-n", "3", "--generator", name), name, "it is a pipe")
        refused(call(*RUN, "--strategy", "bonag", "--generator", name), name, "it is a pipe")
    refused(call("ui", "pipe"), "pipe")
    assert not (elsewhere / "results").exists()


def test_a_damaged_generator_starts_no_run(call: Call, elsewhere: Path) -> None:
    broken = elsewhere / "broken.safetensors"
    shutil.copy(shipped_path(get_space("nb201")), broken)
    content = bytearray(broken.read_bytes())
    content[-64:] = b"\xff" * 64
    broken.write_bytes(content)
    refused(call(*RUN, "--strategy", "bonag", "--generator", broken), "broken.safetensors", "not finite")
    assert not (elsewhere / "results").exists()
