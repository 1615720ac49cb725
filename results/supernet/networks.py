"""Random sub-networks of all sizes, and what they reach when they are trained alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bonag.evaluators.train import TrainEvaluator
from bonag.running_trial import RunningTrial
from search_spaces import Architecture
from search_spaces.mbv3 import MBV3, from_ofa
from search_spaces.mbv3.architecture import DEPTHS, EXPANDS, KERNELS, SLOTS, STAGES

SPACE = MBV3()


def draw(n: int, seed: int) -> list[Architecture]:
    """n networks; in each, how frequent every depth, kernel and expand ratio is was itself drawn (Dirichlet, 1/2).

    Were all choices as frequent in all networks, these would be nearly alike.
    """
    rng = np.random.default_rng(seed)

    def choose(values: Sequence[int], count: int) -> list[int]:
        chosen: list[int] = rng.choice(values, count, p=rng.dirichlet([0.5] * len(values))).tolist()
        return chosen

    return [from_ofa(choose(KERNELS, SLOTS), choose(EXPANDS, SLOTS), choose(DEPTHS, STAGES)) for _ in range(n)]


class Alone:
    """Accuracies (%) of networks trained alone by a preset; each is kept in a file of JSON lines once it is known."""

    def __init__(self, path: Path, dataset: str, preset: str, hyperparameters: Sequence[str]) -> None:
        self.path = path
        self.evaluator = TrainEvaluator(SPACE, dataset, preset, hyperparameters)
        self.settings = f"{dataset} {preset} {' '.join(hyperparameters)}"

    def accuracy(self, architecture: Architecture, seed: int) -> float:
        """On validation images, of the training with this seed."""
        key = {"architecture": str(architecture), "seed": seed, "settings": self.settings}
        for row in self._rows():
            if key.items() <= row.items():
                return float(row["accuracy"])
        found = self.evaluator.evaluate(architecture, RunningTrial(seed=seed))["accuracy"]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps({**key, "accuracy": found}) + "\n")
        return found

    def _rows(self) -> Iterator[dict[str, object]]:
        if self.path.exists():
            yield from map(json.loads, self.path.read_text().splitlines())
