from __future__ import annotations

import sys
from pathlib import Path

import pytest

import bonag
from bonag import UserError
from bonag.callbacks import MLflow, TensorBoard
from bonag.running_trial import RunningTrial
from search_spaces import Architecture

SETTINGS = {"space": "nb201", "strategy": "random", "executor": "in-process", "out": "runs"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return tmp_path


def train(architecture: Architecture, trial: RunningTrial) -> float:
    """Two epochs whose values anybody can compute; trial 3 fails."""
    for epoch in trial.epochs(2):
        trial.report(accuracy=trial.index + epoch / 2)
    if trial.index == 3:
        raise ValueError("no luck")
    return [5.0, 7.0, 6.0, 0.0, 8.0, 1.0][trial.index]


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """All scalars that TensorBoard finds in a folder, or in a file of one."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    return {tag: [(point.step, point.value) for point in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def texts(folder: Path) -> dict[str, str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    tags = found.Tags()["tensors"]
    return {tag: found.Tensors(tag)[-1].tensor_proto.string_val[0].decode() for tag in tags if "text" in tag}


def test_tensorboard_has_the_values_the_best_the_curves_and_the_architectures(tmp_path: Path) -> None:
    result = bonag.search(evaluator=train, budget=5, name="run", callbacks=[TensorBoard("logs")], **SETTINGS)
    whole = read(tmp_path / "logs")
    assert whole["metrics/accuracy"] == [(1, 5.0), (2, 7.0), (3, 6.0), (5, 8.0)]
    assert whole["best/accuracy"] == [(1, 5.0), (2, 7.0), (3, 7.0), (4, 7.0), (5, 8.0)]
    assert "| budget | 5 |" in texts(tmp_path / "logs")["options/text_summary"]
    one = read(tmp_path / "logs" / "trial-1")
    assert one["curve/accuracy"] == [(1, 1.0), (2, 1.5)]
    assert (
        str(result.history.trials[1].architecture) in texts(tmp_path / "logs" / "trial-1")["architecture/text_summary"]
    )
    assert "failed: ValueError: no luck" in texts(tmp_path / "logs" / "trial-3")["architecture/text_summary"]


def test_tensorboard_goes_on_with_a_resumed_run(tmp_path: Path) -> None:
    bonag.search(evaluator=train, budget=3, name="run", callbacks=[TensorBoard("logs")], **SETTINGS)
    (first,) = (tmp_path / "logs").glob("events*")
    bonag.resume("runs/run", evaluator=train, budget=5, callbacks=[TensorBoard("logs")])
    (second,) = set((tmp_path / "logs").glob("events*")) - {first}
    assert read(first)["best/accuracy"] == [(1, 5.0), (2, 7.0), (3, 7.0)]
    assert read(second)["best/accuracy"] == [(4, 7.0), (5, 8.0)]


@pytest.fixture(params=["file", pytest.param("sqlite", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"file:{tmp_path}/store" if request.param == "file" else f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.slow
def test_mlflow_has_the_search_as_a_run_and_each_trial_as_a_nested_one(store: str) -> None:
    callback = MLflow(store, experiment="mine")
    result = bonag.search(evaluator=train, budget=5, name="run", callbacks=[callback], **SETTINGS)
    client, experiment = callback.client, callback.client.get_experiment_by_name("mine").experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert sorted(runs) == ["run", *(f"trial {index}" for index in range(5))]
    parent = runs["run"]
    assert (parent.info.status, parent.data.params["strategy"], parent.data.params["budget"]) == (
        "FINISHED",
        "random",
        "5",
    )
    history = client.get_metric_history(parent.info.run_id, "best/accuracy")
    assert sorted((point.step, point.value) for point in history) == [(1, 5), (2, 7), (3, 7), (4, 7), (5, 8)]
    one = runs["trial 1"]
    assert one.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert one.data.tags["bonag.architecture"] == str(result.history.trials[1].architecture)
    points = client.get_metric_history(one.info.run_id, "accuracy")
    assert [(point.step, point.value) for point in points] == [(1, 1.0), (2, 1.5), (2, 7.0)]
    assert one.data.params == {
        name: str(value) for name, value in result.space.to_parameters(result.history.trials[1].architecture).items()
    }
    failed = runs["trial 3"]
    assert (failed.info.status, failed.data.tags["bonag.reason"]) == ("FAILED", "ValueError: no luck")


@pytest.mark.slow
def test_mlflow_goes_on_in_the_run_of_a_resumed_search(tmp_path: Path) -> None:
    store = f"file:{tmp_path}/store"
    bonag.search(evaluator=train, budget=3, name="run", callbacks=[MLflow(store)], **SETTINGS)
    again = MLflow(store)
    bonag.resume("runs/run", evaluator=train, budget=5, callbacks=[again])
    runs = again.client.search_runs([again.experiment])
    assert sorted(run.info.run_name for run in runs) == ["run", *(f"trial {index}" for index in range(5))]
    history = again.client.get_metric_history(again.parent, "best/accuracy")
    assert sorted((point.step, point.value) for point in history) == [(1, 5), (2, 7), (3, 7), (4, 7), (5, 8)]


@pytest.mark.parametrize(
    ("make", "package", "words"),
    [
        (lambda: TensorBoard("logs"), "torch.utils.tensorboard", r"pip install 'bonag\[tensorboard\]'"),
        (lambda: MLflow(), "mlflow", r"pip install 'bonag\[mlflow\]'"),
    ],
)
def test_a_missing_package_is_one_line_that_says_how_to_install_it(
    make: object, package: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=words) as refused:
        make()  # type: ignore[operator]
    assert "\n" not in str(refused.value)


def test_what_mlflow_cannot_open_is_one_line() -> None:
    with pytest.raises(UserError, match="MLflow cannot keep experiments: ") as refused:
        MLflow("nowhere://x")
    assert "\n" not in str(refused.value)


def test_the_keyword_of_earlier_versions_names_its_successor() -> None:
    with pytest.raises(UserError, match=r"option 'on_event' is now callbacks=\[\.\.\.\]"):
        bonag.search("nb201", on_event=print)
