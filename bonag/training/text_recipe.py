"""How a network learns a text: the settings, their bounds, and the presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bonag.training.recipe import Settings, check_preset, read_hyperparameters, setting

CHARACTERS, WORDS = "characters", "words"
# What a recipe may choose of a network: keyword arguments of ``space.build``, of those spaces that have them.
CHOICES = ("embedding", "hidden", "layers", "input_dropout", "hidden_dropout", "dropout", "weight_dropout")


def _dropout(help: str) -> float | None:
    chosen: float | None = setting(f"Share that training drops {help}; none for the space's own.", None, 0, 0.95)
    return chosen


@dataclass(frozen=True)
class TextRecipe(Settings):
    """How networks learn texts, by default nearly as in NAS-Bench-NLP, where the learning rate did not fall."""

    epochs: int = setting("Passes over the training text.", 50, 1, 100_000)
    batch_size: int = setting("Parts of the text that are read side by side.", 20, 1, 65_536)
    optimizer: str = setting("sgd (with Nesterov's momentum) or adamw.", "adamw")
    learning_rate: float = setting("At its highest; it falls along a cosine to zero.", 1e-3, 1e-8, 100)
    weight_decay: float = setting("Pull of the weights to zero.", 1.2e-6, 0, 10)
    tokens: str = setting("What a text is made of: characters or words.", WORDS, choices=(CHARACTERS, WORDS))
    length: int = setting("Tokens over which gradients flow back.", 70, 1, 10_000)
    clip: float | None = setting("Largest norm of the gradient; none for no limit.", 0.25, 1e-6, 1e6)
    embedding: int | None = setting("Width of a token's vector; none for the space's own.", None, 1, 65_536)
    hidden: int | None = setting("Width of the layers but the last; none for the space's own.", None, 1, 65_536)
    layers: int | None = setting("Layers of the network; none for the space's own.", None, 1, 100)
    input_dropout: float | None = _dropout("of a token's vector")
    hidden_dropout: float | None = _dropout("between layers")
    dropout: float | None = _dropout("after the last layer")
    weight_dropout: float | None = _dropout("of the weights of old states")

    def describe(self) -> str:
        """The settings in words."""
        clip = "" if self.clip is None else f", gradients of a norm of at most {self.clip:g}"
        return f"{super().describe()}, {self.length} {self.tokens} at a time{clip}"


# Half a minute a network for 100 kB on a CPU core.
QUICK = TextRecipe(
    epochs=8, batch_size=32, learning_rate=3e-3, weight_decay=0.01, warmup_epochs=1, tokens=CHARACTERS, length=25,
    embedding=64, layers=1, input_dropout=0.0, dropout=0.1, weight_dropout=0.0,
)  # fmt: skip
PRESETS = {"quick": QUICK, "nlp": TextRecipe()}


def make_text_recipe(preset: str, hyperparameters: Sequence[str] = ()) -> TextRecipe:
    """The preset, with some of its settings changed; raises UserError. hyperparameters: ``name=value``."""
    return replace(PRESETS[check_preset(preset, PRESETS)], **read_hyperparameters(hyperparameters, TextRecipe))
