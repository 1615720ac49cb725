"""What editors complete is what there is."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest

from bonag import names, roles
from bonag.api.ask_tell import OPTIONS
from bonag.api.options import AskTellOptions, RunOptions
from bonag.api.result_plot import WHAT
from bonag.generators.artifact import FAMILIES
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.score import ScoreGenerator
from bonag.generators.trained import CONDITIONAL
from loops.config import DEVICES
from loops.options import Option, run_options


@pytest.mark.parametrize(
    ("literal", "known"),
    [
        (names.SpaceName, roles.SPACES.built_in),
        (names.EvaluatorName, {name.rpartition(".")[2] for name in roles.EVALUATORS.built_in}),
        (names.ExecutorName, roles.EXECUTORS.built_in),
        (names.StrategyName, roles.STRATEGIES.built_in),
        (names.PredictorName, roles.PREDICTORS.built_in),
        (names.AcquisitionName, roles.ACQUISITIONS.built_in),
        (names.GeneratorName, roles.GENERATORS.built_in),
        (names.StopRuleName, roles.STOP_RULES.built_in),
        (names.DeviceName, DEVICES),
        (names.FamilyName, FAMILIES),
        (names.MethodName, (CONDITIONAL, *DiscreteGenerator.methods, *ScoreGenerator.methods)),
        (names.FigureName, WHAT),
    ],
)
def test_names_are_those_of_the_registries(literal: Any, known: Any) -> None:
    assert sorted(get_args(literal)) == sorted(known)


def test_the_options_of_a_run_are_declared_for_editors() -> None:
    assert set(get_type_hints(RunOptions)) | {"space"} == {one.name for one in run_options()}
    assert set(get_type_hints(AskTellOptions)) | {"space"} == set(OPTIONS)


@pytest.mark.parametrize("option", [one for one in run_options() if one.name != "space"], ids=lambda one: one.name)
def test_an_option_takes_what_is_declared(option: Option) -> None:
    declared = {kind for one in get_args(get_type_hints(RunOptions)[option.name]) for kind in get_args(one) or (one,)}
    kinds = {kind for kind in option.types if kind is not tuple}
    assert kinds <= declared | {type(None)}
