"""A package that adds a part of each role in a file each: found by name, killed, resumed, shown and repeated."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bonag

PACKAGE = Path(__file__).parents[1] / "packages" / "chain"
ROLES = {
    "space": "chain",
    "evaluator": "formula",
    "executor": "threads",
    "strategy": "alternating",
    "acquisition": "optimistic",
    "predictor": "ridge",
    "generator": "climbing",
}
MODULES = {
    "space": "chain_parts.space:Chain",
    "evaluator": "chain_parts.evaluator:measure",
    "executor": "chain_parts.executor:Threads",
    "strategy": "chain_parts.strategy:Alternating",
    "acquisition": "chain_parts.acquisition:optimistic",
    "predictor": "chain_parts.predictor:Ridge",
    "generator": "chain_parts.generator:Climbing",
}


def command(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(where)}
    return subprocess.run(
        [sys.executable, "-m", "bonag", *arguments], capture_output=True, text=True, env=environment, cwd=where.parent
    )


def options(parts: dict[str, str]) -> list[str]:
    return [word for role, name in parts.items() for word in (f"--{role}", name)]


def trials(where: Path, run: str) -> list[str]:
    """Architectures and accuracies, without times."""
    done = command(where, "trials", run, "--csv")
    assert done.returncode == 0, done.stderr
    return [",".join(line.split(",")[:4]) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has installed the package."""
    where = tmp_path_factory.mktemp("packages") / "site"
    # A build leaves files beside the sources.
    source = shutil.copytree(PACKAGE, where.parent / "source")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(where)]
    subprocess.run([*pip, str(source)], check=True)
    return where


def test_no_file_is_longer_than_sixty_lines() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in PACKAGE.glob("*/*.py")}
    assert max(lengths.values()) <= 60, lengths


@pytest.mark.slow
@pytest.mark.parametrize("parts", [ROLES, MODULES], ids=["entry-points", "modules"])
def test_a_search_with_all_seven_is_killed_resumed_shown_and_repeated(installed: Path, parts: dict[str, str]) -> None:
    out = installed.parent / parts["predictor"].replace(":", "-")
    run = [*options(parts), "--budget", "24", "--batch-size", "2", "--out", str(out)]
    whole = command(installed, "run", *run, "--name", "whole")
    assert whole.returncode == 0, whole.stderr

    environment = os.environ | {"PYTHONPATH": str(installed), "CHAIN_SECONDS": "0.3"}
    killed = subprocess.Popen(
        [sys.executable, "-m", "bonag", "run", *run, "--name", "killed"],
        env=environment, cwd=installed.parent, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while not (out / "killed").is_dir() or len(bonag_trials(installed, out / "killed")) < 6:
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    resumed = command(installed, "resume", str(out / "killed"))
    assert resumed.returncode == 0, resumed.stderr
    assert trials(installed, str(out / "killed")) == trials(installed, str(out / "whole"))
    assert "trial " in command(installed, "best", str(out / "whole")).stdout
    report = command(installed, "report", str(out / "whole"), "-o", str(out / "whole.html"))
    assert report.returncode == 0, report.stderr
    assert (out / "whole.html").stat().st_size > 10_000


def bonag_trials(where: Path, run: Path) -> list[str]:
    done = command(where, "trials", str(run), "--csv")
    return done.stdout.splitlines()[1:] if done.returncode == 0 else []


@pytest.mark.slow
def test_objects_are_parts_in_python(installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(installed))
    from chain_parts.acquisition import optimistic
    from chain_parts.evaluator import measure
    from chain_parts.executor import Threads
    from chain_parts.generator import Climbing
    from chain_parts.predictor import Ridge
    from chain_parts.space import Chain

    space = Chain()
    objects = dict(predictor=Ridge(space), acquisition=optimistic, generator=Climbing(space), executor=Threads())
    result = bonag.search(space, evaluator=measure, budget=30, name="objects", out=tmp_path, **objects)
    assert len(result.history.completed) == 30
    named = bonag.search(Chain(), evaluator=measure, budget=30, name="default", out=tmp_path)
    assert named.best is not None
    # The best of the 729 chains.
    assert named.best.metrics["accuracy"] == max(measure(one)["accuracy"] for one in space.all())
    assert command(installed, "best", str(tmp_path / "default")).returncode == 0
