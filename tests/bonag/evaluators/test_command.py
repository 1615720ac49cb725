"""Commands as evaluators."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import bonag
from bonag.evaluators.command import CommandEvaluator
from bonag.running_trial import RunningTrial
from search_spaces import get_space
from search_spaces.errors import UserError

CELL = get_space("nb201").sample(1, np.random.default_rng(0))[0]


def script(place: Path, text: str) -> str:
    """The command that runs a Python script on {architecture} and {out}."""
    path = place / "my script.py"
    path.write_text("import json, os, signal, sys, time\narchitecture, out = sys.argv[1:3]\n" + text)
    return f"{sys.executable} '{path}' {{architecture}} {{out}}"


def test_a_command_gives_the_metrics_of_its_last_line_and_reports_what_has_a_step(tmp_path: Path) -> None:
    command = script(
        tmp_path,
        "with open(out, 'w') as file:\n"
        "    for step in range(3):\n"
        "        print(json.dumps({'step': step + 1, 'accuracy': 10.0 * step}), file=file, flush=True)\n"
        "    print(json.dumps({'accuracy': len(architecture), 'argument': len(sys.argv)}), end='', file=file)\n",
    )
    said: list[tuple[int, object]] = []

    def tell(step: int, metrics: object) -> bool:
        said.append((step, metrics))
        return True

    trial = RunningTrial(4, 5, folder=tmp_path / "trial", tell=tell)
    found = CommandEvaluator(command, ("accuracy",)).evaluate(CELL, trial)
    assert found == {"accuracy": len(str(CELL)), "argument": 3}
    assert said == [(step + 1, {"accuracy": 10.0 * step}) for step in range(3)]


def test_nothing_of_an_architecture_is_read_by_a_shell(tmp_path: Path) -> None:
    text = "same = sys.argv[3] == '$(id); `id` {x}'\nopen(out, 'w').write(json.dumps({'n': float(same)}))"
    command = script(tmp_path, text)
    found = CommandEvaluator(command + " '$(id); `id` {{x}}'", ("accuracy",)).evaluate(CELL, RunningTrial())
    assert found["n"] == 1.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sys.exit(3)", "the command ended with status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "the command died of SIGKILL"),
        ("pass", "the command wrote no metrics to"),
        ("open(out, 'w').write('accuracy 93')", "Expecting value"),
        ("open(out, 'w').write('[1]')", "has a line that is no JSON object"),
    ],
)
def test_what_goes_wrong_is_said(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises((RuntimeError, ValueError), match=reason):
        CommandEvaluator(script(tmp_path, text), ("accuracy",)).evaluate(CELL, RunningTrial())


def test_a_command_is_asked_to_end_early(tmp_path: Path) -> None:
    text = (
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "with open(out, 'w') as file:\n"
        "    print(json.dumps({'step': 1, 'accuracy': 1.0}), file=file, flush=True)\n"
        "    time.sleep(100)\n"
    )
    trial = RunningTrial(folder=tmp_path / "trial", tell=lambda step, metrics: False)
    start = time.monotonic()
    assert CommandEvaluator(script(tmp_path, text), ("accuracy",)).evaluate(CELL, trial) == {"accuracy": 1.0}
    assert time.monotonic() - start < 20
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "no command: write exec:PROGRAM"),
        ("python 'train.py", "cannot be split: No closing quotation"),
        ("python train.py {out}", "the command lacks {architecture}"),
        ("python train.py {architecture}", "the command lacks {out}"),
        ("train {architecture} {out} {sede}", "the command has '{sede}': did you mean 'seed'?"),
        ("train {architecture} {out} {", "cannot be split"),
    ],
)
def test_a_command_that_makes_no_sense_is_one_line(command: str, message: str) -> None:
    with pytest.raises(UserError, match=r"^[^\n]*$") as refused:
        CommandEvaluator(command, ("accuracy",))
    assert message in str(refused.value)


@pytest.mark.slow
def test_a_run_whose_evaluator_is_a_command(tmp_path: Path) -> None:
    command = script(tmp_path, "open(out, 'w').write(json.dumps({'accuracy': sum(map(ord, architecture)) % 97}))")
    result = bonag.search(
        space="nb201", evaluator=f"exec:{command}", strategy="random", budget=3, workers=2, out=tmp_path, name="r"
    )
    assert [trial.metrics["accuracy"] for trial in result.history] == [
        float(sum(map(ord, str(trial.architecture))) % 97) for trial in result.history
    ]
    assert "Values that a command wrote" in result.description
