"""``bonag list parts``: all that runs can be made of, from here and from other packages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bonag import roles
from bonag.cli.parts import ROLES

Call = Callable[..., Any]


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that brings a strategy and an evaluator, and that cannot even be imported."""
    info = tmp_path / "site" / "guest-1.0.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site" / "guest.py").write_text("raise RuntimeError('imported')\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n")
    points = "[bonag.strategies]\ngreedy = guest:Greedy\n[bonag.evaluators]\nnb201.mine = guest:Mine\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


@pytest.mark.slow
def test_all_parts_of_all_roles_are_listed(call: Call, tables: None) -> None:
    said = call("list", "parts")
    assert (said.status, said.err) == (0, "")
    for role in ROLES:
        names = getattr(roles, role.replace("-", "_").upper()).names()
        assert names
        assert all(re.search(rf"\b{re.escape(name)}\b", said.out) for name in names), role
    found = json.loads(call("list", "parts", "--json").out)
    assert list(found) == list(ROLES)
    for role in ROLES:
        assert json.loads(call("list", role, "--json").out) == found[role]
    assert {"name": "ray", "from": None} in found["executors"]
    assert call("list", "predictors").out == "predictors: gp, ensemble, mixture\n"


@pytest.mark.slow
def test_evaluators_have_their_tasks_or_what_they_need(call: Call, tables: None, tmp_path: Path) -> None:
    table = next(one for one in json.loads(call("list", "evaluators", "--json").out) if one["name"] == "nb201.table")
    assert (table["space"], table["needs"]) == ("nb201", None)
    assert {"cifar10", "cifar100"} <= set(table["tasks"])
    assert "nb201.table: cifar10, cifar100" in call("list", "evaluators").out
    here = ("list", "evaluators", "--data", tmp_path)
    assert "nb201.table: not here: evaluator 'table' of space 'nb201' needs the file" in call(*here).out
    table = next(one for one in json.loads(call(*here, "--json").out) if one["name"] == "nb201.table")
    assert table["tasks"] is None
    assert "nb201_accuracy.parquet" in table["needs"]


@pytest.mark.slow
def test_parts_of_other_packages_say_whose_they_are(call: Call, plugged: None) -> None:
    assert "greedy (guest)" in call("list", "strategies").out
    assert {"name": "greedy", "from": "guest"} in json.loads(call("list", "strategies", "--json").out)
    # One that is broken is a line.
    assert re.search(r"nb201.mine \(guest\): not here: .*RuntimeError: imported", call("list", "evaluators").out)


def test_a_folder_of_that_name_is_still_a_folder(call: Call) -> None:
    Path("strategies").mkdir()
    assert call("list", "./strategies").out.startswith("no run in ./strategies")
    assert "did you mean 'strategies'" in call("list", "strategie").err


@pytest.mark.slow
def test_the_list_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom bonag.cli import main\n"
        "try:\n    main(['list', 'parts'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = ('torch', 'ax', 'botorch', 'ray', 'sklearn', 'matplotlib', 'pandas')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stderr.strip() == "[]"
