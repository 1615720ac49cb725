"""NAS-Bench-Graph as its authors measured it: exact look-ups in the tables of the package nas-bench-graph."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

import numpy as np

from bonag.evaluators.batch import BatchEvaluator
from bonag.evaluators.data_files import check_rows
from bonag.plain_pickle import load_plain
from bonag.safe_reading import reading
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.errors import UserError
from search_spaces.nbgraph import NBGraph, NBGraphArchitecture, NBGraphProteins
from search_spaces.nbgraph.trees import MAX_NODES, OPERATIONS, pad, patterns

PACKAGE, FOLDER = "nas-bench-graph", "nas_bench_graph/light"
LARGEST = "proteins"
# The benchmark's networks for each data set, of which the costs are: classes, features of a node, width, and the linear
# layers before the tree and after it. Their parameters are those that the tables tell of all networks, but of 1,567 on
# physics, of which these tell other numbers, mostly no whole ones.
DATA_SETS = {
    name: NetworkSize(classes, None, {"features": features, "hidden": hidden, "before": before, "after": after})
    for name, classes, features, hidden, before, after in (
        ("cora", 7, 1433, 256, 0, 1),
        ("citeseer", 6, 3703, 256, 0, 1),
        ("pubmed", 3, 500, 128, 0, 0),
        ("arxiv", 40, 128, 128, 0, 1),
        ("photo", 8, 745, 128, 0, 0),
        ("computers", 10, 767, 64, 1, 1),
        ("cs", 15, 6805, 128, 1, 0),
        ("physics", 5, 8415, 256, 1, 0),
        (LARGEST, 112, 8, 256, 1, 1),
    )
}
# What the table holds of each network, what it is called here, and by how much it is multiplied: shares become %.
COLUMNS = {"perf": ("accuracy", 100.0), "valid_perf": ("validation_accuracy", 100.0), "latency": ("latency", 1.0)}

UNITS = {"latency": "s"}


class NBGraphTables:
    """The tables of the benchmark's nine data sets. first: the one that is read where none is named."""

    units = UNITS

    def __init__(self, first: str) -> None:
        self.tasks = [first, *(name for name in DATA_SETS if name != first)]

    def task_names(self, data_dir: Path | None) -> list[str]:
        """All data sets; raises UserError where the package is not installed."""
        _files()
        return list(self.tasks)

    def make(self, space: SearchSpace, task: str, data_dir: Path | None) -> NBGraphTable:
        """Read the table of a data set, all rows; raises UserError."""
        return NBGraphTable(space, task, *_read(task))


WHOLE, PROTEINS = NBGraphTables("cora"), NBGraphTables(LARGEST)


class NBGraphTable(BatchEvaluator):
    """Metrics ``accuracy`` and ``validation_accuracy`` (%), ``latency`` (s), ``params`` and ``macs``.

    rows: the row of each network that was trained. values: (rows,) of each metric that was measured.
    """

    metrics = (*(name for name, _ in COLUMNS.values()), "params", "macs")
    units = UNITS

    def __init__(
        self, space: SearchSpace, task: str, rows: dict[NBGraphArchitecture, int], values: dict[str, np.ndarray]
    ) -> None:
        self.name, self.task, self.space = "table", task, space
        self._rows, self._values = rows, values
        self.network_size = DATA_SETS[task]
        measured = "area under the ROC curve (%)" if task == LARGEST else "accuracy (%)"
        lacking = (
            f" Of the {space.size:,} networks of space '{space.name}' the others were not trained on {task}: a trial "
            f"of one fails, and '--space {NBGraphProteins.name}' has none of them."
            if space.size > len(rows)
            else ""
        )
        self.description = (
            f"Exact look-ups in the table of NAS-Bench-Graph: accuracy is the mean test {measured} on {task} over "
            f"three trainings of each of {len(rows):,} graph networks by the benchmark's authors, validation_accuracy "
            "that on the validation nodes and latency its seconds on their machine. Nothing is trained here, "
            "and a search that maximises test accuracy selects on the number that it reports. Params and MACs (of the "
            f"linear maps, for one node of a graph) are exact counts.{lacking}"
        )

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        rows = np.array([self._rows.get(a, -1) for a in architectures], dtype=np.int64)  # type: ignore[call-overload]
        found = {name: np.where(rows < 0, np.nan, column[rows]) for name, column in self._values.items()}
        return found | self.costs_many(architectures)

    def evaluate(self, architecture: Architecture, trial: object = None) -> dict[str, float]:
        if architecture not in self._rows:
            raise LookupError(
                f"{architecture} was not trained on {self.task}: NAS-Bench-Graph has networks of "
                f"{', '.join(NBGraphProteins.operations)} there, which are --space {NBGraphProteins.name}"
            )
        return super().evaluate(architecture, trial)


def table_key(architecture: NBGraphArchitecture) -> int:
    """The number by which the benchmark's tables know an architecture: its pattern, then a digit for each operation."""
    inputs, ops = pad(architecture.inputs, architecture.ops)
    key = _shapes().index(inputs)
    for op in ops:
        key = key * (len(OPERATIONS) + 1) + op
    return key


@cache
def _shapes() -> list[tuple[int, ...]]:
    """The benchmark's nine patterns of inputs, in its order."""
    known = patterns(tuple(range(len(OPERATIONS))))
    return [pattern.inputs for pattern in known if len(pattern.inputs) == MAX_NODES]


def _files() -> dict[str, PackagePath]:
    """The package's tables by data set; raises UserError where it is not installed."""
    try:
        listed = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        raise UserError(
            f"the tables of NAS-Bench-Graph are in the package {PACKAGE}, which is not installed: "
            "pip install 'bonag[nbgraph]'"
        ) from None
    return {file.stem: file for file in listed if file.parent.as_posix() == FOLDER and file.suffix == ".bench"}


def _read(task: str) -> tuple[dict[NBGraphArchitecture, int], dict[str, np.ndarray]]:
    """The rows of the networks and the columns of a table; raises UserError for one that is damaged."""
    file = _files().get(task)
    if file is None:
        raise UserError(f"the installed {PACKAGE} has no table {FOLDER}/{task}.bench: {_AGAIN}")
    path = Path(str(file.locate()))
    with reading(path):
        data = path.read_bytes()
        if file.hash is not None and _digest(file.hash.mode, data) != file.hash.value:
            raise UserError(f"{path} is not as it was installed: {_AGAIN}")
        table = load_plain(data)
        if not isinstance(table, dict):
            raise TypeError(f"a {type(table).__name__}, and no dictionary")
    trained = (NBGraphProteins() if task == LARGEST else NBGraph()).all()
    check_rows(path, len(table), len(trained), f"NAS-Bench-Graph on {task}")
    values = {name: np.empty(len(trained)) for name, _ in COLUMNS.values()}
    rows: dict[NBGraphArchitecture, int] = {}
    for row, architecture in enumerate(trained):
        assert isinstance(architecture, NBGraphArchitecture)
        rows[architecture] = row
        found = table.get(table_key(architecture))
        for column, (name, factor) in COLUMNS.items():
            value = found.get(column) if isinstance(found, dict) else None
            # Shares lie between 0 and 1, and no network here takes as long as an hour.
            if not isinstance(value, float) or not 0 <= value <= (3600 if column == "latency" else 1):
                raise UserError(f"{path} has '{value}' as {column} of {architecture}, so it is damaged: {_AGAIN}")
            values[name][row] = factor * value
    return rows, values


def _digest(mode: str, data: bytes) -> str:
    """The checksum of a file as records of installed packages write it."""
    return base64.urlsafe_b64encode(hashlib.new(mode, data).digest()).decode().rstrip("=")


_AGAIN = f"pip install --force-reinstall --no-deps {PACKAGE}==1.4.0"
