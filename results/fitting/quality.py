"""How good held-out predictions are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# The quantiles of |z| of a standard normal inside which 50, 80 and 95 % lie.
INTERVALS = {50: 0.674490, 80: 1.281552, 95: 1.959964}


def quality(truth: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> dict[str, float]:
    """Ranks (Kendall tau-b, Spearman), errors, and calibration of (n,) predictions with standard deviations."""
    from scipy.stats import kendalltau, spearmanr

    z = (truth - mean) / sd
    return {
        "rows": len(truth),
        "tau": float(kendalltau(truth, mean)[0]),
        "spearman": float(spearmanr(truth, mean)[0]),
        "mae": float(np.abs(truth - mean).mean()),
        "rmse": float(np.sqrt(((truth - mean) ** 2).mean())),
        "bias": float((mean - truth).mean()),
        "mean_sd": float(sd.mean()),
        "z_sd": float(z.std()),
        **{f"inside_{share}": float((np.abs(z) < bound).mean()) for share, bound in INTERVALS.items()},
        "log_density": float((-0.5 * z**2 - np.log(sd) - 0.5 * np.log(2 * np.pi)).mean()),
    }


def folds(n: int, k: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """k pairs (training rows, held-out rows) of a random partition of n rows."""
    order = np.random.default_rng(seed).permutation(n)
    for fold in range(k):
        yield np.sort(np.concatenate([order[other::k] for other in range(k) if other != fold])), np.sort(order[fold::k])


QUALITY_HEADER = (
    "",
    "rows",
    "Kendall tau",
    "Spearman",
    "MAE",
    "bias",
    "mean sd",
    "sd of z",
    "in 50 %",
    "in 80 %",
    "in 95 %",
)


def quality_row(name: str, q: dict[str, float]) -> tuple[str, ...]:
    """A row of the cards' table of qualities, as ``QUALITY_HEADER``."""
    return (
        name,
        f"{q['rows']:,}",
        f"{q['tau']:.4f}",
        f"{q['spearman']:.4f}",
        f"{q['mae']:.3f}",
        f"{q['bias']:+.3f}",
        f"{q['mean_sd']:.3f}",
        f"{q['z_sd']:.3f}",
        *(f"{100 * q[f'inside_{share}']:.1f} %" for share in INTERVALS),
    )
