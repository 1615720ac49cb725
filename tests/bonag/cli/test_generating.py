"""`bonag generate` and `bonag train-generator` as users call them."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Call = Callable[..., Any]
Spawn = Callable[..., subprocess.Popen[str]]
GENERATE = ("generate", "--space", "nb201", "--n", "24", "--where", "accuracy>=top10%", "--labels", "40")
TRAIN = ("train-generator", "--space", "nb201", "--device", "cpu")


def without_times(text: str) -> str:
    return re.sub(r"[\d.]+ ms per", "", text)


@pytest.mark.slow
def test_data_are_documented_and_the_same_in_every_form(call: Call) -> None:
    wished = (*GENERATE, "--where", "params<=1e6", "--guidance", "accuracy=4")
    said = call(*wished, "--json")
    assert (said.status, said.err) == (0, "")
    made = json.loads(said.out)
    assert list(made) == [
        "space",
        "generator",
        "model",
        "method",
        "seed",
        "evaluator",
        "description",
        "conditions",
        "summary",
        "architectures",
    ]
    assert (made["space"], made["generator"], made["method"], made["seed"]) == ("nb201", "discrete", "resampling", 0)
    assert made["evaluator"] == "surrogate cifar10"
    share, units = made["conditions"]
    assert (share["condition"], share["relation"], share["guidance"]) == ("accuracy>=top10%", ">=", 4.0)
    assert 85 < share["bound"] < 95
    assert (units["metric"], units["relation"], units["bound"]) == ("params", "<=", 1e6)
    summary = made["summary"]
    figures = "asked drawn evaluated raw_validity validity uniqueness novelty held_out meets meets_all diversity"
    assert list(summary) == [
        *figures.split(),
        "seconds_per_architecture",
        "labels",
        "labels_in_training",
        "method",
    ]
    assert (summary["validity"], summary["labels"], summary["labels_in_training"]) == (1.0, 40, 0)
    assert summary["meets"] == {one["condition"]: one["met"] for one in made["conditions"]}
    assert len(made["architectures"]) == 24
    for one in made["architectures"]:
        metrics = one["metrics"]
        assert list(metrics) == ["accuracy", "accuracy_sd", "params", "macs"]
        assert one["meets"] == (metrics["accuracy"] >= share["bound"] and metrics["params"] <= 1e6)
    assert all(one["meets"] for one in made["architectures"])
    assert len({one["architecture"] for one in made["architectures"]}) == summary["asked"] == 24
    assert 0.2 < summary["meets_all"] < 1
    assert summary["drawn"] > 24
    # The help says what the JSON holds.
    words = set(re.findall(r"\w+", call("generate", "--help").out))
    assert {*made, *summary, *share, *made["architectures"][0]} - {"meets", "architectures"} <= words
    # The same again, for spreadsheets and for people.
    said = call(*wished, "--csv")
    frame = pd.read_csv(io.StringIO(said.out))
    assert list(frame.columns) == ["architecture", *metrics, "meets"]
    assert list(frame["architecture"]) == [one["architecture"] for one in made["architectures"]]
    assert list(frame["meets"]) == [one["meets"] for one in made["architectures"]]
    plain = call(*wished)
    assert plain.err == ""
    head = plain.out.split("the first 10")[0]
    assert without_times(head) == without_times(said.err)
    for part in ("method resampling", "accuracy>=top10% (accuracy>=", "guidance 4", "40 labels for the guidance"):
        assert part in head
    assert f"all conditions: met by {summary['meets_all']:.1%} of those drawn" in head
    assert f"; {summary['drawn']} drawn\n" in head
    shown = re.findall(r"^  (\|\S+)$", plain.out, re.MULTILINE)
    assert shown == list(dict.fromkeys(frame["architecture"]))[:10]


@pytest.mark.slow
def test_what_is_drawn_may_be_had_as_it_is(call: Call) -> None:
    first = json.loads(call(*GENERATE, "--as-drawn", "--json").out)
    summary = first["summary"]
    assert summary["drawn"] == summary["asked"] == len(first["architectures"]) == 24
    assert summary["meets_all"] == sum(one["meets"] for one in first["architectures"]) / 24 < 1


@pytest.mark.slow
def test_where_there_is_no_value_json_has_null(call: Call) -> None:
    said = call("generate", "--space", "nb201", "-n", "1", "--json")
    summary = json.loads(said.out, parse_constant=pytest.fail)["summary"]
    assert (summary["diversity"], summary["meets_all"], summary["meets"]) == (None, None, {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("generate",), "Missing option '--space'"),
        ((*GENERATE, "--json", "--csv"), "choose one of --json and --csv"),
        ((*GENERATE, "--n", "many"), "--n"),
        ((*GENERATE, "--guidance", "accuracy"), "guidance 'accuracy' is not METRIC=STRENGTH, as in accuracy=3"),
        ((*GENERATE, "--guidance", "accuracy=x"), "is not METRIC=STRENGTH"),
        ((*GENERATE, "--guidance", "accuracy=1", "--guidance", "accuracy=2"), "is given more than once"),
        ((*GENERATE, "--guidance", "acuracy=1"), "guidance of 'acuracy', for which there is no condition"),
        ((*GENERATE, "--method", "gradient"), "unknown method 'gradient' for a discrete generator"),
        ((*GENERATE, "--model", "nothing"), "nothing is not a readable generator"),
        ((*GENERATE, "--data", "nowhere", "--evaluator", "table"), "nb201_accuracy.parquet"),
        ((*TRAIN,), "Missing option"),
        ((*TRAIN, "-o", "no/such/place"), "cannot write no/such/place"),
        ((*TRAIN, "-o", "g", "--generator", "scor"), "did you mean 'score'?"),
        ((*TRAIN, "-o", "g", "--steps", "0"), "steps must be at least 1, not 0"),
        ((*TRAIN, "-o", "g", "--condition", "acuracy"), "did you mean 'accuracy'?"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    arguments: tuple[str, ...], message: str, call: Call, elsewhere: Path
) -> None:
    said = call(*arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert message in said.err
    assert list(elsewhere.iterdir()) == []


def test_cuda_that_is_not_there(call: Call) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a machine without CUDA")
    for command in (GENERATE, (*TRAIN[:3], "-o", "g")):
        said = call(*command, "--device", "cuda")
        assert said.status == 2
        assert "there is no device 'cuda': PyTorch finds none here" in said.err


@pytest.mark.slow
def test_a_training_with_a_condition_ends_with_what_was_used(call: Call) -> None:
    said = call(*TRAIN, "--condition", "accuracy", "--labels", "40", "--steps", "8", "-o", "c")
    assert (said.status, said.err) == (0, "")
    for part in (
        "40 labels of accuracy by surrogate cifar10",
        "[100%] step 8, loss",
        "8 steps in",
        "unlabelled samples",
    ):
        assert part in said.out
    assert "40 labels by surrogate cifar10\n" in said.out
    assert sorted(path.name for path in Path().iterdir()) == ["c"]
    # The command that the last line names.
    command = said.out.splitlines()[-1].split("bonag ")[1].split()
    made = json.loads(call(*command, "-n", "8", "--where", "accuracy>=top20%", "--json").out)
    assert made["method"] == made["summary"]["method"] == "classifier-free"
    assert (made["summary"]["labels"], made["summary"]["labels_in_training"]) == (0, 40)
    assert made["model"] == "c"


@pytest.mark.slow
def test_ctrl_c_keeps_the_training_and_resume_ends_it(spawn: Spawn, call: Call, elsewhere: Path) -> None:
    process = spawn(*TRAIN, "--minutes", "0.04", "-o", "g")
    assert process.stdout is not None
    assert "training: a discrete generator of nb201 on cpu" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert "go on by the same command with --resume (g.checkpoint)" in err
    assert [path.name for path in elsewhere.iterdir()] == ["g.checkpoint"]
    said = call(*TRAIN, "--minutes", "0.04", "-o", "g")
    assert said.status == 2
    assert "g.checkpoint holds an unfinished training: go on with it by --resume" in said.err
    said = call(*TRAIN, "--minutes", "0.04", "-o", "g", "--resume")
    assert said.status == 0
    assert "going on from g.checkpoint" in said.out
    assert [path.name for path in elsewhere.iterdir()] == ["g"]
