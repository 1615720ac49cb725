"""How a network is trained: the settings, their bounds, and the presets."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    from bonag.training.images import Dataset
    from search_spaces import SearchSpace

OPTIMIZERS = ("sgd", "adamw")
# In place of a number: the data's, the space's or no limit, whichever ``None`` means there.
NONE = "none"


def setting(
    help: str,
    default: Any,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = OPTIMIZERS,
) -> Any:
    """A field of a recipe: what it is, its default, and its bounds where it is a number, else its choices."""
    return field(default=default, metadata={"help": help, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """The settings of any training."""

    epochs: int = setting("Passes over the training data.", 200, 1, 100_000)
    batch_size: int = setting("Images in a step, or parts of a text that are read side by side.", 256, 2, 65_536)
    optimizer: str = setting("sgd (with Nesterov's momentum) or adamw.", "sgd")
    learning_rate: float = setting("At its highest; it falls along a cosine to zero.", 0.1, 1e-8, 100)
    momentum: float = setting("Of SGD.", 0.9, 0, 0.9999)
    weight_decay: float = setting("Pull of the weights to zero.", 5e-4, 0, 10)
    warmup_epochs: int = setting("Epochs in which the learning rate rises from zero.", 0, 0, 100_000)
    ema: float = setting("Decay a step of the average of the weights that is kept; 0 for none.", 0.0, 0, 0.99999)
    amp: bool = setting("Whether to compute in mixed precision on a GPU.", True)

    def describe(self) -> str:
        """The settings in words."""
        rate = f"learning rate {self.learning_rate:g} along a cosine to 0"
        parts = [f"{self.epochs} epochs of {self.optimizer} in batches of {self.batch_size}, {rate}"]
        parts += [f"after {self.warmup_epochs} epochs of warm-up"] if self.warmup_epochs else []
        parts += [f"weight decay {self.weight_decay:g}"]
        parts += [f"averaged weights ({self.ema:g})"] if self.ema else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Recipe(Settings):
    """How networks learn images, by default as in NAS-Bench-201 (Dong and Yang, ICLR 2020, table 1)."""

    label_smoothing: float = setting("Share of a label that all classes get.", 0.0, 0, 0.9)
    crop: int | None = setting("Most pixels by which images are moved; none for an eighth of their side.", 4, 0, 512)
    flip: bool | None = setting("Whether images are mirrored at random; none for what the data allow.", True)
    cutout: int = setting("Side in pixels of the square that is blanked at random; 0 for no such square.", 0, 0, 1024)
    images: int | None = setting("Most training images; none for all.", None, 2, 10**9)
    validation_images: int | None = setting("Most validation images; none for all.", None, 1, 10**9)
    image_size: int | None = setting("Side in pixels to which images are brought; none for their own.", None, 1, 1024)
    channels: int | None = setting("Channels at first, where the space can choose; none for its own.", None, 2, 4096)
    cells: int | None = setting("Cells of a stage, where the space can choose; none for its own.", None, 1, 100)
    width: float | None = setting(
        "Times the usual channels, where the space can choose; none for its own.", None, 0.05, 10
    )

    def describe(self) -> str:
        """The settings in words."""
        smoothing = f", label smoothing {self.label_smoothing:g}" if self.label_smoothing else ""
        return super().describe() + smoothing


# Minutes for a whole search on two CPU cores: one for little data, one for more. Larger images are brought to half the
# size that the space's networks are made for: more of them help more than more pixels do.
QUICK_SMALL = Recipe(
    epochs=30, batch_size=64, optimizer="adamw", learning_rate=8e-3, weight_decay=0.05, warmup_epochs=2, crop=None,
    flip=None, channels=8, cells=1,
)  # fmt: skip
QUICK = replace(QUICK_SMALL, epochs=6, batch_size=128, warmup_epochs=1, crop=0, images=12_000, validation_images=4_000)
SMALL = 3_000
PRESETS: dict[str, tuple[Recipe, Recipe]] = {"quick": (QUICK_SMALL, QUICK), "nb201": (Recipe(), Recipe())}


def make_recipe(preset: str, space: SearchSpace, dataset: Dataset, hyperparameters: Sequence[str] = ()) -> Recipe:
    """The preset for this space and data, with some of its settings changed; raises UserError.

    hyperparameters: ``name=value``.
    """
    small, large = PRESETS[check_preset(preset)]
    recipe = small if len(dataset.train) <= SMALL else large
    if preset == "quick" and dataset.side > space.image_size // 2:
        recipe = replace(recipe, image_size=max(1, space.image_size // 2))
    return replace(recipe, **read_hyperparameters(hyperparameters))


def check_preset(preset: str, known: Collection[str] = tuple(PRESETS)) -> str:
    """The preset itself; raises UserError where there is none of that name."""
    if preset not in known:
        raise UserError(f"unknown preset '{preset}': {suggestion(preset, known)}")
    return preset


def read_hyperparameters(texts: Sequence[str], recipe: type = Recipe) -> Mapping[str, Any]:
    """The values of settings from texts such as ``epochs=30``; raises UserError for a name or a value that is none.

    recipe: the dataclass that has the settings.
    """
    kinds = get_type_hints(recipe)
    metadata = {one.name: one.metadata for one in fields(recipe)}
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise UserError(f"hyperparameter '{text}' must be name=value, as in 'epochs=30'")
        if name not in kinds:
            raise UserError(f"unknown hyperparameter '{name}': {suggestion(name, kinds)}")
        if name in values:
            raise UserError(f"hyperparameter '{name}' is given more than once")
        values[name] = _read(name, value, get_args(kinds[name]) or (kinds[name],), metadata[name])
    return values


def _read(name: str, text: str, kinds: tuple[type, ...], bounds: Mapping[str, Any]) -> Any:
    if type(None) in kinds and text.lower() == NONE:
        return None
    if bool in kinds:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise UserError(f"hyperparameter '{name}' must be true or false, not '{text}'")
    if str in kinds:
        if text not in bounds["choices"]:
            raise UserError(f"unknown {name} '{text}': {suggestion(text, bounds['choices'])}")
        return text
    whole = int in kinds
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        raise UserError(f"hyperparameter '{name}' must be a {'whole ' if whole else ''}number, not '{text}'") from None
    if not math.isfinite(value) or not bounds["low"] <= value <= bounds["high"]:
        raise UserError(f"hyperparameter '{name}' must be from {bounds['low']:g} to {bounds['high']:g}, not {text}")
    return value
