"""What the page on JSON says is what commands write."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .tutorial import PAGES


def said(*words: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-m", "bonag", *words], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in it."""
    place = tmp_path_factory.mktemp("json")
    said("run", "--space", "nb201", "--strategy", "random", "--budget", "4", "--name", "first", cwd=place)
    return place


def written_names(section: str) -> list[str]:
    """The names in the first column of a section's table."""
    text = (PAGES / "reference" / "json.md").read_text(encoding="utf-8")
    (part,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["status first", "list", "best first", "spaces", "generate --space nb201 -n 2 --where params<=1e6"],
)
def test_names_are_those_that_are_written(command: str, folder: Path) -> None:
    found: Any = json.loads(said(*command.split(), "--json", cwd=folder))
    one = found[0] if isinstance(found, list) else found
    assert set(written_names(f"bonag {command.split()[0]} --json")) == set(one)
