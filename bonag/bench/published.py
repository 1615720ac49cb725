"""Searches that others published, to be drawn beside those of a contest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bonag.safe_reading import check_regular, reading
from search_spaces.errors import UserError

COLUMNS = ("run", "evaluations", "best")


@dataclass(frozen=True)
class PublishedSearch:
    """The best value that a search had found after so many evaluations: both (n,), the evaluations in rising order."""

    name: str
    evaluations: np.ndarray
    best: np.ndarray


def read_published(path: Path) -> list[PublishedSearch]:
    """The searches in a CSV file of columns ``run``, ``evaluations`` and ``best`` (or ``best_`` and a metric's name).

    A row is an improvement; the last one holds on. Raises UserError.
    """
    import pandas as pd

    check_regular(path)
    with reading(path):
        frame = pd.read_csv(path)
    frame.columns = ["best" if name.startswith("best_") else name for name in frame.columns]
    missing = next((name for name in COLUMNS if name not in frame.columns), None)
    if missing is not None:
        raise UserError(f"{path} has no column '{missing}': it must have {', '.join(COLUMNS)}")
    numbers = frame[["evaluations", "best"]].apply(pd.to_numeric, errors="coerce")
    if not np.isfinite(numbers.to_numpy()).all():
        raise UserError(f"columns 'evaluations' and 'best' of {path} must hold numbers alone")
    frame[["evaluations", "best"]] = numbers
    return [
        PublishedSearch(str(name), rows["evaluations"].to_numpy(), rows["best"].to_numpy())
        for name, rows in frame.sort_values("evaluations").groupby("run", sort=True)
    ]
