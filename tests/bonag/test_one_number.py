"""One number a trial: what is counted, drawn, shown and exported of a trial is the network that was evaluated."""

from __future__ import annotations

import csv
import io
import re
from contextlib import closing

import pytest
from safetensors import safe_open
from starlette.testclient import TestClient

import bonag
import bonag.cli
from bonag.api.ask_tell import AskTell
from bonag.api.result import Result
from bonag.record import create_record
from bonag.training.weights import read_trained
from bonag.ui.app import create_app
from bonag.ui.background.jobs import Jobs
from bonag.ui.report import page
from bonag.ui.sources import open_source
from loops.config import RunConfig
from search_spaces import Architecture, NetworkSize, get_space
from search_spaces.counting import network_costs
from search_spaces.errors import UserError

SMALL = ("epochs=1", "images=64", "validation_images=32")


@pytest.fixture(scope="module")
def mobile(tmp_path_factory) -> Result:
    """A run at 192 pixels in which costs are bounded."""
    return bonag.search(
        "mbv3", task="imagenet192", strategy="random", constraints=["macs<=3e8"], budget=12, seed=1, name="mobile",
        out=str(tmp_path_factory.mktemp("results")),
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Result:
    """A run that trains small networks on small images."""
    return bonag.search(
        "nb201", evaluator="train", objective=["accuracy", "-macs"], hyperparameters=SMALL, strategy="random",
        budget=3, executor="in-process", name="trained", out=str(tmp_path_factory.mktemp("results")),
    )  # fmt: skip


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        bonag.cli.main(list(arguments))
    assert not ended.value.code
    return capsys.readouterr().out


def test_the_macs_of_a_trial_are_those_at_the_pixels_of_its_evaluator(mobile, capsys):
    space = get_space("mbv3")
    assert mobile.space.network_size == NetworkSize(1000, 192)
    rows = csv.DictReader(io.StringIO(called(capsys, "trials", str(mobile.path), "--csv")))
    for trial, row in zip(mobile.history, rows, strict=True):
        costs = space.costs(trial.architecture, 1000, 192)
        assert float(row["macs"]) == trial.metrics["macs"] == costs.macs
        assert row["feasible"] == str(costs.macs <= 3e8)
    best = mobile.best
    assert best is not None
    assert best.macs == space.costs(best.architecture, 1000, 192).macs <= 3e8
    for command in ("best", "status"):
        said = called(capsys, command, str(mobile.path))
        assert f"{best.macs / 1e6:.4g} M MACs" in said
        assert f"accuracy {best.metrics['accuracy']:.6g} %" in said
        assert f"latency_note10 {best.metrics['latency_note10']:.6g} ms" in said
    assert "networks of 1000 classes, images of 192 px\n" in called(capsys, "status", str(mobile.path))
    table = called(capsys, "trials", str(mobile.path)).splitlines()
    assert re.split(r" {2,}", table[0]) == ["trial", "status", "accuracy (%)", "macs (M)", "architecture"]
    assert f"{best.macs / 1e6:.6g}" in table[1 + best.trial]


@pytest.mark.slow
def test_the_page_and_the_report_tell_the_same(mobile):
    best = mobile.best
    other = get_space("mbv3").costs(best.architecture).macs
    source = open_source(str(mobile.path))
    [one] = source.summaries()
    with closing(Jobs()) as jobs:
        client = TestClient(create_app(source, jobs), base_url="http://127.0.0.1:8000")
        shown = client.get(f"{one.path}/trials/{best.trial}").text
        front = client.get(f"{one.path}/pareto?x=macs&y=accuracy").text
    assert shown.count(f"{best.macs:,}") == shown.count("of one image of 192²") == 1
    assert "96²" in shown, "the stem halves the images"
    assert f"{best.macs:,}" in front
    report = page(source.view(one.key), predictor=False)
    assert f"{best.macs:,}" in report
    for text in (shown, front, report):
        assert f"{other:,}" not in text
        assert "112²" not in text


@pytest.mark.slow
def test_an_export_is_of_that_size_unless_told_otherwise(mobile, tmp_path, capsys):
    run = str(mobile.path)
    for format, name in (("state-dict", "a.safetensors"), ("python", "a.py")):
        called(capsys, "export", run, "--format", format, "-o", str(tmp_path / name))
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert {"num_classes": "1000", "image_size": "192"}.items() <= file.metadata().items()
    assert "torch.zeros(1, 3, 192, 192)" in (tmp_path / "a.py").read_text()
    called(capsys, "export", run, "--format", "state-dict", "-o", str(tmp_path / "b"), "--image-size", "224")
    with safe_open(tmp_path / "b", "pt") as file:
        assert file.metadata()["image_size"] == "224"


def test_the_macs_of_a_training_are_those_of_the_network_that_was_trained(trained, tmp_path, capsys):
    assert trained.space.network_size == NetworkSize(10, 8, {"channels": 8, "cells": 1})
    for trial in trained.history:
        network = read_trained(trained.path / "trials" / str(trial.index) / "network.safetensors", get_space("nb201"))
        costs = network_costs(network.build(), trained.space.example_inputs(1))
        assert trial.metrics["macs"] == costs.macs
        assert trained.space.costs(trial.architecture) == costs
    assert "8 channels and 1 cells; params and macs are theirs" in trained.description
    (trained.path / "trials" / "1" / "network.safetensors").unlink()
    called(capsys, "export", str(trained.path), "--trial", "1", "--format", "python", "-o", str(tmp_path / "a.py"))
    exported = (tmp_path / "a.py").read_text()
    assert f"# parameters: {trained.space.costs(trained.history.trials[1].architecture).params}\n" in exported
    assert "torch.zeros(1, 3, 8, 8)" in exported


def measure(architecture: Architecture) -> float:
    """A user's own evaluation, of networks of its own size."""
    return float(str(architecture).count("conv"))


@pytest.mark.slow
def test_a_function_may_say_which_networks_it_measures(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "network_size", NetworkSize(3, 16, {"channels": 4}), raising=False)
    found = bonag.search(
        "nb201", evaluator=measure, constraints=["params<=1e6"], strategy="random", budget=2, out=str(tmp_path)
    )
    for trial in found.history:
        network = get_space("nb201").build(trial.architecture, 3, channels=4)
        assert trial.metrics["params"] == network_costs(network, get_space("nb201").example_inputs(1, 16)).params


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (32, "network_size of an evaluator must be a NetworkSize, got 32"),
        (
            NetworkSize(10, 30),
            "has no networks of the evaluator's size (10 classes, images of 30 px): image_size must be",
        ),
        (NetworkSize(10, 32, {"width": 2}), "has no networks of the evaluator's size"),
    ],
)
def test_a_size_that_the_space_has_not_is_refused(size, said, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "network_size", size, raising=False)
    with pytest.raises(UserError, match=re.escape(said)):
        bonag.search("nb201", evaluator=measure, strategy="random", budget=2, out=str(tmp_path / "results"))
    assert not (tmp_path / "results").exists()


def test_who_evaluates_by_ask_and_tell_says_it_by_the_space(tmp_path):
    space = get_space("mbv3").at(NetworkSize(10, 96))
    with AskTell(space, path=tmp_path / "run", strategy="random", constraints=["macs<=1e9"]) as asked:
        [(index, architecture)] = asked.ask()
        asked.tell(index, 70.0)
    with AskTell("mbv3", path=tmp_path / "run", strategy="random", constraints=["macs<=1e9"]) as again:
        assert again.best.macs == get_space("mbv3").costs(architecture, 10, 96).macs
    with pytest.raises(UserError, match="networks have 10 classes, images of 96 px in one and 1000 classes"):
        AskTell(get_space("mbv3"), path=tmp_path / "run", strategy="random", constraints=["macs<=1e9"])


@pytest.mark.slow
def test_costs_known_from_networks_of_another_size_are_counted_anew(mobile, tmp_path):
    found = bonag.search(
        "mbv3", evaluator=measure, constraints=["macs<=3e8"], known=[str(mobile.path)], strategy="random", budget=1,
        out=str(tmp_path),
    )  # fmt: skip
    known = [trial for trial in found.history if not trial.is_query]
    assert len(known) == 12
    assert all(trial.metrics["macs"] == get_space("mbv3").costs(trial.architecture).macs for trial in known)


def test_an_older_run_is_of_the_pixels_of_its_task_else_of_the_spaces_own_size(tmp_path, make_older):
    for name, space, task, size in (
        ("mobile", "mbv3", "imagenet160", NetworkSize(1000, 160)),
        ("cell", "nb201", "cifar10", NetworkSize(10, 32)),
    ):
        create_record(tmp_path, RunConfig(name=name, space=space, evaluator="surrogate", task=task), "").close()
        make_older(tmp_path / name, 2)
        assert bonag.load(tmp_path / name).space.network_size == size


@pytest.mark.slow
def test_an_older_run_that_goes_on_counts_as_it_began(tmp_path, make_older):
    run = {"evaluator": "train", "constraints": ["macs<=1e9"], "hyperparameters": SMALL, "executor": "in-process"}
    before = bonag.search("nb201", strategy="random", budget=1, out=str(tmp_path), name="run", **run)
    make_older(before.path, 2)
    after = bonag.resume(before.path, budget=2)
    [_, new] = after.history
    assert new.metrics["macs"] == get_space("nb201").costs(new.architecture).macs
    assert after.space.network_size == NetworkSize(10, 32)
