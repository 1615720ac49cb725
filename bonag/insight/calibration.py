"""How well estimates agree with measurements of the same networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from search_spaces.errors import UserError

# With fewer networks nothing can be said.
FEWEST = 5
RESAMPLES = 500
# The share of networks that counts as the best.
BEST = 0.1


@dataclass(frozen=True)
class Calibration:
    """What an evaluator said of measured networks, beside what was measured.

    n: networks. without: those of which the evaluator has no value, left out. tau, spearman: rank correlations;
    tau_interval: its bootstrap interval of 95 %. offset: mean of estimated minus measured. rmse: root mean square error
    once the offset is taken away. spread: standard deviation of what was measured. best: how many networks a tenth is;
    best_found: how many of the evaluator's best are among as many that measured best. z_sd: the standard deviation of
    errors by the evaluator's own ``<metric>_sd``, None where it gives none. verdict: all of it in plain words.
    """

    source: str
    space: str
    evaluator: str
    task: str | None
    metric: str
    n: int
    without: int
    tau: float
    tau_interval: tuple[float, float]
    spearman: float
    offset: float
    rmse: float
    spread: float
    best: int
    best_found: int
    z_sd: float | None
    verdict: str


def compare(
    measured: np.ndarray,
    estimated: np.ndarray,
    sd: np.ndarray | None,
    sign: float,
    seed: int,
    **names: Any,
) -> Calibration:
    """Compare (n,) values; an estimate, and its standard deviation, is nan where there is none.

    sign: +1 where more is better, else -1. seed: of the bootstrap. names: source, space, evaluator, task and metric.
    Raises UserError where there is nothing to compare.
    """
    from scipy.stats import kendalltau, spearmanr

    has = np.isfinite(estimated)
    without = int((~has).sum())
    measured, estimated, sd = measured[has], estimated[has], None if sd is None else sd[has]
    _check(measured, estimated, **names)
    error, n = estimated - measured, len(measured)
    rmse, spread, interval = float(error.std()), float(measured.std()), _interval(measured, estimated, seed)
    best = max(1, round(BEST * n))
    first = [set(np.argsort(-sign * values, kind="stable")[:best].tolist()) for values in (estimated, measured)]
    return Calibration(
        **names,
        n=n,
        without=without,
        tau=float(kendalltau(estimated, measured).statistic),
        tau_interval=interval,
        spearman=float(spearmanr(estimated, measured).statistic),
        offset=float(error.mean()),
        rmse=rmse,
        spread=spread,
        best=best,
        best_found=len(first[0] & first[1]),
        z_sd=None if sd is None or not (sd > 0).any() else float((error[sd > 0] / sd[sd > 0]).std()),
        verdict=_verdict(n, interval, rmse, spread),
    )


def _check(
    measured: np.ndarray, estimated: np.ndarray, source: str, evaluator: str, metric: str, **others: object
) -> None:
    if len(measured) < FEWEST:
        raise UserError(f"{source} has {len(measured)} measured networks: measure at least {FEWEST}, better 30")
    for whose, values in ((source, measured), (f"evaluator '{evaluator}'", estimated)):
        if values.min() == values.max():
            raise UserError(f"all networks have the same {metric} in {whose}: there is nothing to rank")
    if metric == "accuracy" and measured.max() <= 1 < estimated.min():
        raise UserError(f"{source} has accuracy as a share, and evaluator '{evaluator}' in percent: multiply it by 100")


def _interval(measured: np.ndarray, estimated: np.ndarray, seed: int) -> tuple[float, float]:
    """The central 95 % of Kendall's tau over networks drawn again with replacement (Efron, 1979)."""
    from scipy.stats import kendalltau

    rng, n = np.random.default_rng(seed), len(measured)
    drawn = (rng.integers(n, size=n) for _ in range(RESAMPLES))
    # The other methods spend their time on a p-value that nobody asks for.
    taus = [kendalltau(estimated[rows], measured[rows], method="asymptotic").statistic for rows in drawn]
    low, high = np.nanquantile(taus, [0.025, 0.975])
    return float(low), float(high)


def _verdict(n: int, interval: tuple[float, float], rmse: float, spread: float) -> str:
    """One line; it says no more than the lower end of the interval bears out."""
    low, high = interval
    if high < 0:
        said = "it ranks these networks the wrong way round: do not search on it"
    elif low <= 0:
        said = "nothing shows that it ranks these networks better than chance: measure more of them, or do not trust it"
    elif low < 0.4:
        said = "it ranks these networks better than chance and not well: search on measurements"
    elif low < 0.7:
        said = (
            "it tells good networks from bad ones, and not the best from the good: measure the best that a search finds"
        )
    else:
        said = f"it ranks these networks well; a search on it decides between those that differ by more than {rmse:.2g}"
    if n < 20 or high - low > 0.3:
        said += f" ({n} networks are few: tau may be anything from {low:.2f} to {high:.2f})"
    elif rmse > spread:
        said += f" (these networks differ by {spread:.2g} only, and it errs by {rmse:.2g})"
    return said
