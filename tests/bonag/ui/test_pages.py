"""Each page shows what there is, for runs of every kind."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bonag.record import create_record
from bonag.ui.source import Source
from loops.config import RunConfig
from loops.ending import RunState
from loops.history import Point, TrialStatus

from .conftest import Make, made_trials, write

Visit = Callable[..., TestClient]


def names(text: str) -> list[str]:
    return re.findall(r'id="run-\d+">([^<]*)<', text)


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'id="trial-(\d+)"', text)]


def test_runs_are_sorted_and_filtered_by_the_address(make: Make, visit: Visit, tmp_path: Path) -> None:
    make("worst", made_trials(2))
    make("best", made_trials(30), strategy="random")
    make("none", state=RunState.STOPPED, task="cifar100")
    page = visit(tmp_path / "results").get
    assert names(page("/?sort=best").text) == ["worst", "best", "none"]
    assert names(page("/?sort=-best").text) == ["best", "worst", "none"]
    assert names(page("/?sort=name").text) == ["best", "none", "worst"]
    assert 'aria-sort="descending"' in page("/?sort=-best").text
    assert names(page("/?strategy=random").text) == ["best"]
    assert names(page("/?state=stopped").text) == ["none"]
    assert names(page("/?q=CIFAR100+evol").text) == ["none"]
    assert "No run matches" in page("/?q=nix").text
    assert sorted(names(page("/?sort=__class__").text)) == ["best", "none", "worst"]


def test_a_folder_without_runs_says_how_to_start_one(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    answer = visit(tmp_path / "results").get("/")
    assert answer.status_code == 200
    assert "bonag run --space" in answer.text


@pytest.mark.slow
def test_the_trials_of_a_run_are_sorted_filtered_and_paged_by_the_address(
    make: Make, visit: Visit, tmp_path: Path
) -> None:
    trials = made_trials(70)
    trials[7] = replace(trials[7], status=TrialStatus.FAILED, metrics={}, reason="the disk was full")
    make("run", trials, constraints=("latency<=10",))
    page = visit(tmp_path / "results").get
    last = len(trials) - 1
    assert numbers(page("/runs/run").text) == list(range(last, last - 50, -1))
    assert numbers(page("/runs/run?page=2&sort=trial").text) == list(range(50, last + 1))
    assert numbers(page("/runs/run?page=99&sort=trial").text)[-1] == last
    assert numbers(page("/runs/run?sort=-m.accuracy").text)[0] == last
    assert numbers(page("/runs/run?state=failed").text) == [7]
    assert numbers(page("/runs/run?q=disk").text) == [7]
    assert numbers(page("/runs/run?state=infeasible&sort=trial").text)[0] == 37
    assert "the disk was full" in page("/runs/run?state=failed").text
    assert "No trial matches" in page("/runs/run?q=nix").text
    part = page("/runs/run?part=trials&state=failed").text
    assert numbers(part) == [7]
    assert "<html" not in part


def test_a_run_shows_how_it_stands_its_best_and_the_commands(make: Make, visit: Visit, tmp_path: Path) -> None:
    trials = made_trials(20)
    make("run", trials, RunState.STOPPED, "10 evaluations failed in a row", objective="-latency", seed=3)
    text = visit(tmp_path / "results").get("/runs/run").text
    assert "stopped" in text
    assert "10 evaluations failed in a row" in text
    assert "bonag run --space nb201 --evaluator table --task cifar10 --objective=-latency --budget 500" in text
    assert "--strategy evolution --seed 3" in text
    assert f"bonag resume {tmp_path / 'results' / 'run'}" in text
    assert 'href="/runs/run/trials/0" id="best-trial"' in text
    assert "<svg" in text


@pytest.mark.slow
def test_figures_and_csv_hold_all_trials(make: Make, visit: Visit, tmp_path: Path) -> None:
    trials = made_trials(20)
    make("run", trials)
    page = visit(tmp_path / "results").get
    for name in ("progress", "seconds", "workers", "distribution"):
        figure = page(f"/runs/run/figures/{name}.json").json()
        assert figure["data"]
        assert figure["summary"]
    answer = page("/runs/run/trials.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["trial"]) for row in rows] == [trial.index for trial in trials]
    assert float(rows[3]["accuracy"]) == trials[3].metrics["accuracy"]
    assert "attachment" in answer.headers["content-disposition"]


def test_runs_are_compared_by_strategy(make: Make, visit: Visit, tmp_path: Path) -> None:
    for seed in range(3):
        make(f"e{seed}", made_trials(20 + seed), seed=seed)
    make("r", made_trials(5), strategy="random")
    make("other", made_trials(5), objective="-latency")
    page = visit(tmp_path / "results").get
    text = page("/compare?run=e0&run=e1&run=e2&run=r").text
    assert re.findall(r'<th scope="row">(\w+)</th><td class="number">(\d+)', text) == [
        ("evolution", "3"),
        ("random", "1"),
    ]
    url = re.search(r'data-figure="([^"]+)"', text)
    assert url is not None
    assert page(url[1].replace("&amp;", "&")).json()["data"]
    assert "different budgets, from 5 to 22 trials" in text
    for choice in ("show=regret", "show=distribution", "x=clock&by=run", "show=nonsense&x=nonsense&by=nonsense"):
        assert page(f"/compare/figure.json?run=e0&run=r&{choice}").json()["data"], choice
    assert "different things" in page("/compare?run=e0&run=other").text
    assert "no such run" in page("/compare?run=e0&run=nix").text
    assert "Nothing to compare" in page("/compare").text


def test_a_front_is_told_in_words_where_one_value_says_little(make: Make, visit: Visit, tmp_path: Path) -> None:
    make("front", made_trials(20), objective=("accuracy", "-latency"))
    make("one", made_trials(20))
    page = visit(tmp_path / "results").get
    # The two goals rise together, so that no trial beats another.
    assert "front of 20, hypervolume 0.474" in page("/").text
    assert "81.9 " in page("/").text
    text = page("/runs/front").text
    assert "hypervolume 0.474" in text
    assert "80 to 81.9" in text
    assert "dominated hypervolume" in page("/compare?run=front").text


def test_the_list_has_the_progress_of_each_run(make: Make, visit: Visit, tmp_path: Path) -> None:
    make("run", made_trials(20), budget=40)
    make("none", budget=40)
    text = visit(tmp_path / "results").get("/").text
    assert text.count('<svg class="rise"') == 1
    assert '<progress class="bar" value="20" max="40" aria-label="Trials of run">' in text


def test_units_are_those_that_the_evaluator_tells(make: Make, visit: Visit, tmp_path: Path) -> None:
    make("table", made_trials(3))
    make("own", made_trials(3), evaluator="mine:train")
    make("told", made_trials(3), evaluator="mine:train", units={"accuracy": "points", "latency": "s"})
    page = visit(tmp_path / "results").get
    for name, said, heading in (("table", "80.2 %", "accuracy (%)"), ("own", "80.2<", "accuracy<"),
                                ("told", "80.2 points", "accuracy (points)")):  # fmt: skip
        assert said in page(f"/?q={name}").text, name
        text = page(f"/runs/{name}").text
        assert said in text, name
        assert heading in text, name
        figure = page(f"/runs/{name}/figures/progress.json").json()
        assert heading.rstrip("<") == figure["layout"]["yaxis"]["title"]["text"]
    assert "latency (s)" in page("/runs/told/pareto").text


def test_what_cannot_work_is_not_offered(make: Make, visit: Visit, tmp_path: Path) -> None:
    make("run", made_trials(3), RunState.STOPPED, evaluator="python:__main__.train")
    text = visit(tmp_path / "results").get("/runs/run").text
    assert "bonag resume" not in text
    assert "data-copy" not in text
    assert "Its evaluator was a Python object" in text


def test_a_run_has_figures_to_choose_from(make: Make, visit: Visit, tmp_path: Path) -> None:
    told = [replace(trial, curve=(Point(1, {"accuracy": 70.0}, 0),)) for trial in made_trials(3)]
    make("told", told)
    make("silent", made_trials(3))
    page = visit(tmp_path / "results").get
    for run, others in (("told", ["curves"]), ("silent", [])):
        text = page(f"/runs/{run}").text
        assert re.findall(r'id="figure-(\w+)"', text) == ["seconds", "workers", *others, "distribution"]
        assert f"/runs/{run}/figures/seconds.json" in text
    part = page("/runs/told?part=figure&figure=curves").text
    assert "figures/curves.json" in part
    assert "<html" not in part
    assert page("/runs/told/figures/nix.json").status_code == 404


@pytest.mark.slow
def test_a_run_that_goes_on_says_how_long_it_takes(make: Make, visit: Visit, tmp_path: Path) -> None:
    values = {"space": "nb201", "evaluator": "table", "task": "cifar10", "budget": 30, "strategy": "random"}
    with create_record(tmp_path / "results", RunConfig(name="run", **values), "Made up.") as record:
        write(record, made_trials(20))
        page = visit(tmp_path / "results").get
        assert "about 10.0 s left" in page("/runs/run").text
        record.set_state(RunState.FINISHED, None)
    time.sleep(1.1)
    assert "s left" not in page("/runs/run/state").text


def test_two_trials_are_compared(make: Make, visit: Visit, tmp_path: Path) -> None:
    make("a", made_trials(5))
    make("b", made_trials(5, seed=1), objective="-latency")
    page = visit(tmp_path / "results").get
    text = page("/compare/trials?run=a&trial=0&trial=4").text
    assert text.count("data-differs") >= 2
    assert "What differs:" in text
    assert "+0.4 %" in text
    assert 'value="4"' in text
    assert "b, <a href=" in page("/compare/trials?trial=a:1&trial=b:2").text
    assert "the same architecture" in page("/compare/trials?trial=a:1&trial=a:1").text
    assert "first two of 3" in page("/compare/trials?trial=a:1&trial=a:2&trial=a:3").text
    for query in ("", "?trial=a:1", "?run=a"):
        assert "Choose two trials" in page(f"/compare/trials{query}").text
    for query in ("trial=a:99", "trial=nix:1", "trial=1", "trial=a:", "run=a&trial=x"):
        assert page(f"/compare/trials?{query}").status_code == 404, query
    assert 'name="trial" value="a:4"' in page("/runs/a/pareto").text


@pytest.mark.parametrize("trials", [0, 12])
def test_a_run_without_results_has_its_pages(make: Make, visit: Visit, tmp_path: Path, trials: int) -> None:
    failed = [replace(t, status=TrialStatus.FAILED, metrics={}, reason="it broke") for t in made_trials(trials)]
    make("run", failed, objective=("accuracy", "-latency"), constraints=("latency<=3",))
    page = visit(tmp_path / "results").get
    for path in ("/", "/runs/run", "/runs/run/figures/progress.json", "/runs/run/figures/seconds.json",
                 "/runs/run/figures/workers.json", "/runs/run/figures/distribution.json", "/compare?run=run&x=clock",
                 "/runs/run/trials.csv", "/compare?run=run", "/runs/run/state"):  # fmt: skip
        assert page(path).status_code == 200, path
    assert ("All 12 trials failed" if trials else "No trial yet") in page("/runs/run").text


@pytest.mark.parametrize("objective", [{"objective": "+latency"}, {"objective": ("accuracy", "-latency")},
                                       {"constraints": ("latency<=3",)}])  # fmt: skip
def test_a_trial_without_a_metric_of_the_objective_has_failed_and_stops_no_page(
    make: Make, visit: Visit, tmp_path: Path, objective: dict[str, object]
) -> None:
    trials = made_trials(5)
    trials[2] = replace(trials[2], metrics={"accuracy": 70.0})
    make("run", trials, **objective)
    page = visit(tmp_path / "results").get
    for path in ("", "/trials/2", "/trials/3", "/pareto", "/pareto/figure", "/pareto/trials/2", "/analyses",
                 "/predictor", "/generator", "/trials.csv", "/figures/progress.json"):  # fmt: skip
        assert page(f"/runs/run{path}").status_code == 200, path
    assert "completed without metric &#39;latency&#39;" in page("/runs/run").text


def test_no_number_in_an_address_is_too_odd(make: Make, visit: Visit, tmp_path: Path) -> None:
    make("run", made_trials(1))
    page = visit(tmp_path / "results").get
    for path in ("/trials/{}", "/pareto/trials/{}", "/analyses/health/{}/0.json", "?page={}"):
        for number in ("9" * 18, "9" * 5000, "-1", "%C2%B2", "%00"):
            assert page(f"/runs/run{path.format(number)}").status_code in (200, 404), (path, number)


def test_a_broken_run_an_unknown_one_and_an_error_of_ours_have_pages(make: Make, visit: Visit, tmp_path: Path) -> None:
    (make("torn", made_trials(30)) / "record.db").write_bytes(b"no database" * 400)
    client = visit(tmp_path / "results")
    torn = client.get("/runs/torn")
    assert torn.status_code == 503
    assert "damaged" in torn.text
    assert "unreadable" in client.get("/").text
    for path in ("/runs/nix", "/runs/nix/trials.csv", "/events?key=nix", "/nix"):
        assert client.get(path).status_code == 404, path
    assert "<h1>Not found</h1>" in client.get("/runs/nix").text

    class Wrong(Source):
        def summaries(self) -> None:
            raise RuntimeError("a secret")

    answer = visit(Wrong()).get("/")
    assert answer.status_code == 500
    assert "could not be made" in answer.text
    assert "Traceback" not in answer.text
    assert "secret" not in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_twenty_runs_are_listed_at_once(make: Make, visit: Visit, tmp_path: Path) -> None:
    import shutil

    folder = make("run-0", made_trials(100), out="made")
    for number in range(20):
        # A copy, under its own folder's name: all that counts here is how long reading takes.
        shutil.copytree(folder, tmp_path / "results" / f"copy-{number}")
    client = visit(tmp_path / "results")
    client.get("/nix")
    start = time.monotonic()
    assert len(names(client.get("/").text)) == 20
    assert time.monotonic() - start < 1.0
