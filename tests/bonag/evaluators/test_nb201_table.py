"""The table evaluator gives the benchmark's own numbers, cell by cell."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bonag.evaluators import make_evaluator
from bonag.running_trial import RunningTrial
from search_spaces import get_space

SPACE = get_space("nb201")


@pytest.fixture(scope="module")
def frames(data_dir: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_parquet(data_dir / "nb201_accuracy.parquet"), pd.read_parquet(data_dir / "nb201_latency.parquet")


@pytest.mark.parametrize("task", ["cifar10", "cifar100"])
def test_sampled_rows_are_exact(frames: tuple[pd.DataFrame, pd.DataFrame], data_dir: Path, task: str) -> None:
    accuracy, latency = frames
    evaluator = make_evaluator(SPACE, "table", task, data_dir)
    latency = latency.set_index("arch_index")
    for row in accuracy.sample(200, random_state=0).itertuples():
        cell = SPACE.parse(row.arch)
        metrics = evaluator.evaluate(cell, RunningTrial(seed=0))
        costs = SPACE.costs(cell, num_classes=int(task.removeprefix("cifar")))
        assert metrics.pop("accuracy") == getattr(row, f"{task}_test_200ep")
        assert (metrics.pop("params"), metrics.pop("macs")) == (costs.params, costs.macs)
        times = latency.loc[row.arch_index]
        assert metrics == {f"latency_{name.removesuffix('_ms')}": float(value) for name, value in times.items()}


@pytest.mark.parametrize(("task", "best"), [("cifar10", 94.373), ("cifar100", 73.513)])
def test_the_whole_table(data_dir: Path, task: str, best: float) -> None:
    evaluator = make_evaluator(SPACE, "table", task, data_dir)
    cells = SPACE.all()
    found = evaluator.evaluate_many(cells)
    assert set(found) == set(evaluator.metrics)
    assert not any(np.isnan(values).any() for values in found.values())
    assert round(float(found["accuracy"].max()), 3) == best
    top = cells[int(found["accuracy"].argmax())]
    assert evaluator.evaluate(top)["accuracy"] == found["accuracy"].max()


def test_a_copy_in_another_process_gives_the_same(data_dir: Path) -> None:
    evaluator = make_evaluator(SPACE, "table", None, data_dir)
    copy = pickle.loads(pickle.dumps(evaluator))  # noqa: S301 - our own bytes
    for cell in SPACE.sample(5, np.random.default_rng(1)):
        assert copy.evaluate(cell, 0) == evaluator.evaluate(cell, 0)


@pytest.mark.slow
def test_missing_values_are_left_out_and_cells_without_accuracy_fail(tmp_path: Path) -> None:
    cells = list(SPACE.all())
    numbers, others = [5, 3, *range(10, len(cells) + 8)], [3, 5, *range(11, len(cells) + 9)]
    rest = [70.0] * (len(cells) - 2)
    accuracy = {"arch": [str(c) for c in cells], "arch_index": numbers, "t_test_200ep": [80.0, None, *rest]}
    latency = {"arch_index": others, "a_ms": [1.0, 2.0, *rest], "b_ms": [4.0, None, *rest]}
    pq.write_table(pa.table(accuracy), tmp_path / "nb201_accuracy.parquet")
    pq.write_table(pa.table(latency), tmp_path / "nb201_latency.parquet")
    evaluator = make_evaluator(SPACE, "table", None, tmp_path)
    assert evaluator.metrics == ("accuracy", "params", "macs")
    first, third = evaluator.evaluate(cells[0], 0), evaluator.evaluate(cells[2], 0)
    assert (first["accuracy"], first["latency_a"], "latency_b" in first) == (80.0, 2.0, False)
    assert (third["accuracy"], "latency_a" in third) == (70.0, False)
    with pytest.raises(LookupError, match="no accuracy"):
        evaluator.evaluate(cells[1], 0)
