"""The files of a trial's network, as the page hands them out."""

from __future__ import annotations

import time

import numpy as np
import pytest

import bonag
from bonag.cli.exporting import export
from bonag.ui.trials.files import file_name, network_file
from loops.history import Trial, TrialStatus
from search_spaces import NetworkSize, get_space
from search_spaces.errors import UserError

HEADERS = {"origin": "http://127.0.0.1"}


def fetched(client, format, seconds=500.0):
    """Ask for the file like the button does, and wait for the link like the page does."""
    address = "/runs/run/trials/0/exports"
    assert client.get(f"{address}/{format}").status_code == 404, "it is there before anybody asked"
    answer = client.post(f"{address}/{format}", headers=HEADERS, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/run/trials/0#exports")
    end = time.monotonic() + seconds
    while "data-poll" in (text := client.get(address).text):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert f'href="{address}/{format}"' in text
    return client.get(f"{address}/{format}")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bonag.search(space="nb201", budget=2, strategy="random", out=tmp_path_factory.mktemp("runs"), name="run")


@pytest.mark.slow
@pytest.mark.parametrize(("format", "name"), [("python", "run-trial-0.py"), ("onnx", "run-trial-0.onnx")])
def test_what_the_page_hands_out_is_what_the_command_writes(format, name, run, tmp_path, site, view_of):
    answer = fetched(site(view_of(run.history.trials, run.space)), format)
    export(str(run.path), format, tmp_path / name, trial=0)
    assert answer.content == (tmp_path / name).read_bytes()
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"


def test_a_file_that_is_asked_for_is_on_its_way_and_the_page_keeps_looking(run, site, view_of):
    client = site(view_of(run.history.trials, run.space))
    address = "/runs/run/trials/1/exports"
    assert client.get(f"{address}/python").status_code == 404
    assert "data-poll" not in client.get(address).text
    answer = client.post(f"{address}/python", headers=HEADERS)
    assert "data-poll" in answer.text, "the page that the button leads to does not wait"
    assert client.get(f"{address}/python").status_code == 404


def test_the_source_is_the_one_that_the_command_writes(run, tmp_path):
    export(str(run.path), "python", tmp_path / "network.py", trial=0)
    ours = network_file("nb201", run.space.network_size, str(run.history.trials[0].architecture), "python")
    assert ours == (tmp_path / "network.py").read_bytes()


def test_the_weights_are_those_that_the_command_writes(run, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import load_file

    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(
        network_file("nb201", run.space.network_size, str(run.history.trials[1].architecture), "state-dict")
    )
    export(str(run.path), "state-dict", theirs, trial=1)
    a, b = load_file(ours), load_file(theirs)
    assert list(a) == list(b)
    assert all(a[name].equal(b[name]) for name in a)
    with safe_open(ours, "pt") as one, safe_open(theirs, "pt") as other:
        assert one.metadata() == other.metadata()


def test_no_other_site_can_ask_for_files(site, view_of):
    space = get_space("nb201")
    client = site(view_of([Trial(0, space.sample(1, np.random.default_rng(9))[0], TrialStatus.RUNNING)], space))
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
        assert client.post("/runs/run/trials/0/exports/python", headers=headers).status_code == 403
    assert "Make it" in client.get("/runs/run/trials/0/exports").text


def test_a_file_name_is_plain_whatever_the_run_is_called():
    assert file_name("first", 3, "onnx") == "first-trial-3.onnx"
    assert file_name('a/b "c"\n..', 0, "state-dict") == "a-b--c--..-trial-0.safetensors"
    assert file_name("../..", 0, "python") == "run-trial-0.py"


def test_what_is_no_architecture_gets_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UserError, match="not a cell"):
        network_file("nb201", NetworkSize(10, 32), "<b>", "python")
    [cell] = get_space("nb201").sample(1, np.random.default_rng(0))
    network_file("nb201", NetworkSize(10, 32), str(cell), "python")
    assert list(tmp_path.iterdir()) == [], "temporary files are left"
