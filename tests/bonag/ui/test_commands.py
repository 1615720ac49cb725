"""What to type is only said where it works."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bonag.ui.commands import resume_command, run_command
from loops.config import RunConfig

CONFIG = RunConfig(name="run", space="nb201", evaluator="surrogate", budget=20, strategy="random")


def test_a_run_of_parts_that_have_names_is_resumed_from_the_command_line() -> None:
    for evaluator in ("surrogate", "mine.training:measure"):
        config = replace(CONFIG, evaluator=evaluator)
        assert resume_command(config, "results/my run") == "bonag resume 'results/my run'"
        assert f"--evaluator {evaluator}" in (run_command(config) or "")


@pytest.mark.parametrize("evaluator", ["python:__main__.measure", "measure"])
def test_a_run_of_python_objects_is_resumed_where_they_are(evaluator: str) -> None:
    config = replace(CONFIG, evaluator=evaluator)
    assert resume_command(config, "results/run") == "bonag.resume('results/run', evaluator=...)"
    assert run_command(config) is None


def test_every_part_that_has_to_be_given_again_is_named() -> None:
    config = replace(CONFIG, evaluator="python:__main__.measure", strategy="python:__main__.Mine")
    assert resume_command(config, "run") == "bonag.resume('run', evaluator=..., strategy=...)"


def test_a_run_that_was_asked_and_told_goes_on_by_its_program() -> None:
    assert resume_command(replace(CONFIG, budget=None), "run") is None
