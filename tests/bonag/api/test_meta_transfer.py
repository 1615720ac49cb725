"""Runs on several data sets serve one on a data set that none of them saw."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bonag
from bonag import UserError
from bonag.record import read_record
from bonag.transfer.meta_source import LEAST
from loops.fingerprint import Fingerprint
from search_spaces import Architecture


class OnData:
    """An evaluator whose data set is bright or dark, which decides whether convolutions or pooling are good."""

    metrics = ("accuracy",)
    description = "A formula."

    def __init__(self, brightness: float) -> None:
        self.brightness = brightness

    def fingerprint(self) -> Fingerprint:
        statistics = np.full((3, 4, 6), 0.5, dtype=np.float16)
        statistics[:, 0] = np.arange(3)[:, None] / 9 + self.brightness
        return Fingerprint("test", 8, np.full(3, 50.0), statistics)

    def evaluate(self, architecture: Architecture, trial: object) -> dict[str, float]:
        text = str(architecture)
        gain = self.brightness * (text.count("conv_3x3") - text.count("avg_pool"))
        return {"accuracy": 80 + 2 * gain - 3 * text.count("none")}


def search(brightness: float, **options: Any) -> bonag.Result:
    return bonag.search("nb201", executor="in-process", evaluator=OnData(brightness), **options)


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Random runs on bright and on dark data, as the record keeps them."""
    monkeypatch.chdir(tmp_path)
    sides = [(-1.0) ** number * (1 + 0.1 * number) for number in range(LEAST)]
    for number, side in enumerate(sides):
        search(side, strategy="random", budget=6, seed=number, name=f"run-{number}")
    return [f"run-{number}" for number in range(LEAST)]


def told(result: bonag.Result) -> list[tuple[str, int]]:
    return [(source.name, source.labels) for source in result.sources]


@pytest.mark.slow
def test_one_more_source_is_made_of_enough_runs_and_stands_in_the_record(earlier: list[str]) -> None:
    first = read_record(Path("results/run-0")).fingerprint
    assert first is not None
    assert first.means.tolist() == OnData(1.0).fingerprint().means.tolist()
    whole = search(-1.2, budget=2, transfer=[*earlier, "meta"], name="whole")
    assert told(whole)[:-1] == [(name, 6) for name in earlier]
    assert told(whole)[-1] == (f"data sets of {LEAST} runs", 6 * LEAST)
    part = search(-1.2, budget=1, transfer=[*earlier, "meta"], name="part")
    for name in earlier:
        shutil.rmtree(f"results/{name}")
    went_on = bonag.resume(part.path, budget=2, evaluator=OnData(-1.2))
    assert [str(one.architecture) for one in went_on.history] == [str(one.architecture) for one in whole.history]
    assert f"data sets of {LEAST} runs" in whole.history.trials[0].provenance["sources"]


@pytest.mark.slow
def test_it_is_made_only_where_that_is_asked_for(earlier: list[str]) -> None:
    assert told(search(-1.2, budget=1, transfer=earlier)) == [(name, 6) for name in earlier]


def test_what_it_lacks_is_told_and_nothing_is_written(earlier: list[str]) -> None:
    few = f"transfer 'meta' learns from {LEAST} runs or more of accuracy .* test, and {LEAST - 1} are given"
    with pytest.raises(UserError, match=few):
        search(-1.2, budget=1, transfer=[*earlier[1:], "meta"], name="few")
    with pytest.raises(UserError, match="transfer 'meta' needs an evaluator that shows its data set"):
        bonag.search(
            "nb201", executor="in-process", evaluator=OnData(1.0).evaluate, transfer=[*earlier, "meta"], name="few"
        )
    with pytest.raises(UserError, match="transfer 'meta' is for runs"):
        bonag.AskTell("nb201", transfer=[*earlier, "meta"])
    assert not Path("results/few").exists()


@pytest.mark.parametrize("look", [None, "none"])
def test_a_run_that_trains_keeps_what_its_data_look_like(
    look: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    short = ["epochs=1", "channels=4", "images=60", "validation_images=20"]
    result = bonag.search(
        "nb201", evaluator="train", executor="in-process", hyperparameters=short, budget=1, fingerprint=look, name="run"
    )
    assert result.best is not None
    found = read_record(result.path).fingerprint
    assert (found is None) == (look == "none")
    if found is not None:
        assert (found.network, found.side, found.counts.sum().round()) == ("random-filters", 8, 60)
