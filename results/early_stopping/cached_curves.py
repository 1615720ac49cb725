"""Learning curves of real trainings, kept on disk: what one run has trained, no other trains again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bonag.running_trial import RunningTrial
from bonag.training.datasets import load_dataset
from bonag.training.fitting import Fit
from bonag.training.images import Dataset, Images
from bonag.training.measuring import Pixels
from bonag.training.networks import build_arguments
from bonag.training.recipe import make_recipe, read_hyperparameters
from bonag.whole_file import whole_file
from search_spaces import Architecture, SearchSpace

# Of every training, whichever run asks for it: so a curve is a function of the architecture.
TRAINING_SEED = 2026


class CachedCurves:
    """The evaluator ``train`` with one training seed, which trains only the epochs that nobody has trained before.

    side: pixels to which all images are brought once, in place of every time that a network is shown them.
    epochs: how many it has reported, trained now or before: what a run has spent.
    """

    metrics = ("accuracy",)
    looks_up = True

    def __init__(
        self, space: SearchSpace, dataset: str, side: int | None, hyperparameters: Sequence[str], folder: Path
    ) -> None:
        self.space, self.folder, self.epochs = space, folder, 0
        data = load_dataset(dataset)
        self.dataset = data if side is None else brought_to(data, side)
        self.recipe = make_recipe("quick", space, self.dataset, hyperparameters)
        self.arguments = build_arguments(space, self.recipe, asked=read_hyperparameters(hyperparameters))
        self.description = f"{self.dataset.describe()}; {self.recipe.describe()}"
        folder.mkdir(parents=True, exist_ok=True)

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> Mapping[str, float]:
        """Report the curve, trained where it has to be, until it ends or the trial is stopped."""
        training = _Training(self, architecture)
        known = list(training.points)
        for epoch in range(self.recipe.epochs):
            if epoch == len(known):
                return training.go_on(trial)
            self.epochs += 1
            if not trial.report(epoch + 1, **known[epoch]):
                break
        return {"accuracy": known[epoch]["accuracy"]}


class _Training:
    """The training of one architecture: a file of what it has reported, and a checkpoint of where it is."""

    def __init__(self, curves: CachedCurves, architecture: Architecture) -> None:
        self.curves, self.architecture = curves, architecture
        self.folder = curves.folder / hashlib.sha256(str(architecture).encode()).hexdigest()[:16]
        self.file = self.folder / "curve.json"
        self.points: list[dict[str, float]] = []
        if self.file.exists():
            kept = json.loads(self.file.read_text())
            assert kept["architecture"] == str(architecture), self.file
            self.points = kept["points"]

    def go_on(self, outer: RunningTrial) -> dict[str, float]:
        """Train from the checkpoint, and report to the run's trial what was not there yet."""
        first = len(self.points)

        def tell(step: int, metrics: Mapping[str, object]) -> bool:
            point = {name: float(str(value)) for name, value in metrics.items()}
            if step <= first:
                assert self.points[step - 1] == point, f"{self.file}: a training did not repeat itself"
                return True
            self.points.append(point)
            self._write()
            self.curves.epochs += 1
            return outer.report(step, **point)

        inner = RunningTrial(0, TRAINING_SEED, self.curves.space, self.folder, tell)
        curves = self.curves
        fit = Fit(curves.space, self.architecture, curves.dataset, curves.recipe, curves.arguments)
        fit.run(inner)
        if fit.epochs < self.curves.recipe.epochs:
            # For this run it is over; another one may go on with it.
            inner.stopped = False
            inner.save(fit._state())
        else:
            fit.forget()
        return {"accuracy": fit.accuracy}

    def _write(self) -> None:
        self.folder.mkdir(exist_ok=True)
        with whole_file(self.file) as temporary:
            temporary.write_text(json.dumps({"architecture": str(self.architecture), "points": self.points}))


class _Smaller:
    """Images at a smaller size."""

    def __init__(self, side: int) -> None:
        self.side = side

    def __call__(self, images: Images) -> Images:
        import torch

        same = Pixels((0.0,), (1.0,), self.side)
        channels = images.pixels.shape[1]
        parts = [same.prepare(part)[:, :channels] for part in images.pixels.split(2000)]
        return Images((torch.cat(parts) * 255).round().to(torch.uint8).contiguous(), images.labels)


def brought_to(dataset: Dataset, side: int) -> Dataset:
    """The data set with all images at this size."""
    smaller = _Smaller(side)
    return Dataset(
        f"{dataset.name} at {side} pixels",
        smaller(dataset.train),
        smaller(dataset.validation),
        smaller(dataset.test),
        dataset.num_classes,
        dataset.flips,
    )
