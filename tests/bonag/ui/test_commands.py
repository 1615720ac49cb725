"""What to type is only said where it works."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bonag.ui.commands import resume_command, resume_words, run_command
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
    assert resume_command(config, "results/run") is None
    assert run_command(config) is None
    assert resume_words(config) == (
        "Its evaluator was a Python object, so a program goes on with it: bonag.resume(folder, evaluator=...)."
    )


def test_every_part_that_has_to_be_given_again_is_named() -> None:
    config = replace(CONFIG, evaluator="python:__main__.measure", strategy="python:__main__.Mine")
    words = resume_words(config)
    assert "evaluator and strategy were Python objects" in words
    assert "bonag.resume(folder, evaluator=..., strategy=...)" in words


def test_a_run_that_was_asked_and_told_goes_on_by_its_program() -> None:
    config = replace(CONFIG, budget=None)
    assert resume_command(config, "run") is None
    assert "asked and told" in resume_words(config)
