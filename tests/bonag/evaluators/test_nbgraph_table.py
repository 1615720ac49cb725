"""The tables of NAS-Bench-Graph are read from the package that its authors publish, and damaged ones are told."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

import bonag
from bonag.cli import main
from bonag.evaluators import make_evaluator, nbgraph_table, task_names
from bonag.evaluators.nbgraph_table import DATA_SETS, PACKAGE, table_key
from bonag.plain_pickle import load_plain
from bonag.running_trial import RunningTrial
from search_spaces import get_space
from search_spaces.errors import UserError
from search_spaces.nbgraph import NBGraphArchitecture
from search_spaces.nbgraph.trees import MAX_NODES, OPERATIONS

SPACE, FEW = get_space("nbgraph"), get_space("nbgraph-proteins")
TRIAL = RunningTrial(seed=0)


@pytest.fixture(scope="session")
def installed() -> Path:
    """The folder of the package's tables."""
    try:
        return Path(str(distribution(PACKAGE).locate_file("nas_bench_graph/light")))
    except PackageNotFoundError:
        pytest.skip("needs benchmark data: pip install 'bonag[nbgraph]'")


def raw(folder: Path, task: str) -> dict[int, dict[str, float]]:
    return load_plain((folder / f"{task}.bench").read_bytes())


def told(task: str = "cora", space=SPACE) -> str:
    with pytest.raises(UserError) as error:
        make_evaluator(space, "table", task)
    assert "\n" not in str(error.value)
    return str(error.value)


def command(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert not ended.value.code


# The benchmark's own tables


def test_the_space_is_that_of_the_tables(installed: Path) -> None:
    assert {table_key(one) for one in SPACE.all()} == set(raw(installed, "cora"))
    assert {table_key(one) for one in FEW.all()} == set(raw(installed, "proteins"))


def test_keys_are_those_of_the_authors_code(installed: Path) -> None:
    authors = pytest.importorskip("nas_bench_graph.architecture", reason="needs benchmark data: bonag[nbgraph]")
    rng = np.random.default_rng(0)
    for _ in range(2000):
        inputs = tuple(int(rng.integers(node + 1)) for node in range(MAX_NODES))
        names = tuple("skip" if rng.random() < 0.4 else str(rng.choice(OPERATIONS)) for _ in range(MAX_NODES))
        if set(names) != {"skip"}:
            theirs = authors.Arch(list(inputs), list(names)).valid_hash()
            assert table_key(NBGraphArchitecture.of(inputs, names)) == theirs


@pytest.mark.slow
@pytest.mark.parametrize("task", ["cora", "citeseer", "pubmed", "proteins"])
def test_every_network_has_the_benchmarks_numbers(installed: Path, task: str) -> None:
    space = FEW if task == "proteins" else SPACE
    evaluator = make_evaluator(space, "table", task)
    table = raw(installed, task)
    every = space.all()
    rows = [table[table_key(one)] for one in every]
    found = evaluator.evaluate_many(every)
    assert np.allclose(found["accuracy"], [100 * row["perf"] for row in rows], rtol=1e-12)
    assert np.allclose(found["validation_accuracy"], [100 * row["valid_perf"] for row in rows], rtol=1e-12)
    assert np.array_equal(found["latency"], [row["latency"] for row in rows])
    # Counted in our networks, and as the authors counted theirs.
    assert np.array_equal(found["params"], [round(1e6 * row["para"]) for row in rows])
    assert f"of {len(every):,} graph networks" in evaluator.description


@pytest.mark.parametrize("task", list(DATA_SETS))
def test_all_data_sets_are_read(installed: Path, task: str) -> None:
    evaluator = make_evaluator(FEW, "table", task)
    assert not any(np.isnan(column).any() for column in evaluator.evaluate_many(FEW.all()).values())
    assert (evaluator.task, evaluator.network_size.num_classes) == (task, DATA_SETS[task].num_classes)


def test_cora_comes_first_and_proteins_in_its_own_space(installed: Path) -> None:
    assert task_names("nbgraph", "table") == list(DATA_SETS)
    assert task_names("nbgraph-proteins") == ["proteins", *list(DATA_SETS)[:-1]]
    assert make_evaluator(SPACE).evaluate(SPACE.parse("gcn~0|gcn~0|gcn~0|gcn~0"), TRIAL) == pytest.approx(
        {
            **{"accuracy": 78.8667, "validation_accuracy": 77.7333, "latency": 0.004275163},
            **{"params": 1_734_663, "macs": 1_731_328},
        }
    )


def test_what_was_not_trained_on_proteins_fails_and_says_so(installed: Path) -> None:
    evaluator = make_evaluator(SPACE, "table", "proteins")
    assert "Of the 26,206 networks of space 'nbgraph' the others were not trained on proteins" in evaluator.description
    assert evaluator.evaluate(SPACE.parse("gcn~0|sage~1"), TRIAL)["accuracy"] > 50
    with pytest.raises(LookupError, match=r"gat~0 was not trained on proteins: .* gcn, sage, arma, fc, skip there"):
        evaluator.evaluate(SPACE.parse("gat~0"), TRIAL)
    assert np.isnan(evaluator.evaluate_many([SPACE.parse("gat~0")])["accuracy"]).all()
    assert "the others" not in make_evaluator(FEW).description


@pytest.mark.slow
def test_a_run_from_the_command_line(installed: Path, tmp_path: Path, capsys) -> None:
    options = ["--task", "cora", "--budget", "8", "--name", "found", "--out", str(tmp_path)]
    command("run", "--space", "nbgraph", *options)
    assert "finished: 8 trials of 8" in capsys.readouterr().out
    result = bonag.load(str(tmp_path / "found"))
    table = raw(installed, "cora")
    for trial in result.history:
        row = table[table_key(trial.architecture)]
        assert trial.metrics["accuracy"] == pytest.approx(100 * row["perf"])
        assert trial.metrics["params"] == round(1e6 * row["para"])
    command("best", str(tmp_path / "found"), "--json")
    assert json.loads(capsys.readouterr().out)["best"][0]["architecture"] == str(result.best.architecture)


@pytest.mark.slow
def test_a_search_is_repeated_exactly(installed: Path, tmp_path: Path) -> None:
    runs = [
        bonag.search("nbgraph-proteins", budget=6, seed=3, out=str(tmp_path), name=name).history for name in ("a", "b")
    ]
    assert [(one.architecture, one.metrics) for one in runs[0]] == [(one.architecture, one.metrics) for one in runs[1]]


# A package that is not there, or not as it was


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nbgraph_table, "PACKAGE", "nas-bench-graph-of-nobody")
    assert told().endswith("which is not installed: pip install 'bonag[nbgraph]'")
    with pytest.raises(UserError, match=r"pip install 'bonag\[nbgraph\]'"):
        task_names("nbgraph", "table")


class Runs:
    """What a hostile pickle does when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def row(**changed: object) -> dict[str, object]:
    return {"perf": 0.5, "valid_perf": np.float64(0.25), "latency": 0.01, "para": np.float64(1.5), **changed}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that installs tables of ours under the package's name: the content of proteins.bench."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(content: bytes, checksum: bytes | None = None) -> Path:
        path = tmp_path / "nas_bench_graph" / "light" / "proteins.bench"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(checksum or content).digest()).decode().rstrip("=")
        facts = tmp_path / f"{PACKAGE.replace('-', '_')}-1.4.0.dist-info"
        facts.mkdir(exist_ok=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.4.0\n")
        (facts / "RECORD").write_text(f"nas_bench_graph/light/proteins.bench,sha256={digest},{len(content)}\n")
        return path

    return install


def test_a_table_in_its_form_is_read(package) -> None:
    table = {table_key(one): row() for one in FEW.all()}
    table[table_key(FEW.all()[7])] = row(perf=np.float64(0.875))
    package(pickle.dumps(table))
    found = make_evaluator(FEW).evaluate_many(FEW.all()[6:9])
    assert found["accuracy"].tolist() == [50.0, 87.5, 50.0]
    assert found["validation_accuracy"].tolist() == [25.0] * 3


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table.popitem(), "holds 2,020 rows and must hold the 2,021 of NAS-Bench-Graph on proteins"),
        (lambda table: table.update({1: table.pop(1111)}), "has 'None' as perf of gcn~0|"),
        (lambda table: table[1111].update(perf=1.5), "has '1.5' as perf of gcn~0|gcn~0|gcn~0|gcn~0"),
        (lambda table: table[1111].update(latency=float("nan")), "has 'nan' as latency of"),
        (lambda table: table[1111].update(valid_perf="0.5"), "has '0.5' as valid_perf of"),
        (lambda table: table.update({1111: [0.5, 0.5]}), "has 'None' as perf of"),
    ],
)
def test_damaged_rows_are_told(package, spoil, message: str) -> None:
    table = {table_key(one): row() for one in FEW.all()}
    spoil(table)
    path = package(pickle.dumps(table))
    said = told("proteins", FEW)
    assert said.startswith(str(path))
    assert message in said


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1, 2]), pickle.dumps({1: row()})[:-20]])
def test_damaged_files_are_told(package, content: bytes) -> None:
    path = package(content)
    assert told("proteins", FEW).startswith(f"cannot read {path}: ")


def test_a_file_that_changed_since_it_was_installed_is_told(package) -> None:
    whole = pickle.dumps({table_key(one): row() for one in FEW.all()})
    path = package(whole[:-30] + whole[-29:], checksum=whole)
    assert told("proteins", FEW).startswith(f"{path} is not as it was installed: pip install --force-reinstall")


def test_a_package_without_the_table_is_told(package) -> None:
    package(b"")
    assert told("cora").startswith("the installed nas-bench-graph has no table nas_bench_graph/light/cora.bench")


def test_a_hostile_pickle_runs_nothing(package, tmp_path: Path) -> None:
    package(pickle.dumps({1: Runs(tmp_path / "ran")}))
    assert told("proteins", FEW).endswith("and only arrays, texts and lists are read")
    assert not (tmp_path / "ran").exists()
