"""Shells complete what is typed of ``bonag``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

PROGRAM = Path(sys.executable).with_name("bonag")
# By shell, how it reads nothing of its user's, and the files that completion is installed in.
SHELLS = {
    "bash": (["bash", "--norc", "-c"], (".bashrc", ".bash_completions/bonag.sh")),
    "zsh": (["zsh", "-f", "-c"], (".zshrc", ".zfunc/_bonag")),
    "fish": (["fish", "--no-config", "-c"], (".config/fish/completions/bonag.fish",)),
}


def needs(shell: str) -> None:
    if shutil.which(shell) is None or not PROGRAM.is_file():
        pytest.skip(f"needs {shell} and an installed bonag")


def environment(home: Path) -> dict[str, str]:
    """One that finds ``bonag``, with a home of its own and a run in the current folder's results."""
    (home / "results" / "first").mkdir(parents=True)
    (home / "results" / "first" / "config.json").touch()
    path = os.pathsep.join([str(PROGRAM.parent), os.environ.get("PATH", "")])
    return {name: value for name, value in os.environ.items() if not name.startswith("XDG_")} | {
        **{"PATH": path, "HOME": str(home), "TERM": "dumb"}
    }


def run(shell: str, script: str, home: Path) -> str:
    needs(shell)
    command = [*SHELLS[shell][0], script]
    done = subprocess.run(command, env=environment(home), cwd=home, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.slow
def test_bash_completes_commands_options_and_names(tmp_path: Path) -> None:
    script = (
        'eval "$(bonag --show-completion)"\n'
        'tab() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bonag_completion bonag; echo "${COMPREPLY[@]}"; }\n'
        "tab bonag re\ntab bonag run --bud\ntab bonag run --space nb2\ntab bonag run --strategy evo\n"
        "tab bonag run --space darts --evaluator ''\ntab bonag best f\n"
    )
    assert run("bash", script, tmp_path).splitlines() == [
        "resume report",
        "--budget",
        "nb201",
        "evolution evolution:naszilla",
        "nasbench301 train",
        "first",
    ]


@pytest.mark.slow
def test_fish_completes_commands_and_names_with_what_they_are(tmp_path: Path) -> None:
    script = (
        "bonag --show-completion | source\n"
        'for typed in "bonag re" "bonag run --space nb2" "bonag best f"; complete -C $typed; end\n'
    )
    lines = [line.split("\t") for line in run("fish", script, tmp_path).splitlines() if line]
    assert [line[0] for line in lines] == ["report", "resume", "nb201", "first"]
    assert lines[0][1].startswith("Write a report")


@pytest.mark.slow
def test_zsh_completes_a_name_when_tab_is_pressed(tmp_path: Path) -> None:
    needs("zsh")
    shell = pexpect.spawn("zsh", ["-f", "-i"], env=environment(tmp_path), cwd=tmp_path, encoding="utf-8", timeout=60)
    shell.sendline("PROMPT=; autoload -Uz compinit; compinit -u -D; eval \"$(bonag --show-completion)\"; echo rea''dy")
    shell.expect_exact("ready\r\n")
    shell.send("bonag check\t")
    shell.expect_exact("bonag check-space")
    shell.close(force=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_completion_is_installed_for_the_shell_that_runs(shell: str, tmp_path: Path) -> None:
    said = run(shell, "bonag --install-completion; true", tmp_path)
    assert f"{shell} completion installed in" in said
    *_, installed = SHELLS[shell][1]
    assert "_BONAG_COMPLETE=complete_" in (tmp_path / installed).read_text()
    assert all((tmp_path / file).is_file() for file in SHELLS[shell][1])
