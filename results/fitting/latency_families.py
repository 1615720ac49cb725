"""The families of latency models that are compared: each is fitted on some rows and predicts others, in ms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bonag.evaluators.mbv3_gpu_latency import SIZES, Roofline, launches, relative_size
from bonag.evaluators.mbv3_work import WORK, network_work
from search_spaces.mbv3.architecture import OP_NAMES, SKIP, SLOTS

# Relative errors beyond this count by their size and not its square: a measurement may be disturbed.
ROBUST = 0.03
# Corrections are fitted on residuals of the log, cut here for the same reason.
CUT = 0.1
# The ridge penalty of corrections by size.
SIZE_PENALTY = 30.0


@dataclass(frozen=True)
class Rows:
    """ops: (n, 20) operations. sizes: (n,) pixels. width: what their networks are taken for."""

    ops: np.ndarray
    sizes: np.ndarray
    width: float = 1.0

    def __getitem__(self, chosen: np.ndarray) -> Rows:
        return replace(self, ops=self.ops[chosen], sizes=self.sizes[chosen])

    def work(self) -> np.ndarray:
        """(n, len(WORK)) work of whole networks."""
        total = np.empty((len(self.ops), len(WORK)))
        for size in np.unique(self.sizes):
            fixed, table = network_work(int(size), self.width)
            here = self.sizes == size
            total[here] = fixed + table[np.arange(SLOTS), self.ops[here]].sum(axis=1)
        return total

    def held(self) -> np.ndarray:
        """(n, 180) one-hot: which block each slot holds."""
        return np.eye(len(OP_NAMES))[self.ops][:, :, :SKIP].reshape(len(self.ops), -1)

    def relative(self) -> np.ndarray:
        """(n, 1) image sizes from -1 to 1."""
        return np.array([[relative_size(int(size))] for size in self.sizes])


Predict = Callable[[Rows], np.ndarray]


def fit_tables(rows: Rows, ms: np.ndarray, penalty: float) -> Predict:
    """A table of blocks, each growing with the area of the image; least squares of relative errors."""

    def inputs(rows: Rows) -> np.ndarray:
        side = (rows.sizes / SIZES.mean())[:, None]
        return np.concatenate([rows.held(), rows.held() * side**2, np.ones_like(side), side, side**2], axis=1)

    weights = _ridge(inputs(rows) / ms[:, None], np.ones(len(ms)), penalty)
    return lambda new: inputs(new) @ weights


def fit_log_tables(rows: Rows, ms: np.ndarray, penalty: float) -> Predict:
    """A table of factors, each with the image size to a power."""

    def inputs(rows: Rows) -> np.ndarray:
        x = rows.relative()
        return np.concatenate([rows.held(), rows.held() * x, np.ones_like(x), x, x**2, x**3], axis=1)

    weights = _ridge(inputs(rows), np.log(ms), penalty)
    return lambda new: np.exp(inputs(new) @ weights)


def fit_rates(rows: Rows, ms: np.ndarray) -> Predict:
    """Non-negative rates of work, as for the Note10, and of launches; least squares of relative errors."""
    from scipy.optimize import nnls

    def inputs(rows: Rows) -> np.ndarray:
        return np.concatenate([launches(rows.ops), rows.work()], axis=1)

    scale = inputs(rows).max(axis=0)
    rates, _ = nnls(inputs(rows) / scale / ms[:, None], np.ones(len(ms)))
    return lambda new: inputs(new) / scale @ rates


def fit_roofline(rows: Rows, ms: np.ndarray, penalty: float | None = None) -> Roofline:
    """The roofline; with corrections by size and slot where a penalty of the latter is given."""
    from scipy.optimize import least_squares

    counts, work = launches(rows.ops), rows.work()
    host = counts / counts.max(axis=0)
    device = np.concatenate([counts, work], axis=1)
    scale = device.max(axis=0)
    device, log_ms, h = device / scale, np.log(ms), host.shape[1]

    def parts(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        return host @ np.exp(x[:h]), device @ np.exp(x[h:-1]), 1 + np.exp(x[-1])

    def residuals(x: np.ndarray) -> np.ndarray:
        a, b, p = parts(x)
        return np.logaddexp(p * np.log(a), p * np.log(b)) / p - log_ms

    def slopes(x: np.ndarray) -> np.ndarray:
        a, b, p = parts(x)
        log_a, log_b = np.log(a), np.log(b)
        both = np.logaddexp(p * log_a, p * log_b)
        share = np.exp(p * log_a - both)
        power = (-both / p**2 + (share * log_a + (1 - share) * log_b) / p) * (p - 1)
        by_host = (share / a)[:, None] * host * np.exp(x[:h])
        by_device = ((1 - share) / b)[:, None] * device * np.exp(x[h:-1])
        return np.concatenate([by_host, by_device, power[:, None]], axis=1)

    typical = np.log(np.median(ms))
    start = np.concatenate(
        [np.full(h, typical - np.log(2 * h)), np.full(len(scale), typical - np.log(len(scale))), [1.5]]
    )
    lowest, highest = np.full(len(start), typical - 18.0), np.full(len(start), typical + 5.0)
    lowest[-1], highest[-1] = -3.0, 4.0
    x = least_squares(residuals, start, slopes, (lowest, highest), loss="soft_l1", f_scale=ROBUST, max_nfev=300).x
    ms_of_device = np.exp(x[h:-1]) / scale
    fitted = Roofline(
        host=np.exp(x[:h]) / counts.max(axis=0),
        device=ms_of_device[:h],
        rates=ms_of_device[h:],
        sharpness=np.array([1 + np.exp(x[-1])]),
        by_size=np.zeros(len(SIZES)),
        by_slot=np.zeros((SLOTS, len(OP_NAMES), 2)),
    )
    return fitted if penalty is None else _correct(fitted, rows, -residuals(x), penalty)


def predict_roofline(model: Roofline, rows: Rows) -> np.ndarray:
    """(n,) ms of networks of the width that a roofline takes for granted, at their own sizes."""
    ms = np.empty(len(rows.ops))
    for size in np.unique(rows.sizes):
        here = rows.sizes == size
        ms[here] = model.predict(rows.ops[here], int(size), rows.width)
    return ms


def _correct(model: Roofline, rows: Rows, residuals: np.ndarray, penalty: float) -> Roofline:
    """Ridge regression of what is left of log latency on image sizes and on what slots hold."""
    x, held = rows.relative(), rows.held()
    sizes = (rows.sizes[:, None] == SIZES).astype(float)
    inputs = np.concatenate([sizes, held, held * x], axis=1)
    left, centre = np.clip(residuals, -CUT, CUT), inputs.mean(axis=0)
    level = np.median(left)
    penalties = np.concatenate([np.full(len(SIZES), SIZE_PENALTY), np.full(2 * held.shape[1], penalty)])
    weights = _ridge(inputs - centre, left - level, penalties)
    by_size, blocks = weights[: len(SIZES)], weights[len(SIZES) :].reshape(2, SLOTS, SKIP)
    by_slot = np.zeros((SLOTS, len(OP_NAMES), 2))
    by_slot[:, :SKIP] = np.moveaxis(blocks, 0, 2)
    return replace(model, by_size=by_size + level - centre @ weights, by_slot=by_slot)


def _ridge(inputs: np.ndarray, values: np.ndarray, penalty: float | np.ndarray) -> np.ndarray:
    penalties = np.broadcast_to(penalty, inputs.shape[1])
    return np.linalg.solve(inputs.T @ inputs + np.diag(penalties), inputs.T @ values)


def _roofline(rows: Rows, ms: np.ndarray, penalty: float | None) -> Predict:
    return partial(predict_roofline, fit_roofline(rows, ms, penalty))


# The penalties of the slots' corrections, by the family's name; None where nothing is corrected.
ROOFLINES = {
    "roofline": None,
    "roofline by size": 1e9,
    "roofline by size, slots a little": 300.0,
    "roofline by size and slots": 30.0,
}
FAMILIES: dict[str, Callable[[Rows, np.ndarray], Predict]] = {
    "tables": partial(fit_tables, penalty=1e-4),
    "log tables": partial(fit_log_tables, penalty=1.0),
    "work rates": fit_rates,
    **{name: partial(_roofline, penalty=penalty) for name, penalty in ROOFLINES.items()},
}
