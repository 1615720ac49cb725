"""``bonag.generate`` and ``bonag.train_generator``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

import bonag
from bonag import UserError
from bonag.generators.artifact import generator_path, training_record
from bonag.generators.fitting import Progress
from search_spaces import Architecture, get_space
from search_spaces.nb201 import NB201

GUIDED = {"space": "nb201", "n": 64, "where": ["accuracy>=top10%"], "labels": 40}


def train(path: Path, **options: Any) -> Any:
    return bonag.train_generator(**{"space": "nb201", "path": path, "steps": 6, "device": "cpu", **options})


@pytest.mark.slow
def test_architectures_a_frame_and_a_summary() -> None:
    made = bonag.generate(**GUIDED, guidance={"accuracy": 4.0})
    assert len(made.architectures) == len(made.frame) == 64
    assert list(made.frame["architecture"]) == [str(architecture) for architecture in made.architectures]
    assert made.frame["params"].dtype == np.int64
    assert made.frame["meets"].all()
    assert made.summary()["meets_all"] > 0.3
    assert made.strengths == {"accuracy": 4.0}
    assert made.model == generator_path(get_space("nb201"))
    assert "64 architectures of nb201" in repr(made)


@pytest.mark.slow
def test_the_table_tells_shares_and_truth(data_dir: Path) -> None:
    options = {"evaluator": "table", "task": "cifar100", "data": data_dir}
    made = bonag.generate("nb201", 32, "latency_pixel3<=bottom20%", labels=40, **options)
    assert made.measured_by == "table cifar100"
    assert "Exact look-ups" in made.description
    assert made.summary()["meets_all"] > 0.5
    assert {"accuracy", "latency_pixel3", "params", "macs"} <= set(made.frame.columns)


@pytest.mark.slow
def test_a_function_is_asked_for_labels_and_for_what_is_generated() -> None:
    asked: list[Architecture] = []

    def count(architecture: Architecture) -> float:
        asked.append(architecture)
        return float(str(architecture).count("3x3"))

    made = bonag.generate("nb201", 20, ["kernels>=3", "params<=1e6"], labels=40, evaluator=count)
    assert made.labels == 40
    assert len(asked) == 40 + made.drawn.evaluated >= 60
    assert len(asked) == 40 + len(set(asked[40:]))
    assert list(made.frame.columns) == ["architecture", "kernels", "params", "macs", "meets"]
    assert list(made.frame["kernels"]) == [str(architecture).count("3x3") for architecture in made.architectures]
    assert made.meets.all()
    assert "count" in made.description


@pytest.mark.slow
def test_a_space_of_another_package_brings_its_own_generator_and_needs_no_evaluator(tmp_path: Path) -> None:
    class Mine(NB201):
        name = "mine"
        generator = tmp_path / "own"

    train(tmp_path / "own", space=Mine())
    made = bonag.generate(Mine(), 20, "params<=bottom50%", labels=40)
    assert (made.model, made.labels, made.measured_by) == (tmp_path / "own", 0, "exact costs")
    assert list(made.frame.columns) == ["architecture", "params", "macs", "meets"]
    assert "space 'mine' has no evaluator" in made.description
    with pytest.raises(UserError, match="space 'mine' has no evaluator"):
        bonag.generate(Mine(), 20, "accuracy>=90")
    with pytest.raises(UserError, match="of space 'mine', not of 'nb201'"):
        bonag.generate("nb201", 5, model=tmp_path / "own")


@pytest.mark.slow
def test_a_training_tells_what_it_used(tmp_path: Path) -> None:
    seen: list[Progress] = []
    done = train(tmp_path / "g", report=seen.append, noise="uniform")
    assert [progress.step for progress in seen] == [1, 2, 3, 4, 5, 6]
    assert done.path == tmp_path / "g"
    assert [path.name for path in tmp_path.iterdir()] == ["g"]
    assert done.record == training_record(done.path)
    wanted = {"space": "nb201", "family": "discrete", "uniform": True, "steps": 6, "labels": 0, "source": None}
    assert wanted.items() <= done.record.items()
    assert 50_000 < done.record["samples"] < 60_000
    done = train(tmp_path / "s", generator="score", sde="subvp", steps=2)
    assert done.record["sde"].startswith("SubVP(")
    assert bonag.generate("nb201", 5, model=done.path).family == "score"


@pytest.mark.slow
def test_interrupted_and_resumed_it_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    train(tmp_path / "whole", seed=5)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", seed=5, report=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.checkpoint", "whole"]
    with pytest.raises(UserError, match=r"cut\.checkpoint holds an unfinished training: go on with it by --resume"):
        train(tmp_path / "cut", seed=5)
    with pytest.raises(UserError, match="of a training with other settings"):
        train(tmp_path / "cut", seed=6, resume=True)
    seen: list[Progress] = []
    train(tmp_path / "cut", seed=5, resume=True, report=seen.append)
    assert [progress.step for progress in seen] == [5, 6]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]
    whole, cut = (load_file(tmp_path / name) for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all((whole[name] == cut[name]).all() for name in whole)


@pytest.mark.slow
def test_a_step_that_was_cut_in_its_middle_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    steps: list[int] = []
    step = torch.optim.AdamW.step

    def cut(self: Any, *arguments: Any) -> Any:
        steps.append(len(steps))
        step(self, *arguments)
        if len(steps) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch.optim.AdamW, "step", cut)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "cut")
    # What the optimiser had begun to change belongs to no step; there was no checkpoint before it.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_conditions_record_their_labels_and_guide_without_a_predictor(tmp_path: Path) -> None:
    done = train(tmp_path / "c", conditions=["params"], labels=40, steps=8)
    assert (done.record["conditions"], done.record["labels"], done.record["source"]) == (
        ["params"],
        0,
        "surrogate cifar10",
    )
    made = bonag.generate("nb201", 32, "params<=bottom10%", model=done.path)
    assert (made.method, made.labels) == ("classifier-free", 0)
    # Networks that tell 100 classes apart have other counts than those that it learnt from.
    other = bonag.generate("nb201", 32, "params<=bottom10%", model=done.path, task="cifar100")
    assert other.method == "resampling"


@pytest.mark.slow
def test_minutes_end_a_training(tmp_path: Path) -> None:
    done = train(tmp_path / "g", steps=None, minutes=0.01)
    assert 1 <= done.record["steps"] < 4000
    assert done.record["seconds"] < 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": "nb20"}, "unknown space 'nb20': did you mean 'nb201'?"),
        ({"n": 0}, "n must be at least 1 and at most 1,000,000, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"where": ["acuracy>=1"]}, "no metric 'acuracy': did you mean 'accuracy'?"),
        ({"where": ["accuracy>=high"]}, "'high' is not a number"),
        ({"where": ["accuracy>=90", "accuracy<=80"]}, "nothing can meet both"),
        ({"guidance": {"params": 2.0}}, "guidance of 'params', for which there is no condition"),
        ({"guidance": {"accuracy": -1.0}}, "the guidance of 'accuracy' must be 0 or more, not -1.0"),
        ({"guidance": {"accuracy": float("nan")}}, "must be 0 or more"),
        ({"generator": "diskrete"}, "unknown generator family 'diskrete': did you mean 'discrete'?"),
        ({"model": "nothing"}, "nothing is not a readable generator"),
        ({"space": "mbv3", "model": generator_path(get_space("nb201"))}, "of space 'nb201', not of 'mbv3'"),
        (
            {"space": "darts", "generator": "score", "where": ["params<=1e6"]},
            "no trained score generator comes with space 'darts': train one by",
        ),
        ({"method": "resample"}, "unknown method 'resample' for a discrete generator: did you mean 'resampling'?"),
        ({"method": "classifier-free"}, "was not trained with the condition 'accuracy'"),
        ({"where": [], "labels": None, "method": "resampling"}, "method 'resampling' needs something to be guided by"),
        ({"labels": 19}, "at least 20 labels are needed to learn from, not 19"),
        ({"where": []}, "labels are of no use without a condition"),
        ({"evaluator": "tabel"}, "no evaluator 'tabel': did you mean 'table'?"),
        ({"task": "cifar11"}, "no task 'cifar11'"),
        ({"evaluator": "table", "data": "nowhere"}, "nowhere"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
    ],
)
def test_bad_wishes_are_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        bonag.generate(**{**GUIDED, **options})
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": "nb20"}, "unknown space 'nb20': did you mean 'nb201'?"),
        ({"path": "no/such/place"}, "cannot write no/such/place: No such file or directory"),
        ({"path": "."}, "it is a folder"),
        ({"generator": "scor"}, "unknown generator family 'scor': did you mean 'score'?"),
        ({"noise": "marginals"}, "unknown noise 'marginals': did you mean 'marginal'?"),
        ({"sde": "vpp", "generator": "score"}, "unknown sde 'vpp': did you mean 'vp'?"),
        ({"sde": "vp"}, "sde 'vp' is for score generators, and this is a discrete one"),
        ({"noise": "uniform", "generator": "score"}, "noise 'uniform' is for discrete generators"),
        ({"conditions": ["accuracy"], "generator": "score"}, "a score-based generator takes no conditions"),
        ({"conditions": ["acuracy"]}, "unknown metric 'acuracy': did you mean 'accuracy'?"),
        ({"conditions": ["params", "params"]}, "condition 'params' is given more than once"),
        ({"conditions": ["params"], "labels": 3}, "at least 20 labels are needed"),
        ({"labels": 100}, "labels is of no use in a training without conditions"),
        ({"task": "cifar10"}, "task is of no use in a training without conditions"),
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"minutes": 0.0}, "minutes must be more than 0, not 0.0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
    ],
)
def test_bad_trainings_are_one_line_and_nothing_is_written(
    options: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refused:
        train(**{"path": Path("g"), **options})
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
