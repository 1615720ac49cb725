"""What may be changed from the pages: by whom, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import bonag
from bonag.record import Address, open_record, read_record
from bonag.record.note_rows import Note
from bonag.ui.app import create_app
from bonag.ui.background.jobs import Jobs
from bonag.ui.sources import open_source
from loops.ending import RunState

from .conftest import Make, made_trials

ORIGIN = "http://127.0.0.1:8000"
OURS = {"origin": ORIGIN}
FORM = {"note": "worth a look", "tags": "good, <b>odd</b>", "budget": "600"}
ACTIONS = ("note", "trials/1/note", "stop", "budget", "delete")


@pytest.fixture
def edit(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """A visitor of `bonag ui`, by default with --allow-edit; ``token`` is what its pages carry."""
    with closing(Jobs()) as jobs:

        def visitor(what: str | Path = tmp_path / "results", allow_edit: bool = True) -> TestClient:
            app = create_app(open_source(str(what)), jobs, allow_edit=allow_edit)
            return TestClient(app, base_url=ORIGIN, raise_server_exceptions=False, follow_redirects=False)

        yield visitor


def token(client: TestClient, path: str = "/runs/run") -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_without_the_option_there_are_no_forms_and_nothing_changes(edit: Callable[..., TestClient], make: Make) -> None:
    folder = make("run", made_trials(3))
    before, client = everything(folder), edit(allow_edit=False)
    for path in ("/runs/run", "/runs/run/trials/1", "/runs/run/notes"):
        assert "token" not in client.get(path).text
    assert client.get("/runs/run/delete").status_code == 404
    for action in ACTIONS:
        for guess in ("", "None"):
            answer = client.post(f"/runs/run/{action}", data={**FORM, "token": guess}, headers=OURS)
            assert answer.status_code == 404
    assert everything(folder) == before


@pytest.mark.parametrize(
    ("headers", "right"),
    [(OURS, False), ({}, True), ({"origin": "null"}, True), ({"origin": "http://evil.example"}, True),
     ({"origin": "http://127.0.0.1:9999"}, True), ({"origin": ORIGIN, "host": "evil.example"}, True)],
)  # fmt: skip
def test_without_the_token_or_from_another_site_nothing_changes(
    edit: Callable[..., TestClient], make: Make, headers: dict[str, str], right: bool
) -> None:
    folder = make("run", made_trials(3))
    client = edit()
    known = token(client)
    assert known not in token(edit()), "each start has its own"
    before = everything(folder)
    for action in ACTIONS:
        for guess in [known] if right else ["", known[:-1], known + "x", "é"]:
            answer = client.post(f"/runs/run/{action}", data={**FORM, "token": guess}, headers=headers)
            assert answer.status_code in (400, 403)
        assert client.get(f"/runs/run/{action}").status_code in (200, 404, 405), "a link changes nothing"
    assert everything(folder) == before


def test_notes_are_written_and_shown_wherever_trials_are(edit: Callable[..., TestClient], make: Make) -> None:
    folder = make("run", made_trials(3))
    client = edit()
    form = {**FORM, "token": token(client)}
    answer = client.post("/runs/run/note", data=form, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/run")
    answer = client.post("/runs/run/trials/1/note", data={**form, "note": "=a\n<script>"}, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/run/trials/1")
    tags = ("good", "<b>odd</b>")
    assert read_record(folder).notes == {None: Note("worth a look", tags), 1: Note("=a\n<script>", tags)}
    reader = edit(allow_edit=False)
    for path, text in {"/": "good", "/runs/run": "worth a look", "/runs/run/trials/1": "=a\n&lt;script&gt;"}.items():
        page = reader.get(path).text
        assert text in page, path
        assert "&lt;b&gt;odd&lt;/b&gt;" in page, path
    found = re.findall(r'id="trial-(\d+)"', reader.get("/runs/run?q=odd").text)
    assert found == ["1"], "the table is searched by them"
    assert "'=a\n<script>" in reader.get("/runs/run/trials.csv").text
    assert client.post("/runs/run/trials/7/note", data=form, headers=OURS).status_code == 409


def test_a_run_is_extended_and_stopped_in_whatever_process_it_is(edit: Callable[..., TestClient], make: Make) -> None:
    folder = make("run", made_trials(3), state=None)
    client = edit()
    form = {**FORM, "token": token(client)}
    answer = client.post("/runs/run/stop", data=form, headers=OURS)
    assert answer.status_code == 409
    assert "does not run" in answer.text
    with open_record(folder) as record:
        assert not record.stop_asked()
        record.set_state(RunState.RUNNING)
        client.app.state.site.views.forget("run")  # type: ignore[attr-defined]
        assert 'id="stop"' in client.get("/runs/run").text
        assert client.post("/runs/run/stop", data=form, headers=OURS).status_code == 303
        assert client.post("/runs/run/budget", data=form, headers=OURS).status_code == 303
        assert "It was asked to stop" in client.get("/runs/run").text
        assert client.get("/runs/run/delete").status_code == 200
        assert client.post("/runs/run/delete", data=form, headers=OURS).status_code == 409
        record._looked -= 1
        assert record.stop_asked()
        assert record.latest_config().budget == 600
    for wrong in ("600", "12", "-5", "1e9", "", "٧"):
        assert client.post("/runs/run/budget", data={**form, "budget": wrong}, headers=OURS).status_code == 409
    assert bonag.load(folder).config.budget == 600


def test_a_run_is_deleted_after_a_second_question(edit: Callable[..., TestClient], make: Make, tmp_path: Path) -> None:
    make("run", made_trials(3))
    make("other", made_trials(2))
    client = edit()
    assert 'href="/runs/run/delete"' in client.get("/runs/run").text
    question = client.get("/runs/run/delete").text
    assert str(tmp_path / "results" / "run") in question
    answer = client.post("/runs/run/delete", data={"token": token(client, "/runs/run/delete")}, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert [one.name for one in (tmp_path / "results").iterdir()] == ["other"]
    assert "/runs/run" not in client.get("/").text
    assert client.get("/runs/run").status_code == 404


@pytest.mark.slow
def test_runs_of_a_database_are_changed_alike(
    edit: Callable[..., TestClient], make: Make, tmp_path: Path, postgres_url: Callable[[], str]
) -> None:
    url = postgres_url()
    make("run", made_trials(3), address=Address.parse(url))
    for client in (edit(url), edit()):  # by the database's address, and by the folder that names it
        form = {**FORM, "token": token(client)}
        assert client.post("/runs/run/trials/1/note", data=form, headers=OURS).status_code == 303
        assert "worth a look" in client.get("/runs/run/trials/1").text
        assert client.post("/runs/run/trials/1/note", data={"token": form["token"]}, headers=OURS).status_code == 303
        assert "worth a look" not in client.get("/runs/run/trials/1").text
    assert client.post("/runs/run/budget", data=form, headers=OURS).status_code == 303
    assert bonag.load(tmp_path / "results" / "run").config.budget == 600
    assert client.post("/runs/run/delete", data=form, headers=OURS).status_code == 303
    assert not (tmp_path / "results" / "run").exists()
    assert edit(url).get("/runs/run").status_code == 404


def test_long_forms_and_links_out_of_the_folder_are_refused(
    edit: Callable[..., TestClient], make: Make, tmp_path: Path
) -> None:
    elsewhere, folder = make("run", made_trials(3), out="elsewhere"), make("run", made_trials(2))
    client = edit()
    form = {**FORM, "token": token(client)}
    assert client.post("/runs/run/note", data={**form, "note": "x" * 10**6}, headers=OURS).status_code == 413
    assert client.post("/runs/run/note", data={**form, "note": "x" * 20_000}, headers=OURS).status_code == 409
    before = everything(elsewhere)
    (folder / "record.db").unlink()
    (folder / "record.db").symlink_to(elsewhere / "record.db")
    assert client.post("/runs/run/note", data=form, headers=OURS).status_code == 503
    assert everything(elsewhere) == before
