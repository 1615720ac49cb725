"""NAS-Bench-NLP as its authors measured it: exact look-ups in the benchmark's own logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bonag.evaluators.batch import BatchEvaluator
from bonag.evaluators.nlp_logs import Log, corpora, network_size, read_logs
from search_spaces import Architecture, SearchSpace

MEASURED = ("perplexity", "validation_loss", "test_perplexity", "test_loss", "training_time")


def task_names(data_dir: Path | None) -> list[str]:
    """The corpora of which there are logs: ``wikitext2``, ``ptb``; raises UserError where there are none."""
    return corpora(data_dir)


def make(space: SearchSpace, task: str, data_dir: Path | None) -> NLPTable:
    """Read all logs of a corpus; raises UserError."""
    return NLPTable(space, task, read_logs(data_dir, task))


class NLPTable(BatchEvaluator):
    """Metrics ``perplexity`` and ``validation_loss`` (nats a word), the same of the test text, ``training_time`` (s),
    ``params`` and ``macs``. logs: of the corpus; those of the same cell count as one, by their mean."""

    metrics = (*MEASURED, "params", "macs")

    def __init__(self, space: SearchSpace, task: str, logs: Sequence[Log]) -> None:
        self.name, self.task, self.space = "table", task, space
        self.network_size = network_size(task)
        self._cells = trained_cells(logs)
        diverged = {log.architecture for log in logs} - self._cells.keys()
        self.description = (
            f"Exact look-ups in the logs of NAS-Bench-NLP: validation_loss is the lowest of all epochs (nats a word) "
            f"on {task}, perplexity is e to its power, and test_loss and test_perplexity are those of the same epoch, "
            f"which are there to be reported and not to select by. {len(logs):,} trainings by the benchmark's authors "
            f"are of {len(self._cells):,} cells whose training ended well and {len(diverged):,} whose training "
            "diverged; of several of the same cell it is the mean. All other cells of the space were not trained: a "
            "trial of one fails, and the evaluator 'surrogate' estimates it. Nothing is trained here. Params and MACs "
            "are exact counts."
        )

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        nothing = TrainedCell(np.nan, np.nan, np.nan)
        cells = [self._cells.get(architecture, nothing) for architecture in architectures]
        losses = np.array([(cell.validation_loss, cell.test_loss) for cell in cells]).reshape(-1, 2)
        return {
            "perplexity": np.exp(losses[:, 0]),
            "validation_loss": losses[:, 0],
            "test_perplexity": np.exp(losses[:, 1]),
            "test_loss": losses[:, 1],
            "training_time": np.array([cell.training_time for cell in cells]),
            **self.costs_many(architectures),
        }


@dataclass(frozen=True)
class TrainedCell:
    """The means of the trainings of a cell that did not diverge. Units as in ``Log``."""

    validation_loss: float
    test_loss: float
    training_time: float


def trained_cells(logs: Sequence[Log]) -> dict[Architecture, TrainedCell]:
    """Those of the logs whose training ended well, in the order of their first log."""
    found: dict[Architecture, list[Log]] = {}
    for log in logs:
        if not np.isnan(log.validation_loss):
            found.setdefault(log.architecture, []).append(log)
    names = ("validation_loss", "test_loss", "training_time")
    return {
        cell: TrainedCell(*(float(np.mean([getattr(log, name) for log in same])) for name in names))
        for cell, same in found.items()
    }
