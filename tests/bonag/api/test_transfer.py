"""What one search learned serves the next, and stands in its record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bonag
from bonag import UserError
from bonag.api.sources import MAX_ROWS
from bonag.record import read_record
from search_spaces import Architecture, get_space

CELLS = get_space("nb201").all() or []


def good(architecture: Architecture) -> float:
    """A task with a structure that carries over."""
    text = str(architecture)
    return 90.0 + 1.1 * text.count("3x3") + 0.4 * text.count("skip") - 6 * text.count("none")


def similar(architecture: Architecture) -> float:
    """Another one, in another unit."""
    return 10 * good(architecture) + 3 * str(architecture).count("1x1")


def search_quickly(**options: Any) -> bonag.Result:
    return bonag.search("nb201", executor="in-process", **options)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs go to a folder of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def earlier() -> bonag.Result:
    """A finished search on a similar task."""
    return search_quickly(evaluator=similar, strategy="evolution", budget=60, name="earlier")


def go(measure: Callable[[Architecture], float] = good, **options: Any) -> bonag.Result:
    return search_quickly(**{"evaluator": measure, "budget": 4, **options})


def architectures(result: bonag.Result) -> list[str]:
    return [str(trial.architecture) for trial in result.history]


@pytest.mark.numeric
def test_the_first_trials_go_by_an_earlier_run(earlier: bonag.Result) -> None:
    result, cold = go(transfer=["earlier"]), go()
    best = max(map(good, CELLS))
    assert result.best is not None
    assert cold.best is not None
    assert result.best.metrics["accuracy"] >= best - 1.1
    assert [trial.provenance["origin"] for trial in result.history] == ["guided"] * 4
    assert result.history.trials[0].provenance["sources"] == {"earlier": pytest.approx(0.95)}
    values, others = result.history.values("accuracy"), cold.history.values("accuracy")
    assert values.mean() > others.mean()


@pytest.mark.slow
def test_labels_of_the_sources_are_counted_and_cost_no_query(earlier: bonag.Result) -> None:
    result = go(transfer=["earlier"])
    assert [(one.name, one.labels) for one in result.sources] == [("earlier", 60)]
    assert (result.history.queries, len(result.history)) == (4, 4)


@pytest.mark.slow
def test_a_run_goes_on_from_its_record_when_its_source_is_gone(earlier: bonag.Result) -> None:
    whole = go(transfer=["earlier"], budget=3, name="whole")
    part = go(transfer=["earlier"], budget=2, name="part")
    shutil.rmtree("results/earlier")
    went_on = bonag.resume(part.path, budget=3, evaluator=good)
    assert architectures(went_on) == architectures(whole)
    assert [t.provenance for t in went_on.history] == [t.provenance for t in whole.history]
    mine, other = (read_record(one.path).sources[0] for one in (went_on, whole))
    assert mine.architectures == other.architectures
    assert mine.values["accuracy"].tolist() == other.values["accuracy"].tolist()


@pytest.mark.slow
def test_files_tables_and_all_finished_runs_are_sources(earlier: bonag.Result, data_dir: Path) -> None:
    earlier.trials.to_csv("trials.csv", index=False)
    go(name="short", budget=3, strategy="random")
    sources = ["trials.csv", "table:nb201/cifar10", "auto"]
    result = go(transfer=sources, budget=2, data=str(data_dir))
    assert [(one.name, one.labels) for one in result.sources] == [
        ("trials.csv", 60),
        ("table:nb201/cifar10", 15_625),
        ("earlier", 60),
        ("short", 3),
    ]
    assert result.config.transfer == tuple(sources)
    # Of many evaluations the best half of what is kept, and others evenly spread.
    table, kept = pd.read_parquet(data_dir / "nb201_accuracy.parquet"), set(map(str, result.sources[1].architectures))
    assert len(kept) == MAX_ROWS
    assert set(table.nlargest(MAX_ROWS // 2, "cifar10_test_200ep").arch) <= kept


@pytest.mark.slow
def test_finished_runs_of_a_database_are_sources_and_no_password_is_kept(postgres_url: Callable[[], str]) -> None:
    url = postgres_url()
    password = os.environ["PGPASSWORD"]
    secret = url.replace("@", f":{password}@", 1)
    earlier = search_quickly(evaluator=similar, strategy="evolution", budget=30, name="earlier", record=url)
    for record, source in ((None, secret), (url, "auto")):
        result = go(transfer=[source], budget=1, record=record)
        assert [(one.name, one.labels) for one in result.sources] == [("earlier", 30)]
        assert set(result.sources[0].architectures) == {trial.architecture for trial in earlier.history}
        assert password not in (result.path / "config.json").read_text()
        assert password not in str(bonag.load(result.path).config)


@pytest.mark.slow
def test_another_metric_stands_for_the_one_that_a_source_lacks() -> None:
    def slow(architecture: Architecture) -> dict[str, float]:
        return {"seconds": -similar(architecture)}

    search_quickly(evaluator=slow, objective="-seconds", strategy="evolution", budget=60, name="earlier")
    result = go(transfer=["earlier"])
    assert str(result.sources[0]) == "earlier (60 labels, seconds in place of accuracy)"
    assert result.best is not None
    assert result.best.metrics["accuracy"] >= max(map(good, CELLS)) - 1.1


@pytest.mark.slow
@pytest.mark.numeric
def test_a_source_that_misleads_is_dropped(earlier: bonag.Result) -> None:
    def opposite(architecture: Architecture) -> float:
        return 1000 - similar(architecture)

    result = go(opposite, transfer=["earlier"], budget=10)
    weights = [trial.provenance["sources"]["earlier"] for trial in result.history if "sources" in trial.provenance]
    assert weights[0] == pytest.approx(0.95)
    assert weights[-1] < 0.5


@pytest.mark.slow
def test_a_source_that_takes_large_networks_for_bad_waits_for_the_first_design() -> None:
    def opposite(architecture: Architecture) -> float:
        return 1000 - similar(architecture)

    search_quickly(evaluator=opposite, strategy="evolution", budget=60, name="opposite")
    with_it, cold = go(transfer=["opposite"], budget=6), go(budget=5)
    assert architectures(with_it)[:5] == architectures(cold)
    assert [trial.provenance["origin"] for trial in with_it.history] == ["initial"] * 5 + ["guided"]
    assert set(with_it.history.trials[5].provenance["sources"]) == {"opposite"}


@pytest.mark.slow
def test_runs_of_the_same_name_are_told_apart_and_each_is_read_once() -> None:
    for out in ("one", "two"):
        search_quickly(evaluator=similar, strategy="random", budget=20, name="run", out=out)
    result = go(transfer=["one/run", "two/run", str(Path("one/run").resolve())], budget=1)
    assert [one.name for one in result.sources] == ["run", str(Path("two/run").resolve())]


@pytest.mark.slow
def test_a_space_of_ones_own_transfers(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("my_space.py").write_text(
        "from search_spaces import ProductSpace, Site\n\n\n"
        "class Letters(ProductSpace):\n"
        "    sites = [Site(f's{i}', tuple('abcd')) for i in range(5)]\n\n\n"
        "def score(architecture):\n    return float(sum(map(ord, str(architecture))))\n"
    )
    monkeypatch.syspath_prepend(".")
    options = {"evaluator": "my_space:score", "executor": "in-process"}
    bonag.search("my_space:Letters", strategy="evolution", budget=60, name="earlier", **options)
    for source in ("earlier", "auto"):
        result = bonag.search("my_space:Letters", budget=2, transfer=[source], **options)
        assert result.best is not None
        assert str(result.best.architecture) == "d|d|d|d|d"


@pytest.mark.slow
def test_what_is_asked_and_told_transfers_too(earlier: bonag.Result) -> None:
    run, asked = go(transfer=["earlier"], budget=3), []
    for sitting in ([0, 1], [2]):
        # The record is opened again, without its source.
        with bonag.AskTell("nb201", path="told", transfer=["earlier"]) as opened:
            for _ in sitting:
                ((index, architecture),) = opened.ask()
                opened.tell(index, good(architecture))
                asked.append(str(architecture))
        shutil.rmtree("results/earlier", ignore_errors=True)
    assert asked == architectures(run)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "no run 'nowhere' here nor in results/"),
        ("table:mbv3/imagenet224", "source 'table:mbv3/imagenet224' is of the space 'mbv3' and not of 'nb201'"),
        ("tabel:nb201/cifar10", "source 'tabel:nb201/cifar10': did you mean 'table'?"),
        ("empty.csv", "source 'empty.csv' holds no evaluations of 'accuracy', nor of one other metric"),
        ("several.csv", "source 'several.csv' holds no evaluations of 'accuracy', nor of one other metric"),
        ("mysql://me@host/db", "the record's address must be like postgresql://user@host:5432/database"),
    ],
)
def test_a_source_that_makes_no_sense_is_one_line_and_writes_nothing(source: str, message: str) -> None:
    Path("empty.csv").write_text("architecture,accuracy\n")
    pd.DataFrame({"architecture": map(str, CELLS[:3]), "a": 1.0, "b": 2.0}).to_csv("several.csv")
    with pytest.raises(UserError, match=r"^[^\n]*$") as refused:
        go(transfer=[source], name="r")
    assert message in str(refused.value)
    assert not Path("results").exists()


def test_a_run_of_another_space_is_no_source() -> None:
    bonag.search("mbv3", strategy="random", budget=2, name="other")
    with pytest.raises(UserError, match="run 'other' is of the space 'mbv3' and not of 'nb201'"):
        go(transfer=["other"])
    # Asked for all that there are, those of this space are meant.
    assert go(transfer=["auto"], budget=1).sources == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "random"}, "strategy 'random' cannot transfer: leave out the sources, or take 'bonag'"),
        (
            {"predictor": "mixture"},
            "transfer needs a predictor that is a Gaussian process over architectures: take 'gp'",
        ),
    ],
)
def test_who_cannot_transfer_says_so(earlier: bonag.Result, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        go(transfer=["earlier"], **options)


def test_a_source_that_was_edited_in_the_record_is_noticed(earlier: bonag.Result) -> None:
    import sqlite3

    result = go(transfer=["earlier"], budget=1, name="run")
    with sqlite3.connect(result.path / "record.db") as connection:
        (text,) = connection.execute("SELECT metrics FROM bonag_sources").fetchone()
        changed = json.loads(text)
        changed["accuracy"][0] += 1
        connection.execute("UPDATE bonag_sources SET metrics = ?", [json.dumps(changed)])
    with pytest.raises(UserError, match="source 0 makes no sense: its checksum is wrong"):
        bonag.load("run")


@pytest.mark.slow
def test_architectures_are_generated_for_a_new_task_before_any_query(earlier: bonag.Result) -> None:
    made = bonag.generate("nb201", n=3, transfer="earlier")
    assert (made.method, made.labels, len(set(made.architectures))) == ("transfer", 60, 3)
    assert max(map(good, made.architectures)) >= max(map(good, CELLS)) - 1.1
    # The first is what a search would evaluate first.
    assert str(made.architectures[0]) == architectures(go(transfer=["earlier"], budget=1))[0]
    bounded = bonag.generate("nb201", n=3, transfer="earlier", where=["params<=5e5"])
    assert bounded.meets.all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "resampling"}, "transfer takes no method, labels, guidance or as_drawn"),
        ({"where": ["accuracy>=top5%"]}, "'top5%' is not a number in its unit"),
        ({"where": ["latency_pixel3<=5"]}, "no source says anything of accuracy, latency_pixel3 that holds: earlier"),
        ({"n": 1001}, "n must be at least 1 and at most 1,000 with transfer, not 1001"),
    ],
)
def test_a_generation_that_sources_cannot_guide_is_one_line(
    earlier: bonag.Result, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=r"^[^\n]*$") as refused:
        bonag.generate("nb201", **{"n": 3, "transfer": "earlier", **options})
    assert message in str(refused.value)
