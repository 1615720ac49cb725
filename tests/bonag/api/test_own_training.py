"""The training code in the tutorial does what is said of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import bonag
from loops.ending import RunState

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "tutorials" / "own-training.md"


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module of the tutorial, in the current folder, with a smaller search."""
    (text,) = re.findall(r"```python\n(# my_training\.py.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert "trial.epochs(10)" in text
    assert "budget=50" in text
    file = tmp_path / "my_training.py"
    file.write_text(text.replace("trial.epochs(10)", "trial.epochs(2)").replace("budget=50", "budget=4"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("my_training", None)
    return file


@pytest.mark.slow
def test_it_reports_its_curve_and_keeps_its_state(training: Path) -> None:
    options = {"strategy": "random", "executor": "in-process", "out": "runs", "name": "own"}
    result = bonag.search("nb201", evaluator="my_training:train", budget=2, **options)
    assert (result.state, len(result.history.completed)) == (RunState.FINISHED, 2)
    for trial in result.history:
        assert [point.step for point in trial.curve] == [1, 2]
        assert trial.metrics == trial.curve[-1].metrics
        assert (result.path / "trials" / str(trial.index) / "checkpoint.pt").is_file()
    # It learns something: ten classes are told apart better than by chance.
    assert result.best is not None
    assert result.best.metrics["accuracy"] > 20


@pytest.mark.slow
def test_an_evaluation_goes_on_where_it_was_killed(training: Path) -> None:
    import my_training

    from bonag.running_trial import RunningTrial
    from search_spaces import get_space

    space = get_space("nb201")
    architecture = space.parse("|nor_conv_3x3~0|+|skip_connect~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|")
    killed: list[int] = []

    def kill(step: int, metrics: object) -> bool:
        killed.append(step)
        if step == 2:
            raise KeyboardInterrupt
        return True

    folder = training.parent / "trial"
    with pytest.raises(KeyboardInterrupt):
        my_training.train(architecture, RunningTrial(0, 1, space, folder, kill))
    steps: list[int] = []
    again = RunningTrial(0, 1, space, folder, lambda step, metrics: not steps.append(step))
    assert my_training.train(architecture, again)["accuracy"] > 0
    assert (killed, steps) == ([1, 2], [2])


@pytest.mark.slow
def test_it_is_a_script_that_searches_with_four_workers(training: Path) -> None:
    import os
    import subprocess

    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, training.name], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (folder,) = Path("results").iterdir()
    result = bonag.load(folder)
    assert [trial.status for trial in result.history] == ["completed"] * 4
    assert all(len(trial.curve) == 2 for trial in result.history)
