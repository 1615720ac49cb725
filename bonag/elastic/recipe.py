"""How a supernet is trained: the settings, and the presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bonag.training.recipe import SMALL, read_hyperparameters, setting
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    from bonag.training.images import Dataset


@dataclass(frozen=True)
class SupernetRecipe:
    """The settings of a supernet's training."""

    epochs: int = setting("Passes over the training images, of all phases together.", 14, 1, 100_000)
    batch_size: int = setting("Images in a step.", 128, 2, 65_536)
    subnets: int = setting("Random sub-networks in a step.", 2, 1, 64)
    distillation: float = setting("Share of a smaller network's loss that is a larger one's outputs.", 1.0, 0, 1)
    optimizer: str = setting("sgd (with Nesterov's momentum) or adamw.", "adamw")
    learning_rate: float = setting("At its highest; it falls along a cosine to zero.", 8e-3, 1e-8, 100)
    momentum: float = setting("Of SGD.", 0.9, 0, 0.9999)
    weight_decay: float = setting("Pull of the weights to zero.", 0.05, 0, 10)
    warmup_epochs: int = setting("Epochs in which the learning rate rises from zero.", 1, 0, 100_000)
    label_smoothing: float = setting("Share of a label that all classes get.", 0.0, 0, 0.9)
    crop: int | None = setting("Most pixels by which images are moved; none for an eighth of their side.", 0, 0, 512)
    flip: bool | None = setting("Whether images are mirrored at random; none for what the data allow.", None)
    cutout: int = setting("Side in pixels of the square that is blanked at random; 0 for no such square.", 0, 0, 1024)
    images: int | None = setting("Most training images; none for all.", None, 2, 10**9)
    validation_images: int | None = setting("Most images of the curve's accuracies; none for all.", 2_000, 1, 10**9)
    image_size: int | None = setting("Side in pixels to which images are brought; none for their own.", None, 1, 1024)

    def describe(self) -> str:
        """The settings in words."""
        return (
            f"{self.epochs} epochs of {self.optimizer} in batches of {self.batch_size}, {self.subnets} random "
            f"sub-networks a step, learning rate {self.learning_rate:g}, weight decay {self.weight_decay:g}"
        )


# Minutes on two CPU cores for small images; one for little data, one for more.
QUICK = SupernetRecipe()
QUICK_SMALL = replace(QUICK, epochs=100, batch_size=64, crop=None, warmup_epochs=5)
LONG, LONG_SMALL = replace(QUICK, epochs=60, warmup_epochs=3), replace(QUICK_SMALL, epochs=400, warmup_epochs=20)
PRESETS = {"quick": (QUICK_SMALL, QUICK), "long": (LONG_SMALL, LONG)}


def make_supernet_recipe(preset: str, dataset: Dataset, hyperparameters: Sequence[str] = ()) -> SupernetRecipe:
    """The preset for such data, with some of its settings changed; raises UserError.

    hyperparameters: ``name=value``.
    """
    if preset not in PRESETS:
        raise UserError(f"unknown preset '{preset}': {suggestion(preset, PRESETS)}")
    small, large = PRESETS[preset]
    recipe = small if len(dataset.train) <= SMALL else large
    return replace(recipe, **read_hyperparameters(hyperparameters, SupernetRecipe))
