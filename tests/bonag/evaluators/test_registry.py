"""Evaluators are found by name and task, and a wrong one gets one line that says what would be right."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from bonag.evaluators import evaluator_names, make_evaluator, task_names
from bonag.roles import EVALUATORS
from bonag.running_trial import RunningTrial
from loops.objective import Objective
from search_spaces import SearchSpace, get_space, registry
from search_spaces.errors import UserError


class ElsewhereEvaluator:
    metrics = ("accuracy",)
    description = "From another package."

    def __init__(self, task: str) -> None:
        self.name, self.task = "elsewhere", task

    def evaluate(self, architecture: object, seed: int) -> dict[str, float]:
        return {"accuracy": 1.0}


def elsewhere_task_names(data_dir: Path | None) -> list[str]:
    return ["one", "two"]


def measure(architecture: object) -> float:
    return 3.0


class Elsewhere:
    """What another package's entry point leads to."""

    task_names = staticmethod(elsewhere_task_names)

    @staticmethod
    def make(space: SearchSpace, task: str, data_dir: Path | None) -> ElsewhereEvaluator:
        return ElsewhereEvaluator(task)


@pytest.fixture
def entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """This module as a package that offers evaluators."""
    (group,) = EVALUATORS.groups
    found = {"mbv3.elsewhere": "Elsewhere", "mbv3.broken": "NotThere", "measure": "measure"}
    points = [EntryPoint(name, f"{__name__}:{attribute}", group) for name, attribute in found.items()]

    monkeypatch.setattr(registry, "entry_points", lambda group: points if group in EVALUATORS.groups else [])


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_names_and_the_default_first() -> None:
    assert evaluator_names("nb201") == ["surrogate", "table", "train"]
    assert evaluator_names("mbv3") == ["surrogate", "predictor", "supernet", "train"]
    assert evaluator_names("nowhere") == ["train"]


def test_tasks(data_dir: Path) -> None:
    assert task_names("nb201", "table", data_dir)[:2] == ["cifar10", "cifar100"]
    assert task_names("mbv3", "predictor") == [f"imagenet{size}" for size in (224, 208, 192, 176, 160, 144, 128)]


@pytest.mark.slow
def test_what_was_made_says_what_it_is(data_dir: Path) -> None:
    evaluator = make_evaluator(get_space("nb201"), "table", "cifar100", data_dir)
    assert (evaluator.name, evaluator.task) == ("table", "cifar100")
    assert make_evaluator(get_space("nb201"), "table", data_dir=data_dir).task == "cifar10"


def test_unknown_evaluator() -> None:
    with pytest.raises(UserError) as error:
        make_evaluator(get_space("nb201"), "tabel")
    assert "no evaluator 'tabel': did you mean 'table'?" in one_line(error)
    for way in ("--evaluator module:function", "evaluator=function", "'nb201.NAME' of the group 'bonag.evaluators'"):
        assert way in one_line(error)


def test_unknown_task(data_dir: Path) -> None:
    with pytest.raises(UserError) as error:
        make_evaluator(get_space("nb201"), "table", "cifar1000", data_dir)
    assert "no task 'cifar1000': did you mean 'cifar100'?" in one_line(error)
    with pytest.raises(UserError) as error:
        make_evaluator(get_space("mbv3"), "predictor", "imagenet223")
    assert "no task 'imagenet223': did you mean 'imagenet224'?" in one_line(error)


def test_a_space_without_evaluators_names_the_ways_out() -> None:
    with pytest.raises(UserError) as error:
        task_names("mine")
    for way in (
        "--evaluator train",
        "--evaluator module:function",
        "bonag.search(evaluator=function)",
        "'mine.NAME' of the group",
    ):
        assert way in one_line(error)


@pytest.mark.usefixtures("entry_point")
def test_another_package_adds_an_evaluator() -> None:
    assert evaluator_names("mbv3") == ["surrogate", "predictor", "supernet", "broken", "elsewhere", "train", "measure"]
    assert make_evaluator(get_space("mbv3"), "elsewhere").task == "one"
    assert make_evaluator(get_space("mbv3"), "elsewhere", "two").task == "two"


@pytest.mark.usefixtures("entry_point")
def test_an_entry_point_that_does_not_load_is_named() -> None:
    with pytest.raises(UserError) as error:
        make_evaluator(get_space("mbv3"), "broken")
    assert "evaluator 'mbv3.broken' cannot be loaded from" in one_line(error)


@pytest.mark.usefixtures("entry_point")
def test_one_of_any_space_is_found_after_those_of_the_space_and_is_no_default() -> None:
    assert evaluator_names("nb201") == ["surrogate", "table", "train", "measure"]
    assert task_names("nb201", "measure") == []
    space = get_space("nb201")
    evaluator = make_evaluator(space, "measure", objective=Objective.parse("accuracy", ["params<=1e6"]))
    assert (evaluator.name, evaluator.metrics) == ("measure", ("accuracy", "params"))
    [architecture] = space.sample(1, np.random.default_rng(0))
    assert evaluator.evaluate(architecture, RunningTrial()) == {
        "accuracy": 3.0,
        "params": space.costs(architecture).params,
    }
    with pytest.raises(UserError) as error:
        task_names("mine")
    assert "has no evaluator" in one_line(error)


def test_a_function_an_evaluator_and_what_makes_one_are_evaluators_too() -> None:
    space = get_space("nb201")
    assert make_evaluator(space, measure, objective=Objective.parse("accuracy")).metrics == ("accuracy",)
    ready = ElsewhereEvaluator("one")
    assert make_evaluator(space, ready) is ready
    assert make_evaluator(space, lambda space: ElsewhereEvaluator(space.name)).task == "nb201"
    assert make_evaluator(space, Elsewhere, "two").task == "two"


def test_what_is_not_measured_is_refused_unless_it_is_counted() -> None:
    with pytest.raises(UserError) as error:
        make_evaluator(get_space("nb201"), objective=Objective.parse("accurracy"))
    assert "evaluator 'surrogate' of space 'nb201' measures no 'accurracy': did you mean 'accuracy'?" in one_line(error)
    with pytest.raises(UserError) as error:
        make_evaluator(get_space("nb201"), ElsewhereEvaluator("one"), objective=Objective.parse("-latency"))
    assert "measures no 'latency': choose from accuracy, params, macs" in one_line(error)


def test_importing_the_evaluators_is_light() -> None:
    code = (
        "import sys, bonag.evaluators as e; e.evaluator_names('mbv3'); "
        "print([m for m in ('torch', 'pandas', 'pyarrow', 'ax', 'safetensors') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# Their data is not in the folder of tables, or of a part of the space: the tests of each write files of its form.
WRITTEN_BY_THEIR_TESTS = {("nb101", "table"), ("darts", "nasbench301"), ("nbgraph", "table"), ("nlp", "table")}
# It has no tasks, and takes seconds: its tests are its own.
TRAINS = "train"


@pytest.mark.slow
def test_every_built_in_evaluator_keeps_the_protocol(data_dir: Path) -> None:
    for space_name in {name.partition(".")[0] for name in EVALUATORS.built_in if "." in name}:
        space = get_space(space_name)
        architectures = space.sample(5, np.random.default_rng(0))
        for name in evaluator_names(space_name):
            if (space_name, name) in WRITTEN_BY_THEIR_TESTS or name == TRAINS:
                continue
            for task in task_names(space_name, name, data_dir):
                evaluator = make_evaluator(space, name, task, data_dir)
                assert (evaluator.name, evaluator.task) == (name, task)
                assert "\n" not in evaluator.description
                for architecture in architectures:
                    metrics = evaluator.evaluate(architecture, RunningTrial(seed=7))
                    assert metrics == evaluator.evaluate(architecture, RunningTrial(seed=8))
                    assert set(evaluator.metrics) <= set(metrics)
                    assert all(type(value) is float and np.isfinite(value) for value in metrics.values())
