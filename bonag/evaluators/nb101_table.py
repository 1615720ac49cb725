"""NAS-Bench-101 as its authors measured it: exact look-ups in the benchmark's own files."""

from __future__ import annotations

import json
import re
from array import array
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bonag.evaluators.batch import BatchEvaluator
from bonag.evaluators.data_files import data_file
from bonag.evaluators.protobuf import fields
from bonag.evaluators.tfrecord import read_records
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError
from search_spaces.nb101 import NB101Architecture
from search_spaces.nb101.isomorphism import ABSENT, LAST, NUM_NODES, OP_NAMES, VALID, keys, prune

FULL_FILE = "nasbench_full.tfrecord"
LONGEST_FILE = "nasbench_only108.tfrecord"
# Epochs of training behind each task; all but the first are in the full file only.
EPOCHS = {"cifar10": 108, "cifar10-36ep": 36, "cifar10-12ep": 12, "cifar10-4ep": 4}
METRICS = ("accuracy", "test_accuracy", "training_time")
# How a record begins: the hash of its cell and the epochs.
_BEGINNING = re.compile(rb'\s*\[\s*"\w*"\s*,\s*(\d+)\s*,')


def task_names(data_dir: Path | None) -> list[str]:
    """All tasks where the full file is there, else that of 108 epochs; raises UserError."""
    return list(EPOCHS) if FULL_FILE in _files(data_dir) else list(EPOCHS)[:1]


def make(space: SearchSpace, task: str, data_dir: Path | None) -> NB101Table:
    """Read a task's measurements, for 108 epochs from the smaller file if it is there; raises UserError."""
    files = _files(data_dir)
    path = files[LONGEST_FILE if EPOCHS[task] == 108 and LONGEST_FILE in files else FULL_FILE]
    return NB101Table(space, task, *_read(path, EPOCHS[task]))


class NB101Table(BatchEvaluator):
    """Metrics ``accuracy`` (%), ``test_accuracy`` (%), ``training_time`` (s), ``params`` and ``macs``.

    cells: (C,) int64, rising keys of cells. values: (3, C), their METRICS.
    """

    metrics = (*METRICS, "params", "macs")

    def __init__(self, space: SearchSpace, task: str, cells: np.ndarray, values: np.ndarray) -> None:
        self.name, self.task, self.space = "table", task, space
        self._cells, self._values = cells, values
        self.description = (
            "Exact look-ups in the table of NAS-Bench-101: accuracy is the mean top-1 accuracy (%) on 10,000 images "
            "held out from the training set of CIFAR-10, over the runs (three of each cell) in which the benchmark's "
            f"authors trained each of {len(cells):,} cells for {EPOCHS[task]} epochs on the other 40,000; "
            "test_accuracy is that on the test set, which is there to be reported and not to select by; training_time "
            "is the mean of seconds on their machines. Nothing is trained here. Params and MACs are exact counts."
        )

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        wanted = np.array([a.key if isinstance(a, NB101Architecture) else -1 for a in architectures], dtype=np.int64)
        rows = self._cells.searchsorted(wanted).clip(max=len(self._cells) - 1)
        found = np.where(self._cells[rows] == wanted, self._values[:, rows], np.nan)
        return dict(zip(METRICS, found, strict=True)) | self.costs_many(architectures)


def _files(data_dir: Path | None) -> dict[str, Path]:
    """The benchmark's files that are there, by name; raises UserError if there is none."""
    found = {}
    for name, other in ((FULL_FILE, LONGEST_FILE), (LONGEST_FILE, FULL_FILE)):
        try:
            found[name] = data_file(data_dir, name, f"evaluator 'table' of space 'nb101', without {other},")
        except UserError:
            if name == LONGEST_FILE and not found:
                raise
    return found


def _read(path: Path, epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """The rising keys of the cells that were trained for so many epochs, (C,), and the means of METRICS, (3, C)."""
    rows: dict[tuple[str, str], int] = {}
    numbers, of_row, measured = array("q"), array("q"), array("d")
    for number, data in read_records(path):
        beginning = _BEGINNING.match(data)
        # Three of four records of the full file are of other tasks, and are told from their first bytes.
        if beginning and int(beginning[1]) != epochs:
            continue
        try:
            _, trained, matrix, names, metrics = json.loads(data)
            if trained != epochs:
                continue
            row = rows.setdefault((matrix, names), len(rows))
            measured.extend(_final(b64decode(metrics, validate=True)))
        except (ValueError, TypeError, LookupError) as error:
            raise UserError(f"record {number} of {path} is not one of NAS-Bench-101: {_first_line(error)}") from error
        of_row.append(row)
        if row == len(numbers):
            numbers.append(number)
    if not rows:
        raise UserError(f"{path} holds no training of {epochs} epochs")
    cells, place = np.unique(_keys(path, list(rows), numbers), return_inverse=True)
    cell = place[np.array(of_row)]
    values = np.array(measured).reshape(-1, len(METRICS)).T
    sums = np.stack([np.bincount(cell, weights=row) for row in values])
    return cells, sums / np.bincount(cell)


def _final(message: bytes) -> tuple[float, float, float]:
    """The METRICS at the end of a training, from a message ``ModelMetrics`` of the benchmark.

    Its field 1 holds the evaluations at the start, half-way and at the end. In each of them, field 2 is the time in
    seconds, and fields 4 and 5 are the accuracies of validation and test, from 0 to 1.
    """
    evaluations = [value for number, value in fields(message) if number == 1]
    if not evaluations or not isinstance(evaluations[-1], bytes):
        raise ValueError("it has no evaluations")
    final = dict(fields(evaluations[-1]))
    validation, test, seconds = (final.get(number) for number in (4, 5, 2))
    if not (isinstance(validation, float) and isinstance(test, float) and isinstance(seconds, float)):
        raise ValueError("its last evaluation lacks a time or an accuracy")
    return 100 * validation, 100 * test, seconds


def _keys(path: Path, cells: list[tuple[str, str]], numbers: Sequence[int]) -> np.ndarray:
    """The keys of cells given by matrix (row by row, as '0' and '1') and operations (with commas between): (C,) int64.

    numbers: where each stands in the file, for what is said if it is none.
    """
    places = {name: op for op, name in enumerate(OP_NAMES)}
    ops = np.full((len(cells), NUM_NODES), ABSENT)
    adjacency = np.zeros((len(cells), NUM_NODES, NUM_NODES), dtype=bool)
    by_size: dict[int, list[int]] = {}
    for row, (matrix, names) in enumerate(cells):
        listed = [places.get(name, -1) for name in names.split(",")]
        size = len(listed)
        well_formed = 2 <= size <= NUM_NODES and len(matrix) == size**2 and not matrix.strip("01")
        if not well_formed or listed[0] != 0 or listed[-1] != 1 or not all(1 < op < ABSENT for op in listed[1:-1]):
            raise _no_cell(path, numbers[row], matrix, names)
        ops[row, : size - 1], ops[row, LAST] = listed[:-1], listed[-1]
        by_size.setdefault(size, []).append(row)
    for size, rows in by_size.items():
        bits = np.frombuffer("".join(cells[row][0] for row in rows).encode(), dtype=np.uint8) == ord("1")
        nodes = np.array([*range(size - 1), LAST])
        adjacency[np.ix_(np.array(rows), nodes, nodes)] = bits.reshape(-1, size, size)
    found = np.empty(len(cells), dtype=np.int64)
    for start in range(0, len(cells), 1 << 14):
        part = slice(start, start + (1 << 14))
        clean_ops, clean, fault = prune(ops[part], adjacency[part])
        found[part] = np.where(fault == VALID, keys(clean_ops, clean), -1)
    if (found < 0).any():
        row = int((found < 0).argmax())
        raise _no_cell(path, numbers[row], *cells[row])
    return found


def _no_cell(path: Path, number: int, matrix: str, names: str) -> UserError:
    return UserError(f"record {number} of {path} is no cell of NAS-Bench-101: matrix '{matrix}', operations '{names}'")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
