"""A surrogate of NAS-Bench-NLP's losses, fitted on whatever logs the user has.

The benchmark's logs cover a sliver of the space. A Gaussian process over graphs (``bonag.predictors.gp``) goes from the
cells in them to all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bonag.evaluators.batch import DECIMALS, BatchEvaluator
from bonag.evaluators.nlp_logs import Log, corpora, network_size, read_logs
from bonag.evaluators.nlp_table import trained_cells
from bonag.scores import ScoreMap
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.predictors.gp import FittedProcess

# Cells that it is fitted on, so that this takes seconds; of more, so many that are spread evenly over the losses.
MOST_CELLS = 500
FEWEST_CELLS = 20
TAIL = 1.0


def task_names(data_dir: Path | None) -> list[str]:
    """The corpora of which there are logs: ``wikitext2``, ``ptb``; raises UserError where there are none."""
    return corpora(data_dir)


def make(space: SearchSpace, task: str, data_dir: Path | None) -> NLPSurrogate:
    """Read the logs of a corpus and fit the surrogate; raises UserError."""
    return NLPSurrogate(space, task, read_logs(data_dir, task))


class NLPSurrogate(BatchEvaluator):
    """Metrics ``perplexity`` and ``validation_loss`` (nats a word), ``params`` and ``macs``.

    logs: of the corpus. Raises UserError where there are too few.
    """

    metrics = ("perplexity", "validation_loss", "params", "macs")

    def __init__(self, space: SearchSpace, task: str, logs: Sequence[Log]) -> None:
        self.name, self.task, self.space = "surrogate", task, space
        self.network_size = network_size(task)
        self._fitted = fit_losses(space, tuple(logs))
        fitted = self._fitted
        self.description = (
            "Perplexity is e to the power of validation_loss, a surrogate's estimate of the lowest validation loss "
            f"(nats a word) on {task} in a training as in NAS-Bench-NLP: a Gaussian process over graphs, fitted on "
            f"{fitted.cells:,} cells of the benchmark's logs. With each of them left out in turn its Kendall tau is "
            f"{fitted.tau:.2f} and its mean absolute error {fitted.error:.2f} nats, where the mean of all is off by "
            f"{fitted.spread:.2f}: it tells good cells from bad ones, and hardly good ones from better ones. No "
            "network is trained; the logs themselves (evaluator 'table') are exact. Params and MACs are exact counts."
        )

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        losses = np.round(self._fitted.losses(self.space.codes(architectures)), DECIMALS)
        return {
            "perplexity": np.round(np.exp(losses), DECIMALS),
            "validation_loss": losses,
            **self.costs_many(architectures),
        }


@dataclass(frozen=True, eq=False)
class FittedLosses:
    """The process, and how good it is on cells that it has not seen.

    tau: Kendall's, error: mean absolute error (nats), of predictions for each cell by all others. spread: the mean
    distance of losses from their mean.
    """

    process: FittedProcess
    scale: ScoreMap
    cells: int
    tau: float
    error: float
    spread: float

    def losses(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B,) nats."""
        return -self.scale.to_values(self.process.predict(codes).mean)


@lru_cache(maxsize=4)
def fit_losses(space: SearchSpace, logs: tuple[Log, ...]) -> FittedLosses:
    """The process of the cells of the logs, and how well it does without each; raises UserError for too few cells."""
    from scipy.stats import kendalltau

    from bonag.predictors.gp import GaussianProcess

    cells = trained_cells(logs)
    if len(cells) < FEWEST_CELLS:
        raise UserError(
            f"a surrogate of space '{space.name}' needs the logs of {FEWEST_CELLS} cells, and there are {len(cells)}: "
            "take all of the benchmark's logs"
        )
    # From the lowest loss to the highest.
    ordered = sorted(cells, key=lambda cell: (cells[cell].validation_loss, str(cell)))
    count = min(len(ordered), MOST_CELLS)
    chosen = [ordered[place] for place in np.linspace(0, len(ordered) - 1, count).round().astype(int).tolist()]
    losses = np.array([cells[cell].validation_loss for cell in chosen])
    scale = ScoreMap.of_trials(-losses, TAIL)
    process = GaussianProcess(space).fit(space.codes(chosen), scale.to_scores(-losses))
    left_out = -scale.to_values(process.leave_one_out().mean)
    return FittedLosses(
        process, scale, count, float(kendalltau(left_out, losses).statistic), float(np.abs(left_out - losses).mean()),
        float(np.abs(losses - losses.mean()).mean()),
    )  # fmt: skip
