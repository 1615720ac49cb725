"""Nobody but the user reads, nobody writes, and what was stored is text."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from loops.history import TrialStatus

from .conftest import Make, made_trials

Visit = Callable[..., TestClient]
EVIL = "<img src=x onerror=alert(1)>\"'{{7*7}}</script>"


@pytest.fixture
def client(make: Make, visit: Visit, tmp_path: Path) -> TestClient:
    make("run", made_trials(3))
    return visit(tmp_path / "results")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:1", "[::1]:80", "192.168.3.4", socket.gethostname()])
def test_it_answers_to_addresses_and_to_this_machines_names(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "",
                                  "evil@127.0.0.1", "[::1", "127.0.0.1/..", "2130706433.example"])  # fmt: skip
def test_it_does_not_answer_to_a_name_that_somebody_else_pointed_here(client: TestClient, host: str) -> None:
    for path in ("/", "/runs/run/trials.csv", "/static/style.css", "/events?key=run"):
        answer = client.get(path, headers={"host": host})
        assert answer.status_code == 400, path
        assert "run" not in answer.text


@pytest.mark.parametrize("path", ["/", "/runs/run", "/runs/nix", "/static/style.css", "/runs/run/trials.csv"])
def test_answers_let_no_foreign_script_run_and_cannot_be_framed(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_pages_need_no_script_of_their_own_and_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/runs/run", "/compare?run=run", "/runs/nix"):
        text = client.get(path).text
        assert "<script>" not in text
        assert "javascript:" not in text
        assert "onclick" not in text
        assert "http://" not in text.replace("http://www.w3.org/", "")
        assert "https://" not in text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    assert client.request(method, "/runs/run").status_code == 405


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:9999"])
def test_work_is_asked_for_by_pages_of_this_site_only(client: TestClient, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert client.post("/runs/run", headers=headers).status_code == 403
    # Ours gets past that check, to a page that takes no POST.
    assert client.post("/runs/run", headers={"origin": "http://127.0.0.1:8000"}).status_code == 405


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd", "/runs/../../secret",
     "/runs/..%2f..%2fsecret", "/runs/%2fetc", "/runs/..~elsewhere~secret", "/runs/run/../../../secret",
     "/runs/run%00", "/events?key=../secret"],
)  # fmt: skip
def test_no_path_leads_out(client: TestClient, tmp_path: Path, make: Make, path: str) -> None:
    make("secret", made_trials(2), out="elsewhere")
    answer = client.get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "import" not in answer.text


def test_stored_text_is_text(make: Make, visit: Visit, tmp_path: Path) -> None:
    trials = made_trials(4)
    trials[1] = replace(trials[1], status=TrialStatus.FAILED, metrics={}, reason=f"=cmd {EVIL}")
    trials[2] = replace(trials[2], provenance={"origin": EVIL, "acquisition": EVIL})
    make("run", trials, reason=EVIL, task=EVIL, strategy=EVIL)
    folder = tmp_path / "results" / "run"
    folder.rename(folder.with_name(EVIL.replace("/", "")))
    client = visit(tmp_path / "results")
    [key] = [one.key for one in client.app.state.site.source.summaries()]  # type: ignore[attr-defined]
    for path in ("/", f"/runs/{quote(key)}", f"/runs/{quote(key)}/state", f"/?q={quote(EVIL)}", f"/?sort={quote(EVIL)}",
                 f"/runs/{quote(key)}?q={quote(EVIL)}", f"/compare?run={quote(key)}&by={quote(EVIL)}",
                 f"/compare?run={quote(EVIL)}"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "<img src=x" not in answer.text, path
        assert ">49<" not in answer.text
    assert "&lt;img src=x onerror" in client.get(f"/runs/{quote(key)}").text
    # A spreadsheet takes a cell that begins like this for a formula.
    assert "\"'=cmd" in client.get(f"/runs/{quote(key)}/trials.csv").text
