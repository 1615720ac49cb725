"""Runs are found where they are, read as they are, and left as they are."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from bonag.record import Address, create_record, open_record
from bonag.record.database import postgres_reader
from bonag.ui.site import ViewCache
from bonag.ui.source import UnknownKeyError
from bonag.ui.sources import first_page, open_source
from bonag.ui.sources.folder import FolderSource
from bonag.ui.sources.postgres import PostgresSource
from loops.config import RunConfig
from loops.ending import RunState
from loops.history import Point, TrialStatus
from search_spaces.errors import UserError

from .conftest import Make, made_trials, write


def test_runs_are_found_in_the_folder_and_below_it_and_summed_up_without_being_read(make: Make, tmp_path: Path) -> None:
    make("one", made_trials(10))
    make("two", made_trials(4), RunState.STOPPED, "10 evaluations failed in a row", out="results/more/deep")
    make("three", out="results", state=None)
    found = {one.key: one for one in open_source(str(tmp_path / "results")).summaries()}
    assert sorted(found) == ["more~deep~two", "one", "three"]
    one = found["one"]
    assert (one.state, one.space, one.task, one.strategy, one.seed) == ("finished", "nb201", "cifar10", "evolution", 0)
    assert (one.trials, one.budget, one.gain.best, one.objective) == (10, 500, pytest.approx(80.9), "accuracy")
    assert one.started is not None
    assert one.ended == pytest.approx(1.7e9 + 9.5)
    # Its process is gone, which its record cannot know.
    assert (found["three"].state, found["three"].trials, found["three"].gain.best) == ("interrupted", 0, None)
    assert found["more~deep~two"].state == "stopped"


@pytest.mark.parametrize(
    ("objective", "constraints", "best"),
    [
        ("accuracy", (), 80.9),
        ("-latency", (), 1.0),
        ("accuracy", ("latency<=2", "latency>=1.2"), 80.4),
        ("accuracy", ("latency<=0.5",), None),
        (("-latency", "accuracy"), ("accuracy>=80.25",), 1.75),
    ],
)
def test_a_summary_and_a_view_agree_on_the_best_feasible_trial(
    make: Make, tmp_path: Path, objective: str | tuple[str, ...], constraints: tuple[str, ...], best: float | None
) -> None:
    make("run", made_trials(10), objective=objective, constraints=constraints)
    source = open_source(str(tmp_path / "results"))
    [summary] = source.summaries()
    assert summary.gain.best == (None if best is None else pytest.approx(best))
    assert source.view("run").summary == summary


def test_what_is_broken_is_listed_with_what_is_wrong(make: Make, tmp_path: Path) -> None:
    make("good", made_trials(3))
    (make("torn", made_trials(30)) / "record.db").write_bytes(b"no database" * 400)
    (make("lost") / "record.db").unlink()
    (make("odd") / "config.json").write_text("{")
    source = open_source(str(tmp_path / "results"))
    problems = {one.name: one.problem for one in source.summaries()}
    assert problems["good"] is None
    assert "damaged" in (problems["torn"] or "")
    assert "missing" in (problems["lost"] or "")
    assert "config.json" in (problems["odd"] or "")
    with pytest.raises(UserError, match="damaged"):
        source.view("torn")


def test_links_that_lead_elsewhere_are_not_followed(make: Make, tmp_path: Path) -> None:
    make("seen", made_trials(2))
    secret = make("secret", made_trials(2), out="elsewhere")
    results = tmp_path / "results"
    (results / "folder-link").symlink_to(secret)
    inside = make("file-link", made_trials(2))
    (inside / "record.db").unlink()
    (inside / "record.db").symlink_to(secret / "record.db")
    summaries = {one.key: one for one in open_source(str(results)).summaries()}
    assert sorted(summaries) == ["file-link", "seen"]
    assert "leads out" in (summaries["file-link"].problem or "")
    with pytest.raises(UserError, match="leads out"):
        open_source(str(results)).view("file-link")


def test_a_pipe_that_nobody_writes_to_holds_nothing_up(make: Make, tmp_path: Path) -> None:
    make("run", made_trials(2))
    os.mkfifo(tmp_path / "results" / "pipe.json")
    found: list[str] = []
    look = threading.Thread(
        target=lambda: found.extend(one.key for one in open_source(str(tmp_path / "results")).summaries()), daemon=True
    )
    look.start()
    look.join(10)
    assert found == ["run"]


@pytest.mark.parametrize("key", ["nix", "", ".", "..", "../elsewhere/secret", "..~elsewhere~secret", "a\x00b", "/etc"])
def test_a_key_is_looked_up_and_never_a_path(make: Make, tmp_path: Path, key: str) -> None:
    make("secret", out="elsewhere")
    make("seen")
    source = open_source(str(tmp_path / "results"))
    for ask in (source.stamp, source.view, source.experiment):
        with pytest.raises(UnknownKeyError):
            ask(key)


def test_a_running_search_is_seen_growing_and_then_ended(tmp_path: Path) -> None:
    trials = made_trials(6)
    config = RunConfig(name="run", space="nb201", evaluator="table", task="cifar10", budget=500)
    source = FolderSource(tmp_path)
    with create_record(tmp_path, config, "") as record:
        write(record, trials[:3])
        record.add([replace(trials[3], status=TrialStatus.RUNNING, metrics={}, ended_at=None)])
        first = source.view("run")
        stamp = source.stamp("run")
        assert (first.summary.state, len(first.history), len(first.history.pending)) == ("running", 4, 1)
        assert source.stamp("run") == stamp
        record.finish(trials[3])
        write(record, trials[4:5])
        assert source.stamp("run") != stamp
        second = source.view("run", first)
        assert second.history.trials == source.view("run").history.trials
        assert [trial.status for trial in second.history] == ["completed"] * 5
        # What had ended was not read again: it is the very same trial.
        assert all(new is old for new, old in zip(second.history, first.history.trials[:3], strict=False))
        stamp = source.stamp("run")
    assert source.stamp("run") != stamp
    assert source.view("run", second).summary.state == "interrupted"


def test_another_run_of_the_same_name_is_read_anew(make: Make, tmp_path: Path) -> None:
    import shutil

    folder = make("run", made_trials(5))
    source = open_source(str(tmp_path / "results"))
    before = source.view("run")
    shutil.rmtree(folder)
    other = made_trials(5, seed=1)
    make("run", other)
    assert [t.architecture for t in source.view("run", before).history] == [t.architecture for t in other]


def test_a_store_is_asked_once_a_second_however_many_look(make: Make, tmp_path: Path) -> None:
    make("run", made_trials(3))
    asked: list[str] = []

    class Counting(FolderSource):
        def stamp(self, key: str):  # type: ignore[no-untyped-def]
            asked.append(key)
            return super().stamp(key)

    views = ViewCache(Counting(tmp_path / "results"))
    assert all(views.get("run") is views.get("run") for _ in range(20))
    assert asked == ["run"]
    with pytest.raises(UnknownKeyError):
        views.get("nix")


def test_the_background_process_can_read_the_same(make: Make, tmp_path: Path) -> None:
    make("run", made_trials(3))
    source = pickle.loads(pickle.dumps(open_source(str(tmp_path / "results"))))  # noqa: S301
    assert len(source.view("run").history) == 3


def test_the_argument_may_be_a_folder_a_run_or_its_name(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make("run", made_trials(3))
    monkeypatch.chdir(tmp_path)
    assert first_page(open_source("results")) == "/"
    for text in ("run", str(folder), f"sqlite:///{folder}/record.db", f"{folder}/record.db"):
        assert first_page(open_source(text)) == "/runs/run", text
    for text, said in {"rum": "run", "mysql://x/y": "postgresql://", "sqlite:///nix.db": "no file"}.items():
        with pytest.raises(UserError, match=said):
            open_source(text)


@pytest.mark.slow
def test_all_runs_of_a_server_are_shown_and_none_can_be_written(
    make: Make, tmp_path: Path, postgres_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each question is asked anew.
    monkeypatch.setattr("bonag.ui.sources.postgres.FRESH", 0.0)
    url = postgres_url()
    address = Address.parse(url)
    make("one", made_trials(6), address=address, constraints=("latency<=2",))
    make("two", made_trials(2), state=None, address=address)
    secret = url.replace("bonag@", f"bonag:{os.environ['PGPASSWORD'].replace('/', '%2F')}@")
    source = open_source(secret)
    found = {one.key: one for one in source.summaries()}
    assert {key: (one.state, one.trials, one.problem) for key, one in found.items()} == {
        "one": ("finished", 6, None),
        "two": ("interrupted", 2, None),
    }
    assert found["one"].gain.best == pytest.approx(80.4)
    view = source.view("one")
    assert view.summary == found["one"]
    assert view.where == url
    # The folder of the run leads to the same record.
    assert [t.metrics for t in open_source(str(tmp_path / "results")).view("one").history] == [
        t.metrics for t in view.history
    ]
    with pytest.raises(UnknownKeyError):
        source.view("three")
    with open_record(tmp_path / "results" / "two") as record:
        assert source.view("two").summary.state == "running"
        stamp = source.stamp("two")
        assert source.stamp("two") == stamp
        write(record, made_trials(4)[2:])
        assert source.stamp("two") != stamp
        assert [t.index for t in source.view("two", source.view("two")).history] == [0, 1, 2, 3]
    with postgres_reader(address).connect() as connection, pytest.raises(sa.exc.InternalError, match="read-only"):
        connection.execute(sa.text("DELETE FROM bonag_metrics"))


def test_a_server_that_does_not_answer_is_said_and_slows_nothing(make: Make, tmp_path: Path) -> None:
    import json
    import socket

    make("here", made_trials(3))
    there = make("there")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = json.loads((there / "config.json").read_text())
        config["record"] = f"postgresql://bonag@127.0.0.1:{silent.getsockname()[1]}/db"
        (there / "config.json").write_text(json.dumps(config))
        source = open_source(str(tmp_path / "results"))
        start = time.monotonic()
        found = {one.key: one for one in source.summaries()}
        assert time.monotonic() - start < 1
    assert found["here"].problem is None
    assert "not answered" in (found["there"].problem or "")


@pytest.mark.parametrize("name", ["config.json", "record.db", "lock"])
def test_a_pipe_in_a_run_holds_up_no_page(
    make: Make, visit: Callable[..., TestClient], tmp_path: Path, name: str
) -> None:
    make("whole", made_trials(3))
    broken = make("broken", made_trials(3))
    (broken / name).unlink()
    os.mkfifo(broken / name)
    client = visit(tmp_path / "results")
    listed, page = client.get("/"), client.get("/runs/broken")
    assert (listed.status_code, page.status_code) == (200, 503)
    assert "whole" in listed.text
    assert f"{name}: it is a pipe" in page.text


@pytest.mark.parametrize("server", [False, True])
def test_what_a_running_trial_reports_is_seen(
    server: bool, tmp_path: Path, postgres_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bonag.ui.sources.postgres.FRESH", 0.0)
    address = Address.parse(postgres_url()) if server else None
    config = RunConfig(name="run", space="nb201", evaluator="table", task="cifar10", budget=500)
    (running,) = (replace(one, status=TrialStatus.RUNNING, metrics={}, ended_at=None) for one in made_trials(1))
    with create_record(tmp_path, config, "", address) as record:
        record.add([running])
        source = PostgresSource(address) if address else FolderSource(tmp_path)
        before, view = source.stamp("run"), source.view("run")
        record.report(replace(running, curve=(Point(1, {"accuracy": 50.0}, 1),)))
        assert source.stamp("run") != before
        assert [point.step for point in source.view("run", view).history.trials[0].curve] == [1]
