"""Networks are measured on this machine, and what was learned is a metric of every evaluator of the space."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

import bonag
from bonag.evaluators import make_evaluator
from bonag.evaluators.counting_evaluator import known_metrics
from bonag.on_demand.measuring import choose_evaluator
from bonag.profiling import latency_model, process
from bonag.profiling.kept import load_metric, model_path, profiled_metrics
from bonag.profiling.profile import Profile, Progress, profile
from bonag.running_trial import RunningTrial
from loops.objective import Objective
from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError

SAMPLES, PATIENCE = 12, 0.05


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder, with a module that has spaces."""
    folder = tmp_path_factory.mktemp("user")
    shutil.copy(Path(__file__).with_name("chains.py"), folder / "chains_of_mine.py")
    return folder


@pytest.fixture(scope="module")
def measured(folder: Path) -> Profile:
    """A profile of the space, which is in the folder from then on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BONAG_HOME", str(folder / "home"))
        return profile("chains_of_mine:Chains", "here", SAMPLES, "torch", image_size=48, patience=PATIENCE)


@pytest.fixture
def space(folder: Path, monkeypatch: pytest.MonkeyPatch) -> SearchSpace:
    """The space, in a home of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("BONAG_HOME", str(folder / "home"))
    return get_space("chains_of_mine:Chains")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The architectures that are measured, in order."""
    found: list[str] = []
    time = process.MeasuringProcess.time

    def counted(self: process.MeasuringProcess, architecture: str) -> object:
        found.append(architecture)
        return time(self, architecture)

    monkeypatch.setattr(process.MeasuringProcess, "time", counted)
    return found


def one_line(call: Callable[[], object]) -> str:
    with pytest.raises(UserError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.alone
@pytest.mark.slow
def test_the_model_knows_networks_that_were_not_measured(measured: Profile, space: SearchSpace) -> None:
    facts = measured.model.facts
    assert measured.metric == "latency_here"
    assert facts["samples"] == SAMPLES
    assert facts["tau"] > 0.5
    everything = space.all()
    assert everything is not None
    macs = [space.costs(one, image_size=48).macs for one in everything]
    assert kendalltau(load_metric(space, "latency_here").predict(everything), macs).statistic > 0.7


@pytest.mark.slow
def test_the_file_says_what_was_measured(measured: Profile, space: SearchSpace) -> None:
    facts = load_metric(space, "latency_here").facts
    named = {name: facts[name] for name in ("runtime", "version", "threads", "image_size", "num_classes", "bonag")}
    assert named == {
        "runtime": "torch",
        "version": torch.__version__,
        "threads": 1,
        "image_size": 48,
        "num_classes": 10,
        "bonag": bonag.__version__,
    }
    assert {"machine", "cpu", "date", "samples", "tau", "error", "seed"} <= facts.keys()


@pytest.mark.slow
def test_a_latency_is_a_metric_beside_what_an_evaluator_measures(measured: Profile, space: SearchSpace) -> None:
    objective = Objective.parse("accuracy", ["latency_here<=5", "params<=1e6"])
    evaluator = make_evaluator(space, lambda architecture: 90.0, objective=objective)
    architecture = space.sample(1, np.random.default_rng(3))[0]
    found = evaluator.evaluate(architecture, RunningTrial())
    assert found == {
        "accuracy": 90.0,
        "latency_here": measured.model.predict([architecture])[0],
        "params": space.costs(architecture).params,
    }
    assert "Kendall's tau" in evaluator.description


@pytest.mark.slow
def test_what_an_evaluator_measures_itself_comes_first(measured: Profile, space: SearchSpace) -> None:
    objective = Objective.parse("accuracy", ["latency_here<=5"])
    evaluator = make_evaluator(space, lambda one: {"accuracy": 1.0, "latency_here": 2.5}, objective=objective)
    assert evaluator.evaluate(space.sample(1, np.random.default_rng(0))[0], RunningTrial())["latency_here"] == 2.5


@pytest.mark.slow
def test_a_search_keeps_to_a_bound_on_a_latency(measured: Profile, space: SearchSpace, tmp_path: Path) -> None:
    bound = measured.model.facts["median"]
    result = bonag.search(
        space=space,
        evaluator=lambda one: float(str(one).count("large")),
        strategy="random",
        budget=10,
        constraints=[f"latency_here<={bound}"],
        out=tmp_path,
        executor="in-process",
    )
    assert result.best.metrics["latency_here"] <= bound


@pytest.mark.slow
def test_a_wrong_metric_is_told_the_profiled_ones(measured: Profile, space: SearchSpace) -> None:
    names = known_metrics(space)
    assert names == ("params", "macs", "latency_here")
    told = one_line(lambda: make_evaluator(space, StubbornEvaluator(), metrics=["latency_her"]))
    assert "latency_here" in told
    assert profiled_metrics("nb201") == ()


class StubbornEvaluator:
    metrics = ("accuracy",)
    description = "One for all."

    def evaluate(self, architecture: object, trial: object) -> dict[str, float]:
        return {"accuracy": 1.0}


@pytest.mark.slow
def test_conditions_of_generation_may_be_on_latencies(measured: Profile, space: SearchSpace, folder: Path) -> None:
    (folder / "constant.py").write_text("def measure(architecture):\n    return 1.0\n")
    evaluator = choose_evaluator(space, ["latency_here"], "constant:measure")
    assert "latency_here" in evaluator.metrics


@pytest.mark.slow
def test_what_was_measured_is_not_measured_again(
    measured: Profile, space: SearchSpace, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONAG_HOME", str(tmp_path))
    monkeypatch.setattr(latency_model, "KINDS", latency_model.KINDS[:1])  # what is fitted plays no part here

    def interrupt(progress: Progress) -> None:
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        profile(space, "x", 10, "torch", image_size=32, patience=PATIENCE, show=interrupt)
    file = model_path(space.name, "x").with_suffix(".jsonl")
    with open(file, "a") as torn:
        torn.write('{"architecture": "small|')  # as kill -9 leaves it
    first = list(asked)
    assert len(first) == 4
    profile(space, "x", 10, "torch", image_size=32, patience=PATIENCE)
    again = 3 * 10
    assert set(first) < set(asked)
    assert asked[4:10] == [one for one in dict.fromkeys(asked) if one not in first]
    assert len(asked) <= again
    count = len(asked)
    profile(space, "x", 10, "torch", image_size=32, patience=PATIENCE)
    assert len(set(asked)) == 10
    assert len(asked) - count <= again - count
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) == 1 + len(asked)
    assert "threads 1 and not 2" in one_line(
        lambda: profile(space, "x", 10, "torch", threads=2, image_size=32, patience=PATIENCE)
    )


@pytest.mark.slow
def test_nothing_of_this_process_changes(measured: Profile) -> None:
    assert torch.get_num_threads() == int(os.environ["OMP_NUM_THREADS"])
    assert "chains_of_mine" not in sys.modules or importlib.import_module("chains_of_mine").torch is torch


@pytest.mark.parametrize("damage", ["empty", "half", "text", "facts"])
@pytest.mark.slow
def test_a_damaged_model_is_one_line(
    damage: str, measured: Profile, space: SearchSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONAG_HOME", str(tmp_path))
    path = model_path(space.name, "broken")
    path.parent.mkdir(parents=True)
    whole = measured.path.read_bytes()
    contents = {
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "text": b"not a model",
        "facts": whole.replace(b"num_classes", b"num_glasses"),
    }
    path.write_bytes(contents[damage])
    told = one_line(lambda: make_evaluator(space, StubbornEvaluator(), metrics=["latency_broken"]))
    assert str(path) in told
    assert "profile the space again" in told


@pytest.mark.slow
def test_models_of_a_name_for_two_spaces_are_two_files(measured: Profile, space: SearchSpace) -> None:
    other = get_space("chains_of_mine:Refusing")
    assert model_path(space.name, "here") != model_path(other.name, "here")
    assert profiled_metrics(other.name) == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"runtime": "torhc"}, "did you mean 'torch'"),
        ({"samples": 3}, "at least 10"),
        ({"name": "../x"}, "cannot be the name"),
        ({"threads": 0}, "at least 1"),
        ({"patience": 0.0}, "more than 0 seconds"),
        ({"space": "chains_of_mine:Dying"}, "status 3"),
        ({"space": "chains_of_mine:Refusing"}, "cannot be measured"),
        ({"space": "nb202"}, "did you mean"),
    ],
)
@pytest.mark.slow
def test_what_is_wrong_is_one_line(given: dict[str, object], words: str, measured: Profile, space: SearchSpace) -> None:
    call = {
        "space": space,
        "name": "bad",
        "samples": 10,
        "runtime": "torch",
        "image_size": 16,
        "patience": PATIENCE,
        **given,
    }
    assert words in one_line(lambda: profile(**call))  # type: ignore[arg-type]


@pytest.mark.alone
@pytest.mark.slow
def test_mobile_networks_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BONAG_HOME", str(tmp_path))
    facts = profile("mbv3", "here", 20, image_size=96, patience=1.5).model.facts
    assert facts["tau"] > 0.7
    assert facts["error"] < 0.05
