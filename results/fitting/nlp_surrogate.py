"""How well the surrogate of NAS-Bench-NLP ranks cells that it has not seen: 10-fold, beside two baselines.

    python results/fitting/nlp_surrogate.py --data DATA [--task wikitext2] [--folds 10]

prints Kendall's tau, over all logs, between the lowest validation loss and what is predicted for the cell of each log
by the logs of the other folds. Logs of the same cell are in the same fold. The baselines are the number of parameters,
of which more is taken for better, and the loss of the cell whose graph differs in the fewest nodes and edges.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import kendalltau

from bonag.evaluators.nlp_logs import network_size, read_logs
from bonag.evaluators.nlp_surrogate import TAIL
from bonag.predictors.gp import GaussianProcess
from bonag.scores import ScoreMap
from search_spaces import get_space


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--task", default="wikitext2")
    parser.add_argument("--folds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    space = get_space("nlp")
    logs = [log for log in read_logs(options.data, options.task) if not np.isnan(log.validation_loss)]
    cells = list(dict.fromkeys(log.architecture for log in logs))
    place = {cell: number for number, cell in enumerate(cells)}
    rows = np.array([place[log.architecture] for log in logs])
    measured = np.array([log.validation_loss for log in logs])
    losses = np.bincount(rows, measured) / np.bincount(rows)
    codes, graphs = space.codes(cells), space.seen_as.codes(cells)
    folds = np.random.default_rng(0).permutation(len(cells)) % options.folds

    def process(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
        scale = ScoreMap.of_trials(-losses[known], TAIL)
        model = GaussianProcess(space).fit(codes[known], scale.to_scores(-losses[known]))
        return -scale.to_values(model.predict(codes[asked]).mean)

    def nearest(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
        distance = (graphs[asked][:, None] != graphs[known][None]).sum(axis=2)
        return losses[known][distance.argmin(axis=1)]

    started = time.perf_counter()
    found = {"surrogate": np.empty(len(cells)), "nearest neighbour": np.empty(len(cells))}
    for fold in range(options.folds):
        known, asked = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        found["surrogate"][asked] = process(known, asked)
        found["nearest neighbour"][asked] = nearest(known, asked)
    sized = space.at(network_size(options.task))
    found["params"] = -np.array([sized.costs(cell).params for cell in cells], dtype=np.float64)
    print(f"{len(logs)} logs of {len(cells)} cells, {options.folds} folds, {time.perf_counter() - started:.0f} s")
    for name, values in found.items():
        print(f"{name}: Kendall tau {kendalltau(values[rows], measured).statistic:.3f}")


if __name__ == "__main__":
    main()
