"""The benchmark data that a user has: where it is, and reading of it that says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bonag.data_folder import VARIABLE, named_folder
from bonag.safe_reading import check_regular, reading
from search_spaces.errors import UserError

_HOW = f"set {VARIABLE} or --data to the folder that holds it"


def data_file(data_dir: Path | None, filename: str, wanted_by: str) -> Path:
    """The path of a file that must be in ``data_dir``, else in the folder that BONAG_DATA names; raises UserError."""
    need = f"{wanted_by} needs the file {filename}"
    path = data_folder(data_dir, need) / filename
    check_regular(path)
    if not path.is_file():
        raise missing_data(data_dir, need)
    return path


def data_folder(data_dir: Path | None, need: str) -> Path:
    """The folder that the user named, else the one that BONAG_DATA names; raises UserError. need: who needs what."""
    folder = named_folder(data_dir)
    if folder is None:
        raise UserError(f"{need}, and no data folder was given: {_HOW}")
    return folder


def missing_data(data_dir: Path | None, need: str, or_else: str = "") -> UserError:
    """That what is needed is not in the folder of data. or_else: where it may be, too."""
    folder = data_folder(data_dir, need)
    origin = f"{VARIABLE}={folder}" if data_dir is None else str(folder)
    there = "is not in" if folder.is_dir() else "cannot be in the missing folder"
    return UserError(f"{need}, which {there} {origin}: {_HOW}{or_else}")


def parquet_columns(path: Path) -> list[str]:
    """The names of a Parquet file's columns; raises UserError if it is not one."""
    import pyarrow.parquet as pq

    with reading(path), pq.ParquetFile(path) as file:
        return list(file.schema_arrow.names)


def read_parquet(path: Path, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """These columns: float64 arrays of numeric ones (nan where null), object arrays of others; raises UserError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = parquet_columns(path)
    for column in columns:
        if column not in names:
            raise UserError(f"{path} has no column '{column}': it holds {', '.join(names)}")
    with reading(path):
        # Not pq.read_table, nor Arrow's own way to NumPy: both import pandas, which costs more than all of the reading.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=list(columns))
        arrays = {}
        for column in columns:
            values = table.column(column)
            if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
                arrays[column] = np.array(values.to_pylist(), dtype=np.float64)  # None -> nan
            else:
                arrays[column] = _objects(values.to_pylist())
    return arrays


def check_numeric(path: Path, column: str, values: np.ndarray) -> np.ndarray:
    """The values of a column of ``read_parquet`` if they are numbers, finite or missing; raises UserError."""
    if values.dtype != np.float64:
        raise UserError(f"column '{column}' of {path} holds no numbers")
    if np.isinf(values).any():
        raise UserError(f"column '{column}' of {path} holds infinite numbers, so the file is damaged")
    return values


def check_rows(path: Path, found: int, right: int, of: str) -> None:
    """Raise UserError where a table has lost rows, or holds others. of: what it must be the table of."""
    if found != right:
        raise UserError(f"{path} holds {found:,} rows and must hold the {right:,} of {of}: get the whole file again")


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """These arrays of an NPZ file, never unpickling anything; raises UserError."""
    with reading(path), np.load(path, allow_pickle=False) as file:
        held = set(file.files)
        arrays = {name: file[name] for name in names if name in held}
    for name in names:
        if name not in arrays:
            raise UserError(f"{path} has no array '{name}': it holds {', '.join(sorted(held))}")
    return arrays


def _objects(values: list[object]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
