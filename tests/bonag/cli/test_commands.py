from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import bonag

Call = Callable[..., Any]
Spawn = Callable[..., subprocess.Popen[str]]
TABLE = ("run", "--space", "nb201", "--evaluator", "table", "--strategy", "evolution")


@pytest.fixture
def done(call: Call, tables: None) -> Path:
    """A finished run of 25 trials, ``results/done``."""
    assert call(*TABLE, "--budget", "25", "--name", "done").status == 0
    return Path("results/done")


@pytest.mark.slow
def test_help_names_every_command_and_every_option(call: Call) -> None:
    top = call("--help")
    assert top.status == 0
    assert call().out == top.out
    for command in ("run", "resume", "status", "best", "trials", "spaces", "export"):
        assert re.search(rf"\b{command}\b", top.out)
        assert call(command, "--help").status == 0
    options = "space evaluator task objective budget strategy seed name out batch-size device executor record data"
    assert all(f"--{option}" in call("run", "--help").out for option in [*options.split(), "max-failures"])


def test_version(call: Call) -> None:
    assert call("--version").out == f"bonag {bonag.__version__}\n"


def test_a_run_says_what_it_does_what_its_numbers_are_and_what_it_found(call: Call, tables: None) -> None:
    said = call(*TABLE, "--task", "cifar100", "--budget", "30", "--seed", "2")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    name = "nb201-table-cifar100-evolution-seed2-1"
    assert lines[0] == f"run {name} in results/{name}"
    about = f"(more: bonag status {name} --about)"
    assert lines[2] == f"evaluator table on cifar100: Exact look-ups in the table of NAS-Bench-201 {about}"
    result = bonag.load(name)
    assert len(result.description) > 300
    assert call("status", name, "--about").out == f"{result.description}\n"
    assert result.best is not None
    assert "finished: 30 trials of 30" in said.out
    assert f"best trial {result.best.trial}: accuracy {result.best.metrics['accuracy']:.6g}" in said.out
    assert str(result.best.architecture) in said.out
    assert f"{result.best.params / 1e6:.4g} M params" in said.out
    assert f"{result.best.macs / 1e6:.4g} M MACs" in said.out
    for command in (f"bonag best {name}", f"bonag trials {name}", f"bonag export {name}"):
        assert command in said.out
    assert "finished" in (result.path / "run.log").read_text()


@pytest.mark.slow
def test_the_same_run_twice_is_the_same(call: Call, tables: None) -> None:
    for name in ("one", "two"):
        call(*TABLE, "--budget", "25", "--name", name)
    one, two = (call("trials", name, "--csv").out for name in ("one", "two"))
    columns = list(csv.DictReader(io.StringIO(one)))
    assert [row["architecture"] for row in columns] == [r["architecture"] for r in csv.DictReader(io.StringIO(two))]
    assert len(columns) == 25


@pytest.mark.slow
def test_lines_are_few_however_many_trials_there_are(call: Call, tables: None) -> None:
    said = call(*TABLE, "--budget", "400")
    progress = [line for line in said.out.splitlines() if line.startswith("[")]
    assert 1 <= len(progress) <= 30
    assert re.fullmatch(r"\[400/400\] best accuracy [\d.]+ % \(trial \d+\), [\d.e+]+ trials/s, 0 s left", progress[-1])


def test_status(call: Call, done: Path) -> None:
    said = call("status", "done")
    assert "run done in results/done" in said.out
    assert "finished: 25 trials of 25" in said.out
    data = json.loads(call("status", done, "--json").out)
    best = data.pop("best")
    assert data.pop("description") == bonag.load("done").description
    assert data.pop("front") == [best["trial"]]
    assert data == {
        "run": "done",
        "path": "results/done",
        "state": "finished",
        "reason": None,
        "space": "nb201",
        "evaluator": "table",
        "task": "cifar10",
        "objective": "accuracy",
        "constraints": [],
        "strategy": "evolution",
        "seed": 0,
        "budget": 25,
        "trials": 25,
        "completed": 25,
        "queries": 25,
        "known": 0,
        "failed": 0,
        "stopped": 0,
        "abandoned": 0,
        "running": 0,
        "infeasible": 0,
        "note": "",
        "tags": [],
    }
    assert set(best) == {"trial", "architecture", "metrics", "params", "macs"}


def test_best(call: Call, done: Path) -> None:
    result = bonag.load("done")
    data = json.loads(call("best", "done", "-k", "3", "--json").out)
    assert (data["run"], data["objective"]) == ("done", "accuracy")
    assert [found["trial"] for found in data["best"]] == [found.trial for found in result.top(3)]
    assert data["best"][0]["metrics"] == dict(result.top(1)[0].metrics)
    assert len(json.loads(call("best", "done", "--json").out)["best"]) == 5
    lines = call("best", "done", "-k", "2").out.splitlines()
    assert [line.strip() for line in lines[1::2]] == [str(found.architecture) for found in result.top(2)]


def test_trials(call: Call, done: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(call("trials", "done", "--csv").out)))
    history = bonag.load("done").history
    assert [int(row["trial"]) for row in rows] == list(range(25))
    assert [row["architecture"] for row in rows] == [str(trial.architecture) for trial in history]
    # Exactly, to the last bit.
    assert [float(row["accuracy"]) for row in rows] == [trial.metrics["accuracy"] for trial in history]
    assert len(call("trials", "done").out.splitlines()) == 26
    for row, trial in zip(rows, history, strict=True):
        assert (row["params"], row["macs"]) == (f"{trial.metrics['params']:.0f}", f"{trial.metrics['macs']:.0f}")
        moments = [datetime.fromisoformat(row[name]).timestamp() for name in ("proposed_at", "ended_at")]
        assert moments == pytest.approx([trial.proposed_at, trial.ended_at], abs=1e-3)
        assert float(row["evaluation_seconds"]) == trial.evaluation_seconds


@pytest.mark.slow
def test_a_quiet_run_says_where_it_is_and_nothing_else(call: Call, tables: None) -> None:
    said = call(*TABLE, "--budget", "6", "--name", "still", "--quiet")
    assert said == (0, "results/still\n", "")
    assert call("resume", "still", "-q") == (0, "results/still\n", "")
    assert call("resume", "still", "-q", "--budget", "8") == (0, "results/still\n", "")
    assert len(bonag.load(said.out.strip()).history) == 8
    refused = call(*TABLE, "--name", "still", "-q")
    assert (refused.status, refused.out) == (2, "")
    assert "results/still exists already" in refused.err


def test_errors_of_a_quiet_run_are_still_said(
    call: Call, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, slow_evaluator: Path
) -> None:
    monkeypatch.syspath_prepend(elsewhere / "site")
    monkeypatch.setenv("SLOW", "not a number")
    said = call(*TABLE, "--evaluator", "slow", "--max-failures", "2", "--name", "failing", "-q")
    assert (said.status, said.out) == (1, "results/failing\n")
    assert said.err.startswith("error: 2 evaluations in a row failed")


def test_a_deviation_has_the_unit_of_its_metric_and_a_metric_the_one_that_its_evaluator_declares(call: Call) -> None:
    call("run", "--space", "nb201", "--budget", "2", "--strategy", "random", "--name", "one")
    assert re.search(r"accuracy [\d.]+ %, accuracy_sd [\d.]+ %, ", call("best", "one").out)
    words = ("--space", "nbgraph-proteins", "--strategy", "random", "--objective=-latency", "--budget", "2")
    said = call("run", *words, "--name", "graph")
    assert re.search(r"best trial \d: latency [\d.]+ s, accuracy [\d.]+ %", said.out)
    assert "latency (s)" in call("trials", "graph").out
    assert re.search(r"-latency +2/2 +[\d.]+ s ", call("list").out)


@pytest.mark.slow
def test_a_reader_who_has_had_enough_hears_no_complaint(spawn: Spawn, call: Call, tables: None) -> None:
    call(*TABLE, "--budget", "400", "--name", "long", "--strategy", "random")
    process = spawn("trials", "long", "--csv")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("trial,")
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.slow
def test_a_run_in_progress_and_one_without_a_result(call: Call, slow_evaluator: Path, spawn: Spawn) -> None:
    process = spawn(*TABLE, "--evaluator", "slow", "--name", "live", env=os.environ | {"SLOW": "60"})
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    data = json.loads(call("status", "live", "--json").out)
    assert (data["state"], data["completed"], data["best"]) == ("running", 0, None)
    assert call("best", "live").out == "no trial has completed yet\n"
    process.kill()
    process.communicate()
    assert json.loads(call("status", "live", "--json").out)["state"] == "interrupted"


@pytest.mark.slow
def test_spaces(call: Call, tables: None) -> None:
    rows = {row["name"]: row for row in json.loads(call("spaces", "--json").out)}
    assert set(rows) >= {"nb201", "mbv3"}
    assert rows["nb201"]["size"] == 15625
    assert {"cifar10", "cifar100"} <= set(rows["nb201"]["evaluators"]["table"])
    assert {"bonag", "random", "evolution", "local-search"} <= set(rows["nb201"]["strategies"])
    assert "nb201: 15,625 architectures" in call("spaces").out


def install_space(name: str, code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose module NAME_space has a class Space, of the space with that name."""
    (folder / f"{name}_space.py").write_text(code)
    metadata = folder / f"{name}_space-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}_space\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[bonag.spaces]\n{name} = {name}_space:Space\n")
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.slow
def test_spaces_claims_no_strategy_that_would_be_refused(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from search_spaces.nb101 import NB101\nclass Space(NB101):\n    name = 'cells'\n"
    install_space("cells", code, tmp_path, monkeypatch)
    rows = {row["name"]: row["strategies"] for row in json.loads(call("spaces", "--json").out)}
    assert "bonag" not in rows["cells"]
    assert set(rows["nb201"]) - set(rows["cells"]) == {"bonag"}
    said = call("spaces").out
    assert said.count("strategy bonag needs a trained generator: bonag train-generator --space ") == 1
    assert "bonag train-generator --space cells -o FILE" in said
    assert said.count("evolution:naszilla") == 1


@pytest.mark.slow
def test_a_broken_package_is_one_line_of_spaces(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_space("broken", "raise RuntimeError('no such thing')\n", tmp_path, monkeypatch)
    said = call("spaces")
    assert said.status == 0
    assert "broken: space 'broken' cannot be loaded from broken_space:Space: RuntimeError: no such thing\n" in said.out
    assert "nb201: 15,625 architectures" in said.out
    rows = {row["name"]: row for row in json.loads(call("spaces", "--json").out)}
    assert list(rows["broken"]) == ["name", "error"]


@pytest.mark.slow
def test_a_space_of_ones_own_is_checked(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "search_spaces"))
    said = call("check-space", "blocks:Blocks")
    assert (said.status, said.out) == (0, "blocks: 15,625 architectures; nothing is wrong\n")
    Path("mine.py").write_text(
        "from search_spaces import ProductSpace, Site\n\n"
        "class Mine(ProductSpace):\n    sites = [Site('a', 'xy'), Site('b', 'xy')]\n    size = 5\n"
        "    def sample(self, n, rng):\n        return super().sample(n, rng)[:1] * n\n"
    )
    said = call("check-space", "mine:Mine")
    assert said.status == 1
    assert said.err == ""
    assert any(line.startswith("sample: ") for line in said.out.splitlines())
    assert call("check-space", "mine:Yours").status == 2


@pytest.mark.slow
def test_spaces_without_data(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BONAG_DATA", str(tmp_path))
    rows = {row["name"]: row for row in json.loads(call("spaces", "--json").out)}
    assert rows["nb201"]["evaluators"]["table"] is None
    assert "needs the file nb201_accuracy.parquet, which is not in" in call("spaces").out


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("spaces",), ("status", "done"), ("best", "done"), ("trials", "done")]
)
def test_looking_needs_neither_torch_nor_ax(arguments: tuple[str, ...], done: Path) -> None:
    script = (
        "import sys\nfrom bonag.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('torch', 'ax', 'botorch', 'ray') if name in sys.modules], file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script, *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stderr.strip() == "[]"
    assert said.stdout


def test_help_imports_next_to_nothing() -> None:
    script = (
        "import sys\nfrom bonag.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = ('numpy', 'pandas', 'sqlalchemy', 'scipy', 'pyarrow')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stderr.strip() == "[]"


def test_resuming_a_finished_run_does_nothing(call: Call, done: Path) -> None:
    before = call("trials", "done", "--csv").out
    said = call("resume", "done")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("nothing to do: finished: 25 trials of 25")
    assert call("trials", "done", "--csv").out == before


def test_another_version_is_told(call: Call, done: Path) -> None:
    import sqlite3

    # Another version started this run, and it was killed.
    path = done / "config.json"
    path.write_text(path.read_text().replace(f'"{bonag.__version__}"', '"0.0.9"'))
    with sqlite3.connect(done / "record.db") as connection:
        values = [path.read_text(), json.dumps({"bonag": "0.0.9"})]
        connection.execute("UPDATE bonag_runs SET state = 'running', config = ?, machine = ?", values)
        connection.execute("DELETE FROM bonag_metrics WHERE trial > 20")
        connection.execute("DELETE FROM bonag_trials WHERE trial > 20")
    connection.close()
    said = call("resume", "done")
    assert said.status == 0
    assert f"note: this is not as it was (bonag 0.0.9 then, {bonag.__version__} now)" in said.out
    assert "results/done, resumed after 21 trials" in said.out


@pytest.mark.parametrize("format", ["state-dict", "python"])
def test_the_network_of_a_trial_is_exported(format: str, call: Call, done: Path) -> None:
    best = bonag.load("done").best
    assert best is not None
    said = call("export", "done", "--format", format, "-o", "net")
    assert said.status == 0, said.err
    assert str(best.architecture) in said.out
    assert f"trial {best.trial}" in said.out
    assert Path("net").stat().st_size > 1000
    other = bonag.load("done").history.trials[3].architecture
    assert str(other) in call("export", "done", "--format", format, "-o", "net3", "--trial", "3").out


@pytest.mark.slow
def test_the_run_is_exported_for_ax(call: Call, done: Path) -> None:
    from ax import Client

    assert call("export", "done", "--format", "ax-json", "-o", "run.json").status == 0
    summary = Client.load_from_json_file("run.json").summarize()
    assert len(summary) == 25
    history = bonag.load("done").history
    assert list(summary["accuracy"]) == pytest.approx([trial.metrics["accuracy"] for trial in history], abs=1e-9)


def test_weights_travel_into_the_exported_network(call: Call, done: Path) -> None:
    import torch
    from safetensors.torch import load_file

    assert call("export", "done", "--format", "state-dict", "-o", "net", "--num-classes", "7").status == 0
    result = bonag.load("done")
    assert result.best is not None
    network = result.space.build(result.best.architecture, 7)
    network.load_state_dict(load_file("net"))
    assert network.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 7)


@pytest.mark.slow
def test_a_terminal_gets_one_line_that_keeps_itself_up_to_date(spawn: Spawn, tables: None) -> None:
    import pty
    import select

    master, slave = pty.openpty()
    process = spawn(*TABLE, "--budget", "150", stdout=slave, stderr=slave, text=False)
    os.close(slave)
    shown = b""
    while process.poll() is None or select.select([master], [], [], 0.1)[0]:
        try:
            shown += os.read(master, 65536)
        except OSError:
            break
    os.close(master)
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "150/150 best accuracy" in re.sub(r"\s+", " ", text)
    assert b"\x1b[" in shown
    assert "trials/s" in text
    assert "left" in text
    assert "finished: 150 trials of 150" in text
