"""How good predictions were, in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Quality:
    """Of held-out predictions; nan where it has no meaning (no spread, too few trials).

    kendall, spearman: rank correlations of prediction and measurement. r2: 1 less the share of the variance that is
    left. rmse: root mean squared error, in the metric's unit. within_50, within_90: share of the measurements that lie
    within the central intervals of these probabilities. bias, spread: mean and standard deviation of the errors
    (measured less predicted score) in predicted standard deviations: 0 and 1 if the predictor knows what it knows.
    """

    trials: int
    kendall: float
    spearman: float
    r2: float
    rmse: float
    within_50: float
    within_90: float
    bias: float
    spread: float


def quality(frame: pd.DataFrame) -> Quality:
    """The numbers of held-out predictions, with the columns of ``validation.HeldOut``."""
    from scipy.special import ndtri
    from scipy.stats import kendalltau, spearmanr

    measured, mean = frame["measured"].to_numpy(), frame["mean"].to_numpy()
    spread, ranked = measured.std(), measured.std() > 0 and mean.std() > 0
    errors = measured - mean
    z = ((frame["score"] - frame["score_mean"]) / frame["score_deviation"]).to_numpy()
    return Quality(
        trials=len(frame),
        kendall=float(kendalltau(measured, mean).statistic) if ranked else np.nan,
        spearman=float(spearmanr(measured, mean).statistic) if ranked else np.nan,
        r2=float(1 - (errors**2).mean() / spread**2) if spread > 0 else np.nan,
        rmse=float(np.sqrt((errors**2).mean())),
        within_50=float((np.abs(z) <= ndtri(0.75)).mean()),
        within_90=float((np.abs(z) <= ndtri(0.95)).mean()),
        bias=float(z.mean()),
        spread=float(z.std()),
    )
