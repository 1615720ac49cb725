"""A report is one file that says all of a run, loads nothing, and gives nothing of its machine away."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shlex
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from bonag.insight.trials import Measured
from bonag.record import create_record
from bonag.ui.assets import Script, data_block
from bonag.ui.belief import spread
from bonag.ui.commands import reproduction
from bonag.ui.portable import portable, without_home
from bonag.ui.report import choose_run, page, sample, write_report
from bonag.ui.source import Summary, View
from bonag.ui.sources import open_source
from bonag.ui.sources.ax import AxArm
from loops.config import RunConfig
from loops.config_json import config_from_json
from loops.ending import RunState
from loops.gain import NOTHING
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import get_space
from search_spaces.errors import UserError

from .conftest import Make, made_trials, write

NB201 = get_space("nb201")
EVIL = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> & \u2028"


class Parsed(HTMLParser):
    """The elements of a page that could load something, its scripts, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.words = ""
        self._script: str | None = None
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag in ("script", "style")
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside and self.scripts:
            kind, text = self.scripts[-1]
            self.scripts[-1] = kind, text + data
        elif not self._inside:
            # Elements stand apart, as they do on the page.
            self.words += f"{data}\n"

    @property
    def policy(self) -> str:
        return next(str(a["content"]) for t, a in self.tags if a.get("http-equiv") == "Content-Security-Policy")

    @property
    def data(self) -> list[object]:
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]


def written(source: Path, path: Path, predictor: bool = False) -> Parsed:
    """The report of a run's folder."""
    opened = open_source(str(source))
    write_report(opened, choose_run(opened), path, predictor)
    return Parsed(path.read_text(encoding="utf-8"))


def words(parsed: Parsed) -> str:
    return " ".join(parsed.words.split())


def view_of(trials, goals="accuracy", constraints=(), **config) -> View:
    objective = Objective.parse(goals, constraints)
    made = RunConfig(
        name="run", space="nb201", evaluator="table", objective=goals, constraints=tuple(constraints), **config
    )
    summary = Summary(
        "run", "run", "bonag", "finished", "nb201", None, "bonag", str(objective), None, len(trials), None, None, None,
        None, None,
    )  # fmt: skip
    return View(summary, History(trials), objective, NB201, made, "what the numbers are", None, "/home/ada/runs/run")


@pytest.mark.slow
def test_it_is_one_file_that_its_own_policy_lets_load_nothing(make: Make, tmp_path: Path):
    parsed = written(make("a", made_trials(100)), tmp_path / "a.html")
    for tag, attributes in parsed.tags:
        for name in ("src", "href", "data", "action", "poster", "srcset", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/")), (tag, name, value)
        assert not [name for name in attributes if name.startswith("on")]
        assert tag not in ("iframe", "object", "embed", "base")
    assert not re.search(r"@import|url\(", Path(tmp_path / "a.html").read_text().split("</style>")[0])
    directives = dict(part.strip().split(" ", 1) for part in parsed.policy.split(";"))
    assert directives["default-src"] == "'none'"
    digests = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for kind, text in parsed.scripts
        if kind is None
    ]
    assert directives["script-src"].split() == digests
    assert (tmp_path / "a.html").stat().st_size <= 6e6


def test_it_says_what_was_searched_what_was_found_and_how_it_went(make: Make, tmp_path: Path):
    trials = made_trials(30)
    parsed = written(make("a", trials, seed=7, budget=40), tmp_path / "a.html")
    text = words(parsed)
    for part in ("nb201, 15,625 architectures", "table, task cifar10", "Made up.", "maximise accuracy", "evolution"):
        assert part in text
    for part in ("Seed 7", "40 trials", "Best architecture Trial 29", "The best of 30 completed trials"):
        assert part in text
    assert sum(1 for tag, attributes in parsed.tags if attributes.get("role") == "img" and tag == "svg") == 1 + 12
    assert sum("data-figure" in attributes for _, attributes in parsed.tags) == 3
    rows = [str(attributes["id"]) for tag, attributes in parsed.tags if tag == "tr" and "id" in attributes]
    assert rows == [f"trial-{trial.index}" for trial in trials]
    assert all(str(trial.architecture) in parsed.words for trial in trials)


def test_its_csv_holds_all_that_is_known(make: Make, tmp_path: Path):
    trials = made_trials(12)
    *_, table = written(make("a", trials), tmp_path / "a.html").data
    lines = list(csv.DictReader(io.StringIO(str(table))))
    assert [float(line["latency"]) for line in lines] == [trial.metrics["latency"] for trial in trials]


def test_markup_in_a_reason_is_text(make: Make, tmp_path: Path):
    first, *others = made_trials(12)
    failed = replace(first, status=TrialStatus.FAILED, metrics={}, reason=EVIL)
    parsed = written(make("a", [failed, *others], RunState.STOPPED, EVIL), tmp_path / "a.html")
    assert parsed.words.count(EVIL) == 2
    assert "img" not in {tag for tag, attributes in parsed.tags if attributes.get("src") == "x"}
    assert not [text for kind, text in parsed.scripts if kind is None and "alert(1)" in text]
    assert EVIL in str(parsed.data[-1])


def test_data_keeps_its_meaning_in_a_script_block():
    text = data_block(json.dumps({EVIL: [EVIL, 1.5]}, ensure_ascii=False))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {EVIL: [EVIL, 1.5]}
    with pytest.raises(ValueError, match="markup"):
        Script("x = '</ScRipt>'")


def test_a_run_without_trials_has_a_report(make: Make, tmp_path: Path):
    text = words(written(make("a"), tmp_path / "a.html", predictor=True))
    assert "There is no trial yet" in text
    assert "0 completed trials have a value of accuracy so far. From 10 on" in text
    assert "0 trials have completed so far. From 5 on, there is a picture of what steering" in text


def test_a_run_in_which_all_failed_says_why(make: Make, tmp_path: Path):
    trials = [replace(t, status=TrialStatus.FAILED, metrics={}, reason="out of memory") for t in made_trials(5)]
    parsed = written(make("a", trials, RunState.STOPPED, "5 failures in a row"), tmp_path / "a.html")
    assert "All 5 trials failed" in words(parsed)
    assert parsed.words.count("out of memory") == 5
    assert "5 failures in a row" in parsed.words
    assert "bonag resume a" in words(parsed)


def test_a_live_run_says_that_it_went_on(tmp_path: Path):
    config = RunConfig(name="a", space="nb201", evaluator="table", budget=20, strategy="random")
    with create_record(tmp_path / "results", config, "Made up.") as record:
        write(record, made_trials(3))
        text = words(written(tmp_path / "results" / "a", tmp_path / "a.html"))
    assert "while the run was going on: it shows the 3 trials that there were by then" in text


def test_of_several_goals_it_shows_the_ends_of_the_front(make: Make, tmp_path: Path):
    path = make("a", made_trials(20), objective=("accuracy", "-latency"), constraints=("latency<=4",))
    parsed = written(path, tmp_path / "a.html")
    text = words(parsed)
    assert "Best accuracy Trial 12" in text
    assert "Best latency Trial 0" in text
    assert "13 trials are beaten by no other in all goals; these 12 spread over them" in text
    figure = parsed.data[2]
    assert isinstance(figure, dict)
    assert figure["summary"] == "accuracy against latency of 20 trials: 13 trials on the front, 7 infeasible."


def test_where_nothing_meets_the_constraints_it_shows_the_nearest(make: Make, tmp_path: Path):
    path = make("a", made_trials(20), constraints=("latency<=0.5",))
    text = words(written(path, tmp_path / "a.html"))
    assert "No trial meets latency<=0.5. The one that comes nearest: Trial 0" in text
    assert "nearest accuracy" in text


def test_an_ax_experiment_has_a_report_without_drawings():
    arms = [AxArm(f"{i}_0", (("lr", 0.1 * i), (EVIL, i))) for i in range(12)]
    trials = [Trial(i, arm, TrialStatus.COMPLETED, {"loss": float(i)}) for i, arm in enumerate(arms)]  # type: ignore[arg-type]
    summary = Summary("ax", EVIL, "ax", "finished", None, None, None, "-loss", NOTHING, 12)
    view = View(summary, History(trials), Objective.parse("-loss"), None, None, EVIL, None, "/data/ax.json")
    parsed = Parsed(page(view))
    assert "How to reproduce" not in parsed.words
    assert "reads the graphs of a bonag search space" in parsed.words
    assert "Trial 0" in parsed.words
    assert "/data" not in parsed.words
    assert not any(attributes.get("src") == "x" for _, attributes in parsed.tags)


def test_nothing_of_the_machine_is_told():
    home = str(Path.home())
    reasons = [f"no file {home}/x.pt", "no file '/home/ada/x.pt'", "no file /Users/ada/x", r"C:\Users\ada\x", "/root/x"]
    trials = [
        replace(t, status=TrialStatus.FAILED, metrics={}, reason=reason)
        for t, reason in zip(made_trials(5), reasons, strict=True)
    ]
    view = view_of(
        trials, data="/home/ada/tables", record="postgresql://ada:s3cr3t@host/runs?sslpassword=s3cr3t", budget=5
    )
    text = unescape(page(view))
    for secret in (home + "/", "/home/ada", "/Users/ada", r"Users\\ada", "/root", "s3cr3t"):
        assert secret not in text
    assert "no file '~/x.pt'" in text
    assert "a folder 'tables'" in text
    assert "--record postgresql://ada@host/runs" in text
    assert "--data tables" in text


@pytest.mark.parametrize("text", ["a /homework", "the root/x of all", "x/home/ada is there"])
def test_what_is_no_home_stays(text):
    assert without_home(text).endswith(text[-8:])


def test_the_command_gives_the_same_configuration_again(make: Make):
    options = {"objective": ("accuracy", "-latency"), "constraints": ("latency<=4",), "batch_size": 3, "seed": 5}
    source = open_source(str(make("a", made_trials(3), **options)))
    found = reproduction(portable(source.view(choose_run(source))))
    assert found is not None
    said = shlex.split(found.command or "")
    assert said[:2] == ["bonag", "run"]
    assert {"--objective=-latency", "latency<=4"} < set(said)
    assert said[said.index("--batch-size") + 1] == "3"
    config = config_from_json(found.config)
    assert (config.seed, config.objective, config.constraints) == (5, ("accuracy", "-latency"), ("latency<=4",))
    assert dict(found.versions)["bonag"]
    assert ("batch_size", "3") in found.changed


@pytest.mark.parametrize("path", ["nowhere/a.html", "a.pdf", "folder.html"])
def test_a_bad_path_is_told_before_anything_is_computed(path, make: Make, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.html").mkdir()
    source = open_source(str(make("a", made_trials(12))))
    told: list[str] = []
    with pytest.raises(UserError, match=re.escape(Path(path).name)):
        write_report(source, choose_run(source), Path(path), tell=told.append)
    assert not told
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder.html", "results"]


def test_an_old_report_stays_whole_until_the_new_one_is(make: Make, tmp_path: Path, monkeypatch):
    source, path = open_source(str(make("a", made_trials(12)))), tmp_path / "a.html"
    path.write_text("old")
    with monkeypatch.context() as patched:
        patched.setattr("bonag.ui.report.table_of", lambda view: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_report(source, "a", path, predictor=False)
    assert path.read_text() == "old"
    write_report(source, choose_run(source), path, predictor=False)
    assert path.read_text().startswith("<!doctype html>")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.html", "results"]


def test_of_several_runs_one_has_to_be_named(make: Make, tmp_path: Path):
    make("first", made_trials(2))
    make("second", made_trials(2))
    source = open_source(str(tmp_path / "results"))
    assert choose_run(source, "second") == "second"
    with pytest.raises(UserError, match=r"2 experiments \(first, second\): choose one by --name"):
        choose_run(source)
    with pytest.raises(UserError, match="did you mean 'second'"):
        choose_run(source, "secnod")


def test_a_long_run_is_thinned_evenly_for_the_predictor():
    data = Measured(NB201, "accuracy", 1.0, np.arange(5000), np.zeros((5000, 6), dtype=int), np.arange(5000.0))
    thin = spread(data, 200)
    assert len(thin) == 200
    assert (thin.trials[0], thin.trials[-1]) == (0, 4999)
    assert np.ptp(np.diff(thin.trials)) <= 1
    assert spread(thin, 200) is thin


def test_a_report_without_samples_says_why_and_names_no_home(monkeypatch: pytest.MonkeyPatch):
    def fail(*args: object) -> None:
        raise OSError("no file /home/ada/generator.safetensors")

    monkeypatch.setattr("bonag.ui.samples.guidance", fail)
    made = sample(view_of(made_trials(6)))
    assert made.reason == "Nothing could be generated: OSError: no file ~/generator.safetensors"
    # What needs no generator is there.
    assert len(made.own) == 1
    assert made.spreads == {}


@pytest.mark.slow
def test_it_holds_what_the_predictor_knows_and_what_the_generator_makes(make: Make, tmp_path: Path):
    parsed = written(make("a", made_trials(24)), tmp_path / "a.html", predictor=True)
    text = words(parsed)
    assert sum("data-figure" in attributes for _, attributes in parsed.tags) == 3 + 5 + 2
    for part in ("Kendall tau", "In 90 % intervals", "What matters", "Strategy evolution does not use"):
        assert part in text
    # After 10 trials, and after all.
    assert "Proposed, and by chance" in text
    kinds = [attributes["data-kind"] for _, attributes in parsed.tags if "data-kind" in attributes]
    assert kinds == ["unguided", "proposed"] * 2
    assert "The accuracy of each trial, by how it was proposed." in text
