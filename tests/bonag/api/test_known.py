"""What is known before a run, what the user wants to see first, and ends that are moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bonag
from bonag import UserError
from loops.ending import RunState
from search_spaces import get_space


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs go to a folder of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def go(measure: Any, **options: Any) -> bonag.Result:
    return bonag.search(**{"space": "nb201", "evaluator": measure, "strategy": "evolution", "budget": 6, **options})


@pytest.mark.slow
def test_known_trials_cost_no_query_and_are_searched_from(measure: Any) -> None:
    first = go(measure, name="first", budget=5)
    first.trials.to_csv("first.csv", index=False)
    for source in ("first", "first.csv"):
        result = go(measure, name=f"from-{Path(source).suffix[1:] or 'run'}", known=[source], budget=4, seed=1)
        assert len(result.history) == 9
        assert result.history.queries == 4
        assert [t.metrics for t in result.history.trials[:5]] == [t.metrics for t in first.history]
        assert {t.provenance["origin"] for t in result.history.trials[:5]} == {"known"}
        new = {t.architecture for t in result.history.trials[5:]}
        assert not new & {t.architecture for t in first.history}
        assert bonag.load(result.path).history.trials == result.history.trials


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("accuracy\n1\n", "known.csv has no column 'architecture': it holds accuracy"),
        ("architecture,accuracy\nnonsense,1\n", "row 1 of known.csv: "),
        ("architecture,loss\n{cell},1\n", "row 1 of known.csv has no 'accuracy', which the objective needs"),
        ("architecture,accuracy\n{cell},\n", "row 1 of known.csv has no 'accuracy', which the objective needs"),
        ("", "known.csv is no CSV table"),
    ],
)
def test_a_table_that_makes_no_sense_is_one_line_and_writes_nothing(
    content: str, message: str, measure: Any, elsewhere: Path
) -> None:
    cell = get_space("nb201").all()[0]  # type: ignore[index]
    Path("known.csv").write_text(content.replace("{cell}", str(cell)))
    with pytest.raises(UserError, match=r"^[^\n]*$") as refused:
        go(measure, known=["known.csv"], name="r")
    assert message in str(refused.value)
    assert [path.name for path in elsewhere.iterdir()] == ["known.csv"]


def test_a_run_of_another_space_is_not_known(measure: Any) -> None:
    bonag.search(space="mbv3", strategy="random", budget=1, name="other")
    with pytest.raises(UserError, match="run 'other' is of the space 'mbv3' and not of 'nb201'"):
        go(measure, known=["other"])


@pytest.mark.slow
def test_what_the_user_wants_is_evaluated_first(measure: Any) -> None:
    cells = [str(cell) for cell in get_space("nb201").all()[100:102]]  # type: ignore[index]
    result = go(measure, tries=cells, name="r")
    assert [str(trial.architecture) for trial in result.history.trials[:2]] == cells
    assert [trial.provenance["origin"] for trial in result.history.trials[:3]] == ["tried", "tried", "random"]
    with pytest.raises(UserError, match=r"^--try: [^\n]*$"):
        go(measure, tries=["nonsense"], name="s")


@pytest.mark.slow
def test_a_finished_run_goes_on_when_its_end_is_moved(measure: Any) -> None:
    whole = go(measure, budget=8, name="whole")
    short = go(measure, budget=5, name="short")
    assert short.state is RunState.FINISHED
    longer = bonag.resume("short", budget=8)
    assert longer.config.budget == 8
    table = ["trial", "status", "architecture", "accuracy"]
    pd.testing.assert_frame_equal(longer.trials[table], whole.trials[table])
    assert '"budget": 8' in Path("results/short/config.json").read_text()
    assert bonag.resume("short").trials.shape == longer.trials.shape
    with pytest.raises(UserError, match="a run has no part 'seed'"):
        bonag.resume("short", seed=3)


@pytest.mark.slow
def test_a_target_and_patience_end_a_search(measure: Any) -> None:
    reached = go(measure, budget=100, target="accuracy=2")
    assert reached.state is RunState.FINISHED
    assert reached.reason is not None
    assert reached.reason.startswith("trial ")
    assert len(reached.history) < 100
    patient = go(measure, budget=100, patience=5)
    assert patient.reason == "5 trials in a row were no better"
