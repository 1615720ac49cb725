"""What a trial reported, printed and left in its folder, on its page."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from bonag.plots.trial_curve import trial_curve
from bonag.ui.trials.kept import MOST, kept_files
from loops.history import History, Point, Trial, TrialStatus
from search_spaces import get_space

NB201 = get_space("nb201")
STATES = [TrialStatus.COMPLETED, TrialStatus.STOPPED, TrialStatus.RUNNING, TrialStatus.FAILED]


def trials() -> list[Trial]:
    """A completed, a stopped and a running trial with curves, and a failed one without."""
    found = []
    for index, architecture in enumerate(NB201.sample(4, np.random.default_rng(0))):
        curve = [Point(step, {"loss": 1 / step, "accuracy": 50.0 + index + step}, step) for step in range(1, 4 - index)]
        metrics = {"accuracy": 90.0 + index} if index < 2 else {}
        reason = {1: "stopped early, after step 2", 3: "ValueError: no luck"}.get(index)
        found.append(Trial(index, architecture, STATES[index], metrics, reason, curve=tuple(curve)))
    found[3] = replace(found[3], attempts=2, output="line <1>\nline 2")
    return found


def words(text: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_a_curve_is_drawn_by_step_with_the_others_behind_it():
    plot = trial_curve(History(trials()), 1, "accuracy")
    behind, own = plot.figure.data
    assert (list(own.x), list(own.y), own.name) == ([1, 2], [52.0, 53.0], "trial 1")
    assert [value for value in behind.y if not np.isnan(value)] == [51.0, 52.0, 53.0, 53.0]
    assert plot.summary == "accuracy of trial 1 by step: 2 reports, 53 % at step 2; behind it 2 other trials."


def test_the_page_has_a_figure_for_each_metric_that_was_reported(site, view_of):
    client = site(view_of(trials(), NB201))
    text = client.get("/runs/run/trials/1").text
    figures = re.findall(r'data-figure="([^"]+curve[^"]+)"', text)
    assert [one.rpartition("=")[2] for one in figures] == ["accuracy", "loss"]
    for figure in figures:
        assert client.get(unescape(figure)).json()["data"][-1]["name"] == "trial 1"
    assert client.get("/runs/run/trials/1/figures/curve.json?metric=macs").status_code == 404
    assert "curve.json" not in client.get("/runs/run/trials/3").text


def test_the_page_tells_attempts_and_output(site, view_of):
    text = site(view_of(trials(), NB201)).get("/runs/run/trials/3").text
    assert "line &lt;1&gt;\nline 2" in text
    assert "Attempts 2 that ended with their process" in words(text)


def test_a_stopped_trial_is_told_from_a_failed_one_and_from_a_stopped_run(site, view_of):
    client = site(view_of(trials(), NB201))
    text = client.get("/runs/run/trials/1").text
    assert "It ended early: stopped early, after step 2" in words(text)
    assert 'data-of="trial" data-state="stopped"' in text
    page = client.get("/runs/run?state=stopped").text
    assert re.findall(r'id="trial-(\d+)"', page) == ["1"]
    assert "stopped 1 early" in words(page)
    progress = client.get("/runs/run/figures/progress.json").json()
    assert {trace["name"] for trace in progress["data"]} >= {"stopped", "failed", "running"}
    assert "1 stopped, 1 running, 1 failed" in progress["summary"]


def test_the_run_page_tells_what_running_trials_reported_last(site, view_of):
    page = site(view_of(trials(), NB201, workers=3)).get("/runs/run").text
    assert "Running now, on 3 workers Trial 2 : step 1 accuracy 53" in words(page)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of trial 1 of a run in ``tmp_path / run``, with files, links and a pipe; a secret beside the run."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "run" / "config.json").parent.mkdir()
    (tmp_path / "run" / "config.json").write_text("secret")
    own = tmp_path / "run" / "trials" / "1"
    (own / "logs").mkdir(parents=True)
    (own / "logs" / "loss é.txt").write_text("loss")
    (own / "<b>.bin").write_bytes(b"\0" * 200_000)
    (own / "link").symlink_to(tmp_path / "secret")
    (own / "out").symlink_to(tmp_path)
    os.mkfifo(own / "pipe")
    return own


@pytest.fixture
def client(site, view_of, folder: Path) -> TestClient:
    return site(replace(view_of(trials(), NB201), where=str(folder.parents[1])))


def test_files_are_listed_and_handed_out_as_attachments(client, folder):
    text = client.get("/runs/run/trials/1").text
    listed = re.findall(r'href="([^"]+/kept/[^"]+)"', text)
    assert len(listed) == 2
    assert "<b>" not in text
    assert "0.2 MB" in text
    answer = client.get(next(one for one in listed if "loss" in one))
    assert (answer.status_code, answer.text) == (200, "loss")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''loss%20%C3%A9.txt"
    assert answer.headers["x-content-type-options"] == "nosniff"
    large = client.get(next(one for one in listed if "bin" in one))
    assert len(large.content) == 200_000


@pytest.mark.parametrize(
    "name",
    [
        "link",
        "out/secret",
        "pipe",
        "logs",
        "../1/link",
        "..%2F..%2Fconfig.json",
        "%2e%2e/%2e%2e/config.json",
        "logs/..%2F..%2F..%2Fconfig.json",
        "%2Fetc%2Fpasswd",
        "nothing",
        "logs/%00",
        ".",
        "",
    ],
)
def test_nothing_else_is_handed_out(client, name):
    answer = client.get(f"/runs/run/trials/1/kept/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_links_on_the_way_are_not_followed(client, folder):
    trials_folder = folder.parent
    trials_folder.rename(trials_folder.with_name("elsewhere"))
    trials_folder.symlink_to(trials_folder.with_name("elsewhere"))
    assert "/kept/" not in client.get("/runs/run/trials/1").text
    assert client.get("/runs/run/trials/1/kept/logs/loss%20%C3%A9.txt").status_code == 404


def test_of_many_files_the_first_are_listed(view_of, folder):
    for number in range(MOST + 50):
        (folder / f"{number:04}").touch()
    view = replace(view_of(trials(), NB201), where=str(folder.parents[1]))
    found = kept_files(view, 1)
    assert (len(found.files), found.more) == (MOST, True)
    assert kept_files(view, 2).files == []
    assert kept_files(replace(view, where="postgresql://host/database"), 1).files == []


def test_the_end_of_what_a_trial_printed_is_shown_also_while_it_runs(client, folder):
    assert "The last lines" not in client.get("/runs/run/trials/1").text
    (folder / "output.log").write_text("".join(f"line {number} <b>\n" for number in range(5000)))
    text = client.get("/runs/run/trials/1").text
    assert re.findall(r"line (\d+) &lt;b&gt;", text) == [str(number) for number in range(4960, 5000)]
    (folder / "output.log").unlink()
    (folder / "output.log").symlink_to(folder.parents[2] / "secret")
    assert "secret" not in client.get("/runs/run/trials/1").text


def test_macs_are_shown_once_with_the_image_that_they_are_of(site, view_of):
    own = trials()
    macs = NB201.costs(own[0].architecture).macs
    own[0] = replace(own[0], metrics={"accuracy": 90.0, "macs": float(macs)})
    client = site(view_of(own, NB201))
    for index in (0, 1):
        shown = words(client.get(f"/runs/run/trials/{index}").text)
        counted = NB201.costs(own[index].architecture).macs
        assert shown.count(f"{counted:,}") == 1
        assert shown.count("of one image of 32²") == 1
