from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loops.config import FORMAT, MOST, RunConfig
from loops.config_json import ADDED, config_from_json, config_to_json
from search_spaces.errors import UserError

CONFIG = RunConfig(name="a", space="nb201", evaluator="table", task="cifar10")
WRITTEN = json.loads(config_to_json(CONFIG))


@given(
    st.builds(
        RunConfig,
        name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True),
        space=st.text(),
        evaluator=st.text(),
        task=st.none() | st.text(),
        objective=st.sampled_from(["accuracy", "-latency_pixel3", "val.acc", "cifar10-valid", ("accuracy", "-macs")]),
        constraints=st.sampled_from([(), ["params<=1e6"], ("params<=1e6", "accuracy>=90.5")]),
        budget=st.none() | st.integers(1, MOST),
        strategy=st.text(),
        seed=st.integers(0),
        batch_size=st.integers(1, MOST),
        workers=st.integers(1, 4096),
        trial_timeout=st.sampled_from([None, "90s", "1.5h"]),
        hours=st.none() | st.floats(0, 1e6) | st.integers(0, 1000),
        target=st.sampled_from([None]),
        known=st.lists(st.text(), max_size=2),
        device=st.sampled_from(["auto", "cpu", "cuda"]),
        executor=st.text(),
        max_failures=st.integers(1, MOST),
        threads=st.integers(1, 4096),
        record=st.none() | st.text(),
        data=st.none() | st.text(),
        dataset=st.none() | st.text(),
        preset=st.none() | st.text(),
        hyperparameters=st.sampled_from([(), ("epochs=3", "ema=0.9")]),
        supernet=st.none() | st.text(),
        imagenet=st.none() | st.text(),
        images=st.none() | st.integers(1, MOST),
        bonag=st.text(),
    )
)
def test_every_configuration_survives_its_file(config: RunConfig) -> None:
    assert config_from_json(config_to_json(config)) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"budget": 0}, "budget must be at least 1, got 0"),
        ({"budget": -5}, "budget must be at least 1, got -5"),
        ({"budget": True}, "budget must be a whole number or null, got True"),
        ({"budget": 1.5}, "budget must be a whole number or null, got 1.5"),
        ({"budget": 10**10}, "budget must be at most 1,000,000,000, got 10000000000"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"trial_timeout": "2 hours"}, "trial_timeout must be a time like 90s, 30m or 2h, got '2 hours'"),
        ({"hours": "two"}, "hours must be a number or null, got 'two'"),
        ({"target": "94"}, "target '94' must be like accuracy=VALUE"),
        ({"target": "accuracy=high"}, "target 'accuracy=high' must be like accuracy=VALUE, with a number"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"seed": None}, "seed must be a whole number, got None"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"max_failures": 0}, "max_failures must be at least 1, got 0"),
        ({"space": 3}, "space must be a string, got 3"),
        ({"device": "gpu"}, "unknown device 'gpu': did you mean 'cpu'?"),
        ({"objective": "two words"}, "objective 'two words' is not a metric name"),
        ({"objective": "--x"}, "objective '--x' is not a metric name"),
        ({"objective": []}, "an objective needs a metric"),
        ({"objective": ["a", "b", "-a"]}, "metric 'a' is an objective more than once"),
        ({"objective": 3}, "objective must be a string or a list of strings, got 3"),
        ({"objective": ["a", 3]}, "objective must be a string or a list of strings, got ['a', 3]"),
        ({"constraints": "params<=1e6"}, "constraints must be a list of strings, got 'params<=1e6'"),
        ({"constraints": ["params=1e6"]}, "constraint 'params=1e6' is not a metric with <= or >="),
        ({"constraints": ["a<=1", "a>=2"]}, "nothing can meet both 'a>=2' and 'a<=1'"),
        ({"name": "../escape"}, "cannot name a run"),
        ({"name": ".hidden"}, "cannot name a run"),
        ({"name": ""}, "cannot name a run"),
        ({"name": "a" * 101}, "cannot name a run"),
        ({"format": FORMAT + 1}, f"format {FORMAT + 1} is unknown"),
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=r"^[^\n]*$") as refused:
        replace(CONFIG, **values)  # type: ignore[arg-type]
    assert message in str(refused.value)
    with pytest.raises(UserError) as refused:
        config_from_json(json.dumps(WRITTEN | values))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1]", "not a JSON object but list"),
        (
            json.dumps(WRITTEN | {"bugdet": 3}),
            "unknown key 'bugdet': did you mean 'budget'?",
        ),
        (
            json.dumps({k: v for k, v in WRITTEN.items() if k != "seed"}),
            "key 'seed' is missing",
        ),
        (json.dumps({"format": "two"}), "format 'two' is unknown"),
    ],
)
def test_files_that_are_no_configuration_are_refused(text: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        config_from_json(text)
    assert message in str(refused.value)


def values_without(*formats: int) -> dict[str, object]:
    """The configuration as a file had it before these formats."""
    later = {name for number in formats for name in ADDED[number]}
    return {name: value for name, value in WRITTEN.items() if name not in later}


def test_a_file_of_the_first_format_is_read() -> None:
    assert config_from_json(json.dumps(values_without(7) | {"format": 6})) == CONFIG
    assert config_from_json(json.dumps(values_without(6, 7) | {"format": 5})) == CONFIG
    assert config_from_json(json.dumps(values_without(5, 6, 7) | {"format": 4})) == CONFIG
    values = values_without(4, 5, 6, 7)
    assert config_from_json(json.dumps(values | {"format": 3})) == CONFIG
    del values["generator"]
    assert config_from_json(json.dumps(values | {"format": 2})) == CONFIG
    del values["constraints"]
    assert config_from_json(json.dumps(values | {"format": 1})) == CONFIG
    with pytest.raises(UserError, match="unknown key 'constraints'"):
        config_from_json(json.dumps(values | {"format": 1, "constraints": []}))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("latency_pixel3", "+latency_pixel3"),
        (["accuracy", "macs"], ("accuracy", "+macs")),
        ("-macs", "-macs"),
        ("+macs", "+macs"),
        ("accuracy", "accuracy"),
    ],
)
def test_an_earlier_file_in_which_a_cost_was_maximised_without_a_sign_is_read(written: object, read: object) -> None:
    config = config_from_json(json.dumps(WRITTEN | {"objective": written}))
    assert config.objective == read
    if written in ("latency_pixel3", ["accuracy", "macs"]):
        with pytest.raises(UserError, match="would be maximised, and it is a cost"):
            replace(CONFIG, objective=written)  # type: ignore[arg-type]
    assert config_from_json(config_to_json(config)) == config


def test_a_batch_that_ray_evaluated_at_once_still_is() -> None:
    values = values_without(4, 5, 6, 7)
    read = config_from_json(json.dumps(values | {"format": 3, "executor": "ray", "batch_size": 8}))
    assert (read.workers, read.batch_size) == (8, 8)


def test_a_list_of_one_goal_is_that_goal() -> None:
    assert replace(CONFIG, objective=["accuracy"]) == CONFIG  # type: ignore[arg-type]


def test_the_difference_of_two_configurations_is_named() -> None:
    assert CONFIG.difference(CONFIG) is None
    assert CONFIG.difference(replace(CONFIG, seed=4)) == "seed is 0 in one and 4 in the other"
    assert CONFIG.difference(replace(CONFIG, budget=4, workers=3, hours=2.0)) is None, "a resumed run may have others"
