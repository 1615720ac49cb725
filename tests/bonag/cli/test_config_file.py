from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import bonag
from bonag.cli.config_file import options_text, read_options
from loops.config import RunConfig
from loops.options import run_options
from search_spaces.errors import UserError

# Each option with another value than its default.
ALL = RunConfig(
    name="all",
    space="my_space:Chain",
    evaluator="exec:python train.py --arch {architecture} --out {out}",
    task="no",
    objective=("accuracy", "-latency_pixel3"),
    constraints=("params<=1e6", "macs<=3e8"),
    budget=7,
    strategy="evolution",
    acquisition="ucb",
    predictor="ensemble",
    seed=3,
    batch_size=2,
    workers=4,
    device="cuda",
    executor="ray",
    trial_timeout="1.5h",
    max_attempts=3,
    cpus_per_trial=2,
    gpus_per_trial=0.5,
    stop_early="asha",
    hours=2.0,
    target="accuracy=94",
    patience=30,
    known=("known.csv", "earlier"),
    tries=("|skip_connect~0|", "ümlaut: #"),
    max_failures=5,
    record_patience="30s",
    threads=2,
    record="postgresql://user@host/database",
    data="/data: here",
    generator="mine.safetensors",
    dataset="fashion-mnist",
    preset="nb201",
    hyperparameters=("epochs=30",),
    supernet="ofa.pth",
    imagenet="imagenet",
    images=5000,
    transfer=("earlier", "table:nb201/cifar10"),
    fingerprint="none",
)


def write(text: str) -> Path:
    Path("run.yaml").write_text(text)
    return Path("run.yaml")


def test_every_option_comes_back_from_the_file() -> None:
    left = {"name", "out"}
    values = yaml.safe_load(options_text(ALL))
    assert set(values) == {option.name for option in run_options()} - left
    for option in run_options():
        assert option.name in left or getattr(ALL, option.name) != option.default, option.name
    read = read_options(write(options_text(ALL)))
    assert RunConfig(name="all", **read) == ALL  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_run_is_repeated_by_what_status_writes(call: Callable) -> None:  # type: ignore[type-arg]
    options = ("--space", "nb201", "--strategy", "evolution", "--budget", "25", "--seed", "4")
    call("run", *options, "--constraint", "macs<=1e8", "--name", "one", "--out", "elsewhere")
    write(call("status", "elsewhere/one", "--yaml").out)
    assert call("run", "--config", "run.yaml", "--name", "two").status == 0
    one, two = bonag.load("elsewhere/one"), bonag.load("two")
    assert [trial.architecture for trial in two.history] == [trial.architecture for trial in one.history]
    assert replace(two.config, name="one") == one.config


def test_the_command_line_wins_over_the_file(call: Callable) -> None:  # type: ignore[type-arg]
    write("space: nb201\nstrategy: random\nbudget: 9\nseed: 8\nobjective: [accuracy]\nname: told\n")
    assert call("run", "--config", "run.yaml", "--budget", "3", "--seed", "0").status == 0
    config = bonag.load("told").config
    # Also where what is given is the default.
    assert (config.budget, config.seed, config.strategy) == (3, 0, "random")
    rows = list(csv.DictReader(io.StringIO(call("trials", "told", "--csv").out)))
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("budgt: 3", "run.yaml: unknown option 'budgt': did you mean 'budget'?"),
        ("batch-size: 3", "did you mean 'batch_size'?"),
        ("budget: '3'", "run.yaml: budget must be a whole number or null, got '3'"),
        ("seed: true", "seed must be a whole number, got True"),
        ("out: 3", "out must be a string, got 3"),
        ("constraints: macs<=1e8", "constraints must be a list of strings, got 'macs<=1e8'"),
        ("constraints: [1]", "constraints must be a list of strings, got [1]"),
        ("data: 2026-01-01", "data must be a string or null"),
        ("space: nb201\nbudget: 0", "budget must be at least 1, got 0"),
        ("- space", "run.yaml must hold names of options and their values, as in 'budget: 100'"),
        ("a: [", "run.yaml is no YAML: while parsing"),
        ("a: !!python/object/apply:os.getcwd []", "run.yaml is no YAML: could not determine a constructor"),
        ("budget: 3", "Missing option '--space'"),
        ("", "Missing option '--space'"),
    ],
)
def test_a_wrong_file_gets_one_line(call: Callable, text: str, words: str) -> None:  # type: ignore[type-arg]
    said = call("run", "--config", write(text))
    assert said.status == 2
    assert said.err.startswith("error: ")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not Path("results").exists()


def test_what_is_no_file_gets_one_line(call: Callable) -> None:  # type: ignore[type-arg]
    assert "nowhere.yaml cannot be read: No such file" in call("run", "--config", "nowhere.yaml").err
    assert "is no file with options of a run" in call("run", "--config", ".").err


def test_a_run_of_python_objects_is_not_written(call: Callable) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError, match="'lambda' was made by a Python program, which alone can repeat it: evaluator"):
        options_text(replace(ALL, name="lambda", evaluator="python:<lambda>"))


def test_json_and_yaml_exclude_each_other(call: Callable) -> None:  # type: ignore[type-arg]
    for both in (("--json", "--yaml"), ("--yaml", "--about")):
        assert (
            "choose one of --json (how the run stands), --yaml (which repeats it)" in call("status", "one", *both).err
        )
