"""NAS-Bench-201 as its authors measured it: exact look-ups in the benchmark's tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bonag.evaluators.batch import BatchEvaluator
from bonag.evaluators.data_files import check_numeric, check_rows, data_file, parquet_columns, read_parquet
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.errors import UserError

ACCURACY_FILE = "nb201_accuracy.parquet"
LATENCY_FILE = "nb201_latency.parquet"
TASK_SUFFIX = "_test_200ep"
# Classes and image size (pixels) of the benchmark's data sets, for the costs of the networks.
DATA_SETS = {"cifar10": (10, 32), "cifar100": (100, 32), "imagenet16": (120, 16)}


def task_names(data_dir: Path | None) -> list[str]:
    """Every column ``<task>_test_200ep`` of the table; raises UserError."""
    path = _accuracy_path(data_dir)
    columns = parquet_columns(path)
    tasks = [column.removesuffix(TASK_SUFFIX) for column in columns if column.endswith(TASK_SUFFIX)]
    if not tasks:
        raise UserError(f"{path} has no column '<task>{TASK_SUFFIX}': it holds {', '.join(columns)}")
    return tasks


def make(space: SearchSpace, task: str, data_dir: Path | None) -> NB201Table:
    """Read the columns of a task, and the latencies where their file is there, all rows of both; raises UserError."""
    path = _accuracy_path(data_dir)
    latency_path = path.with_name(LATENCY_FILE)
    column = f"{task}{TASK_SUFFIX}"
    has_latency = latency_path.is_file()
    accuracies = read_parquet(path, ["arch", column, *(["arch_index"] if has_latency else [])])
    rows = {str(name): row for row, name in enumerate(accuracies["arch"])}
    if len(rows) != len(accuracies["arch"]):
        raise UserError(f"column 'arch' of {path} names {len(accuracies['arch']) - len(rows)} cell(s) more than once")
    check_rows(path, len(rows), space.size, "NAS-Bench-201")
    # Of all rows, since a cell of a damaged string would be a failed trial.
    unknown = rows.keys() - {str(cell) for cell in space.all() or ()}
    if unknown:
        raise UserError(f"column 'arch' of {path} holds '{min(unknown)}', which is no cell: the file is damaged")
    values = {"accuracy": check_numeric(path, column, accuracies[column])}
    measured = values["accuracy"][~np.isnan(values["accuracy"])]
    if not (measured.size and measured.min() >= 0 and measured.max() <= 100):
        raise UserError(f"column '{column}' of {path} holds no accuracies from 0 to 100 (%), so the file is damaged")
    if has_latency:
        index = check_numeric(path, "arch_index", accuracies["arch_index"])
        values |= _latencies(latency_path, index, space.size)
    return NB201Table(space, task, rows, values)


class NB201Table(BatchEvaluator):
    """Metrics ``accuracy`` (%), ``latency_<device>`` (ms) of every device measured, ``params`` and ``macs``.

    rows: the row of a cell's string. values: a (rows,) array of each metric; one with a nan is not promised in
    ``metrics``, and is left out of the results of the cells that have no value.
    """

    def __init__(self, space: SearchSpace, task: str, rows: dict[str, int], values: dict[str, np.ndarray]) -> None:
        self.name, self.task, self.space = "table", task, space
        self._rows = rows
        self._values = values
        known = re.match(r"cifar100?$|imagenet16", task)
        self.network_size = NetworkSize(*DATA_SETS[known[0]]) if known else None
        complete = [name for name, column in values.items() if name == "accuracy" or not np.isnan(column).any()]
        self.metrics = (*complete, "params", "macs")
        devices = sum(name.startswith("latency_") for name in values)
        self.description = (
            f"Exact look-ups in the table of NAS-Bench-201: accuracy is the mean top-1 test accuracy (%) on {task} "
            f"that the benchmark's authors measured after training each of {len(rows):,} cells for 200 epochs. Nothing "
            "is trained here, and a search that maximises test accuracy selects on the number that it reports."
            + (f" Latencies (ms) are HW-NAS-Bench's and HELP's measurements on {devices} devices." if devices else "")
            + " Params and MACs are exact counts."
        )

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        rows = np.array([self._rows.get(str(a), -1) for a in architectures], dtype=np.int64)
        found = {name: np.where(rows < 0, np.nan, column[rows]) for name, column in self._values.items()}
        return found | self.costs_many(architectures)


def _accuracy_path(data_dir: Path | None) -> Path:
    return data_file(data_dir, ACCURACY_FILE, "evaluator 'table' of space 'nb201'")


def _latencies(path: Path, index: np.ndarray, rows: int) -> dict[str, np.ndarray]:
    """The latency columns, in the order of the accuracies' ``arch_index``."""
    columns = [column for column in parquet_columns(path) if column.endswith("_ms")]
    table = read_parquet(path, ["arch_index", *columns])
    keys = check_numeric(path, "arch_index", table["arch_index"])
    check_rows(path, len(np.unique(keys)), rows, "NAS-Bench-201")
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[order], index).clip(max=len(keys) - 1)
    found = keys[order][place] == index
    return {
        f"latency_{column.removesuffix('_ms')}": np.where(
            found, check_numeric(path, column, table[column])[order][place], np.nan
        )
        for column in columns
    }
