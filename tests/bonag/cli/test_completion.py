"""Shells complete what is typed of ``bonag``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("bonag")


@pytest.fixture
def bash(tmp_path: Path) -> list[str]:
    """A bash that finds ``bonag``."""
    if shutil.which("bash") is None or not PROGRAM.is_file():
        pytest.skip("needs bash and an installed bonag")
    return ["bash", "--norc", "-c"]


def run(bash: list[str], script: str, home: Path) -> str:
    path = os.pathsep.join([str(PROGRAM.parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "HOME": str(home)}
    return subprocess.run([*bash, script], env=environment, capture_output=True, text=True, check=True).stdout


def test_bash_completes_commands_options_and_names(bash: list[str], tmp_path: Path) -> None:
    run_folder = tmp_path / "results" / "first"
    run_folder.mkdir(parents=True)
    (run_folder / "config.json").touch()
    script = (
        'eval "$(bonag --show-completion)"\n'
        'tab() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bonag_completion bonag; echo "${COMPREPLY[@]}"; }\n'
        "tab bonag re\ntab bonag run --bud\ntab bonag run --space nb2\ntab bonag run --strategy evo\n"
        "tab bonag run --space darts --evaluator ''\ntab bonag best f\n"
    )
    assert run(bash, script, tmp_path).splitlines() == [
        "resume report",
        "--budget",
        "nb201",
        "evolution evolution:naszilla",
        "nasbench301 train",
        "first",
    ]


def test_the_completion_is_installed_for_the_shell_that_runs(bash: list[str], tmp_path: Path) -> None:
    said = run(bash, "bonag --install-completion; :", tmp_path)
    assert "bash completion installed in" in said
    assert "_bonag_completion" in (tmp_path / ".bash_completions" / "bonag.sh").read_text()
    assert ".bash_completions/bonag.sh" in (tmp_path / ".bashrc").read_text()
