"""The measured accuracies of mbv3 networks, and predictions for those that a fit has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quality import folds
from sparse_process import fit_process

from bonag.evaluators.artifact import accuracy_moments
from bonag.evaluators.data_files import check_numeric, data_file, read_parquet
from bonag.evaluators.mbv3_surrogate import PENALTY, SIZES, LogErrorModel, features
from search_spaces import InvalidArchitectureError, get_space
from search_spaces.errors import UserError
from search_spaces.mbv3 import from_ofa
from search_spaces.mbv3.architecture import SKIP

# Where the rows come from: file, image size where all have one, and what makes its accuracies percent.
SOURCES = (("mbv3_imagenet224_measured.parquet", 224, 1.0), ("mbv3_imagenet_measured.parquet", None, 100.0))
FIT_SEED, ITERATIONS = 0, 100
RIDGE = 10.0
# The share of held-out rows whose standard deviation counts as usual.
USUAL = 0.95


@dataclass(frozen=True)
class Rows:
    """Measurements. ops: (n, 20) operations. sizes: (n,) pixels. accuracy: (n,) top-1 in %."""

    ops: np.ndarray
    sizes: np.ndarray
    accuracy: np.ndarray

    def __len__(self) -> int:
        return len(self.accuracy)

    def take(self, which: np.ndarray) -> Rows:
        """Some of them: indices or a mask."""
        return Rows(self.ops[which], self.sizes[which], self.accuracy[which])

    @property
    def size_index(self) -> np.ndarray:
        """(n,) into ``SIZES``."""
        return np.array([SIZES.index(int(size)) for size in self.sizes])


@dataclass(frozen=True)
class Predictions:
    """What a process says of rows that it was not fitted on: mean, own variance, and noise, of log error: (n,) each."""

    mean: np.ndarray
    variance: np.ndarray
    noise: np.ndarray

    def moments(self, usual: np.ndarray | float = np.inf) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (%) of measurements, with the penalty beyond the usual standard deviation."""
        penalty = PENALTY * np.maximum(np.sqrt(self.variance) - usual, 0.0)
        return accuracy_moments(self.mean + penalty, self.variance + self.noise)

    def usual(self, rows: Rows) -> np.ndarray:
        """The standard deviation of log error, by size, that nearly all have: (4,)."""
        return np.array([np.quantile(np.sqrt(self.variance[rows.sizes == size]), USUAL) for size in SIZES])


def read_rows(data_dir: Path | None) -> Rows:
    """All measurements; raises UserError."""
    parts = [_read_source(data_dir, *source) for source in SOURCES]
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def fit_rows(rows: Rows, pseudo_inputs: int) -> LogErrorModel:
    """The process of the rows, without a penalty."""
    return fit_process(features(rows.ops, rows.sizes), rows.accuracy, pseudo_inputs, FIT_SEED, ITERATIONS)


def predict(model: LogErrorModel, ops: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (%) of measurements."""
    mean, variance, noise = model.predict(features(ops, sizes))
    return accuracy_moments(mean, variance + noise)


def cross_validate(rows: Rows, pseudo_inputs: int, k: int, seed: int) -> Predictions:
    """Predictions of every row by fits without its fold; all but the number of pseudo-inputs is fitted anew in each."""
    columns = np.empty((3, len(rows)))
    for train, test in folds(len(rows), k, seed):
        columns[:, test] = fit_rows(rows.take(train), pseudo_inputs).predict(features(rows.ops[test], rows.sizes[test]))
    return Predictions(*columns)


def cross_validate_ridge(rows: Rows, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The baseline: ridge regression on one-hot operations and sizes, with the training residuals' sd of each size."""
    x = np.concatenate([np.eye(SKIP + 1)[rows.ops].reshape(len(rows), -1), np.eye(len(SIZES))[rows.size_index]], axis=1)
    mean, sd = np.empty(len(rows)), np.empty(len(rows))
    for train, test in folds(len(rows), k, seed):
        centre, level = x[train].mean(axis=0), rows.accuracy[train].mean()
        inside, target = x[train] - centre, rows.accuracy[train] - level
        weights = np.linalg.solve(inside.T @ inside + RIDGE * np.eye(x.shape[1]), inside.T @ target)
        mean[test] = level + (x[test] - centre) @ weights
        residuals = target - inside @ weights
        spread = np.array([residuals[rows.sizes[train] == size].std() for size in SIZES])
        sd[test] = spread[rows.size_index[test]]
    return mean, sd


def _read_source(data_dir: Path | None, file: str, size: int | None, percent: float) -> tuple[np.ndarray, ...]:
    path = data_file(data_dir, file, "the fit of the mbv3 surrogate")
    columns = read_parquet(path, ["ks", "e", "d", "top1", *(["image_size"] if size is None else [])])
    try:
        lists = zip(columns["ks"], columns["e"], columns["d"], strict=True)
        ops = get_space("mbv3").codes([from_ofa(ks, e, d) for ks, e, d in lists])
    except (TypeError, InvalidArchitectureError) as error:
        raise UserError(f"columns 'ks', 'e' and 'd' of {path} hold no mbv3 architectures: {error}") from error
    if size is None:
        sizes = check_numeric(path, "image_size", columns["image_size"]).astype(np.int64)
    else:
        sizes = np.full(len(ops), size)
    if not set(sizes) <= set(SIZES):
        raise UserError(f"column 'image_size' of {path} holds {sorted(set(sizes) - set(SIZES))}, not only {SIZES}")
    return ops, sizes, percent * check_numeric(path, "top1", columns["top1"])
