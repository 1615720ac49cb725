"""Missing, unreadable and wrong data: one line with the file, what is wrong with it, and what would be right."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bonag.evaluators import artifact, make_evaluator, task_names
from search_spaces import get_space
from search_spaces.errors import UserError

CELLS = [str(cell) for cell in get_space("nb201").all() or ()]
CELL = CELLS[0]


def of_all(value: object) -> list:
    """A column that holds this value for every cell."""
    return [value] * len(CELLS)


def table(name: str, task: str | None, data_dir: Path | None) -> str:
    """The error of making an evaluator."""
    with pytest.raises(UserError) as error:
        make_evaluator(get_space({"table": "nb201", "predictor": "mbv3"}[name]), name, task, data_dir)
    text = str(error.value)
    assert "\n" not in text
    return text


def write(path: Path, **columns: list) -> None:
    pq.write_table(pa.table(columns), path)


def test_no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BONAG_DATA", raising=False)
    for name, file in (("table", "nb201_accuracy.parquet"), ("predictor", "mbv3_imagenet_predictor.npz")):
        text = table(name, None, None)
        assert file in text
        assert "set BONAG_DATA or --data" in text


def test_an_empty_folder_names_where_was_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(tmp_path) in table("table", None, tmp_path)
    monkeypatch.setenv("BONAG_DATA", str(tmp_path))
    assert f"BONAG_DATA={tmp_path}" in table("predictor", None, None)
    assert "missing folder" in table("table", None, tmp_path / "absent")


def test_the_named_folder_comes_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "nb201_accuracy.parquet", arch=CELLS, mine_test_200ep=of_all(42.0))
    monkeypatch.setenv("BONAG_DATA", str(tmp_path / "elsewhere"))
    space = get_space("nb201")
    assert make_evaluator(space, "table", None, tmp_path).evaluate(space.parse(CELL), 0)["accuracy"] == 42.0


@pytest.mark.parametrize("content", [b"", b"not a table", b"PAR1 but then nothing PAR1"])
def test_corrupt_files(tmp_path: Path, content: bytes) -> None:
    for name, file in (("table", "nb201_accuracy.parquet"), ("predictor", "mbv3_imagenet_predictor.npz")):
        (tmp_path / file).write_bytes(content)
        assert f"cannot read {tmp_path / file}" in table(name, None, tmp_path)


def test_truncated_files(tmp_path: Path, data_dir: Path) -> None:
    for name, file in (("table", "nb201_accuracy.parquet"), ("predictor", "mbv3_imagenet_predictor.npz")):
        content = (data_dir / file).read_bytes()
        for share in (0.1, 0.5, 0.99):
            (tmp_path / file).write_bytes(content[: int(share * len(content))])
            assert f"cannot read {tmp_path / file}" in table(name, None, tmp_path)


def test_damaged_pages(tmp_path: Path, data_dir: Path) -> None:
    content = bytearray((data_dir / "nb201_accuracy.parquet").read_bytes())
    content[1000:400_000] = b"\xff" * 399_000
    (tmp_path / "nb201_accuracy.parquet").write_bytes(content)
    assert "cannot read" in table("table", None, tmp_path)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "mbv3_imagenet_predictor.npz", **{"0.weight": np.array([{"a": 1}], dtype=object)})
    assert "cannot read" in table("predictor", None, tmp_path)


def test_missing_and_wrong_columns(tmp_path: Path) -> None:
    path = tmp_path / "nb201_accuracy.parquet"
    write(path, arch=[CELL], other=[1.0])
    assert "no column '<task>_test_200ep': it holds arch, other" in table("table", None, tmp_path)
    write(path, cell=[CELL], mine_test_200ep=[1.0])
    assert f"{path} has no column 'arch'" in table("table", None, tmp_path)
    write(path, arch=CELLS, mine_test_200ep=of_all("high"))
    assert f"column 'mine_test_200ep' of {path} holds no numbers" in table("table", None, tmp_path)
    write(path, arch=[CELL, CELL], mine_test_200ep=[1.0, 2.0])
    assert f"column 'arch' of {path} names 1 cell(s) more than once" in table("table", None, tmp_path)
    write(path, arch=[CELL], mine_test_200ep=[1.0])
    write(tmp_path / "nb201_latency.parquet", arch_index=[0], phone_ms=[1.0])
    assert f"{path} has no column 'arch_index'" in table("table", None, tmp_path)


def test_missing_and_misshapen_arrays(tmp_path: Path, data_dir: Path) -> None:
    path = tmp_path / "mbv3_imagenet_predictor.npz"
    with np.load(data_dir / path.name, allow_pickle=False) as file:
        arrays = dict(file)
    np.savez(path, **{name: array for name, array in arrays.items() if name != "4.bias"})
    assert f"{path} has no array '4.bias'" in table("predictor", None, tmp_path)
    np.savez(path, **arrays | {"2.weight": arrays["2.weight"][:, :300]})
    text = table("predictor", None, tmp_path)
    assert f"'2.weight' of {path}" in text
    assert "(400, 300)" in text
    assert "(400, 400)" in text


def test_a_file_with_more_columns_offers_more_tasks(tmp_path: Path) -> None:
    names = {"mine_test_200": 42.0, "imagenet16-120_test_200": 47.0, "mine_test_12": 9.0}
    write(
        tmp_path / "nb201_accuracy.parquet",
        arch=CELLS,
        **{f"{name}ep": of_all(value) for name, value in names.items()},
    )
    space = get_space("nb201")
    assert task_names("nb201", "table", tmp_path) == ["mine", "imagenet16-120"]
    result = make_evaluator(space, "table", "imagenet16-120", tmp_path).evaluate(space.parse(CELL), 0)
    costs = space.costs(space.parse(CELL), num_classes=120, image_size=16)
    assert result == {"accuracy": 47.0, "params": costs.params, "macs": costs.macs}


def damaged_table(tmp_path: Path, data_dir: Path, change: Callable[[dict[str, list]], object]) -> str:
    """The error of a table whose columns were changed."""
    whole = pq.read_table(data_dir / "nb201_accuracy.parquet")
    columns = whole.to_pydict()
    change(columns)
    pq.write_table(pa.table(columns, schema=whole.schema), tmp_path / "nb201_accuracy.parquet")
    return table("table", "cifar10", tmp_path)


def shorten(columns: dict[str, list], rows: int) -> None:
    for name, values in columns.items():
        columns[name] = values[:rows]


@pytest.mark.parametrize("rows", [0, 7812, 15_624])
def test_a_table_that_lost_rows_is_refused(tmp_path: Path, data_dir: Path, rows: int) -> None:
    text = damaged_table(tmp_path, data_dir, lambda columns: shorten(columns, rows))
    assert f"nb201_accuracy.parquet holds {rows:,} rows and must hold the 15,625 of NAS-Bench-201" in text


def test_latencies_that_lost_rows_are_refused(tmp_path: Path, data_dir: Path) -> None:
    whole = pq.read_table(data_dir / "nb201_latency.parquet")
    shutil.copy(data_dir / "nb201_accuracy.parquet", tmp_path)
    for rows in (0, 7812):
        pq.write_table(whole.slice(0, rows), tmp_path / "nb201_latency.parquet")
        assert f"nb201_latency.parquet holds {rows:,} rows and must" in table("table", None, tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("arch", "|nune~0|+|none~0|none~1|+|none~0|none~1|none~2|", "none~2|', which is no cell: the file is damaged"),
        ("cifar10_test_200ep", 1e30, "holds no accuracies from 0 to 100"),
        ("cifar10_test_200ep", -0.5, "holds no accuracies from 0 to 100"),
        ("cifar10_test_200ep", float("inf"), "holds infinite numbers"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(
    tmp_path: Path, data_dir: Path, column: str, value: object, message: str
) -> None:
    assert message in damaged_table(tmp_path, data_dir, lambda columns: columns[column].__setitem__(7, value))


def test_a_flipped_bit_under_a_checksum_is_noticed(tmp_path: Path, data_dir: Path) -> None:
    whole = pq.read_table(data_dir / "nb201_accuracy.parquet")
    path = tmp_path / "nb201_accuracy.parquet"
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    pq.write_table(whole, path, **options)
    content = bytearray(path.read_bytes())
    values = whole["cifar10_test_200ep"][:2].to_numpy()
    content[content.index(values.tobytes())] ^= 1
    path.write_bytes(content)
    assert f"cannot read {path}" in table("table", "cifar10", tmp_path)


@pytest.mark.slow
def test_any_damaged_byte_of_an_archive_is_one_line(tmp_path: Path, data_dir: Path) -> None:
    whole = (data_dir / "mbv3_imagenet_predictor.npz").read_bytes()
    path, rng = tmp_path / "mbv3_imagenet_predictor.npz", np.random.default_rng(0)
    for place in (10, 30, 60, 1000, len(whole) - 5, len(whole) - 40, *rng.integers(len(whole), size=30)):
        path.write_bytes(whole[:place] + rng.bytes(4) + whole[place + 4 :])
        message = f"{path}: ."
        try:  # some bytes, as dates, mean nothing to the reader
            make_evaluator(get_space("mbv3"), "predictor", None, tmp_path)
        except UserError as error:
            message = str(error)
        assert str(path) in message
        assert "\n" not in message


def test_weights_that_are_not_finite_are_refused(tmp_path: Path, data_dir: Path) -> None:
    path = tmp_path / "mbv3_imagenet_predictor.npz"
    with np.load(data_dir / path.name, allow_pickle=False) as file:
        arrays = dict(file)
    arrays["2.bias"][3] = np.nan
    np.savez(path, **arrays)
    assert f"cannot read {path}: '2.bias' holds numbers that are not finite" in table("predictor", None, tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name, file in (("table", "nb201_accuracy.parquet"), ("predictor", "mbv3_imagenet_predictor.npz")):
        os.mkfifo(tmp_path / file)
        assert f"cannot read {tmp_path / file}: it is a pipe" in table(name, None, tmp_path)


def test_a_damaged_artifact_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "nb201_surrogate.safetensors"
    whole = artifact.artifact_path("nb201_surrogate").read_bytes()
    load = artifact.load_artifact.__wrapped__
    monkeypatch.setattr(artifact, "FOLDER", tmp_path)
    cases = [b"", whole[:100], whole[:-4], b"\xff" * 100, whole[:-16] + np.full(2, np.nan).tobytes()]
    for content in (*cases, whole.replace(b'"bonag":', b'"benag":')):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"^cannot read [^\n]*nb201_surrogate.safetensors: [^\n]*$"):
            load("nb201_surrogate")
