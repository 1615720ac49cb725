"""Trains the network of an architecture on images, and looks at how well it does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bonag.running_trial import RunningTrial
from bonag.training.datasets import DIGITS, NAMES, load_dataset
from bonag.training.networks import build_arguments, check_networks
from bonag.training.recipe import check_preset, make_recipe, read_hyperparameters
from bonag.transfer.fingerprint import FILTERS, NONE, check_network
from search_spaces import Architecture, NetworkSize, SearchSpace

if TYPE_CHECKING:
    from bonag.training.fitting import Fit
    from bonag.training.images import Dataset
    from bonag.training.weights import TrainedNetwork
    from loops.fingerprint import Fingerprint

PRESET = "quick"


class TrainEvaluator:
    """The accuracy (%) of an architecture's network on the validation images, after a training of its own.

    dataset: a name or a path. preset, recipe: how networks are trained. The evaluator is checked with its data when it
    is made, and travels without them.
    """

    name = "train"
    metrics: tuple[str, ...] = ("accuracy",)
    unit = "images"
    looks_up = False

    def __init__(
        self,
        space: SearchSpace,
        dataset: str | None = None,
        preset: str | None = None,
        hyperparameters: Sequence[str] = (),
        data: Path | None = None,
        fingerprint: str | None = None,
    ) -> None:
        """data: the folder in which data sets that have a name are looked for. fingerprint: which network makes it, or
        ``none``. Raises UserError.
        """
        self.network = check_network(fingerprint or FILTERS)
        self.space, self.data = space, data
        self.preset, self.hyperparameters = preset or PRESET, tuple(hyperparameters)
        chosen = read_hyperparameters(self.hyperparameters)
        named = dataset or DIGITS
        path = Path(named).expanduser()
        # A run may be gone on with from another folder.
        self.dataset = str(path.absolute()) if named not in NAMES and path.exists() else named
        self._loaded_size = chosen.get("image_size")
        check_preset(self.preset)
        images = load_dataset(self.dataset, data, self._loaded_size)
        self.task = images.name
        self.recipe = make_recipe(self.preset, space, images, self.hyperparameters)
        self.arguments = build_arguments(space, self.recipe, asked=chosen)
        self.network_size = NetworkSize(images.num_classes, self.recipe.image_size or images.side, self.arguments)
        check_networks(space, self.network_size)
        self.description = self._describe(images)

    def images(self) -> Dataset:
        """The data, read once in a process."""
        return _load(self.dataset, self.data, self._loaded_size)

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> dict[str, float]:
        """Train the network and write it into the trial's folder; raises FloatingPointError where that diverges."""
        return self._fit(architecture, self.images()).run_and_keep(trial, preset=self.preset)

    def last_fit(self, architecture: Architecture) -> Fit:
        """A training on all training and validation images."""
        from bonag.training.images import resplit

        return self._fit(architecture, resplit(self.images()))

    def test(self, trained: TrainedNetwork) -> tuple[float, int]:
        """The accuracy (%) on the test images, and how many there are."""
        from bonag.device import resolve_device
        from bonag.training.measuring import Pixels, measure

        images = self.images().test
        assert trained.image_size is not None
        pixels = Pixels(trained.mean, trained.stddev, trained.image_size)
        return measure(trained.build().to(resolve_device("auto")), images, pixels), len(images)

    def _fit(self, architecture: Architecture, dataset: Dataset) -> Fit:
        from bonag.training.fitting import Fit

        return Fit(self.space, architecture, dataset, self.recipe, self.arguments)

    def fingerprint(self) -> Fingerprint | None:
        """What the images look like that networks are trained on, at the size that they see."""
        from bonag.transfer.fingerprint import fingerprint

        if self.network == NONE:
            return None
        # Not kept: this process need not hold them.
        train, size = load_dataset(self.dataset, self.data, self._loaded_size).train, self.network_size.image_size
        return fingerprint(train.pixels, train.labels.numpy(), self.network, side=size, images=self.recipe.images)

    def _describe(self, dataset: Dataset) -> str:
        recipe = self.recipe
        used = len(dataset.train.first(recipe.images)), len(dataset.validation.first(recipe.validation_images))
        size = f" brought to {recipe.image_size} pixels" if recipe.image_size else ""
        text = (
            f"Networks trained here on {dataset.describe()}: preset {self.preset}, {recipe.describe()}, on {used[0]:,} "
            f"images{size}. Accuracy is that of the last epoch on {used[1]:,} validation images; the test images are "
            "left to `bonag test`."
        )
        if self.arguments:
            chosen = " and ".join(f"{value} {name}" for name, value in self.arguments.items())
            text += f" These are networks with {chosen}; params and macs are theirs."
        return text


@lru_cache(maxsize=1)
def _load(*arguments: Any) -> Dataset:
    return load_dataset(*arguments)
