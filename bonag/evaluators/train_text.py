"""Trains the network of an architecture on a text, and looks at how well it foretells what it has not read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bonag.running_trial import RunningTrial
from bonag.training.datasets import NAMES
from bonag.training.networks import build_arguments, check_networks
from bonag.training.recipe import read_hyperparameters
from bonag.training.text_recipe import CHOICES, TextRecipe, make_text_recipe
from bonag.training.texts import Text, read_text
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.training.text_fitting import TextFit
    from bonag.training.weights import TrainedNetwork

PRESET = "quick"


class TrainTextEvaluator:
    """The perplexity of an architecture's network on the validation part of a text, after a training of its own.

    dataset: the path of a text. preset, recipe: how networks are trained. The evaluator is checked with its text when
    it is made, and travels without it.
    """

    name = "train"
    metrics: tuple[str, ...] = ("perplexity",)
    looks_up = False

    def __init__(
        self,
        space: SearchSpace,
        dataset: str | None = None,
        preset: str | None = None,
        hyperparameters: Sequence[str] = (),
    ) -> None:
        """Raises UserError."""
        self.space = space
        self.preset, self.hyperparameters = preset or PRESET, tuple(hyperparameters)
        self.recipe = make_text_recipe(self.preset, self.hyperparameters)
        self.dataset = str(_text_file(space, dataset))
        text = self.text()
        self.task = text.name
        chosen = read_hyperparameters(self.hyperparameters, TextRecipe)
        self.arguments = build_arguments(space, self.recipe, chosen, CHOICES)
        self.network_size = NetworkSize(text.num_classes, None, self.arguments)
        check_networks(space, self.network_size)
        self.description = self._describe(text)

    def text(self) -> Text:
        """The text, read once in a process."""
        return _read(Path(self.dataset), self.recipe.tokens)

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> dict[str, float]:
        """Train the network and write it into the trial's folder; raises FloatingPointError where that diverges."""
        return self._fit(architecture, self.text()).run_and_keep(trial, preset=self.preset)

    def last_fit(self, architecture: Architecture) -> TextFit:
        """A training on the training and the validation part."""
        return self._fit(architecture, self.text().resplit())

    def test(self, trained: TrainedNetwork) -> tuple[float, int]:
        """The perplexity of the test part, and of how many tokens."""
        from bonag.device import resolve_device
        from bonag.training.text_fitting import perplexity

        tokens = self.text().test
        return perplexity(trained.build().to(resolve_device("auto")), tokens), len(tokens)

    @property
    def unit(self) -> str:
        """What texts are made of."""
        return self.recipe.tokens

    def _fit(self, architecture: Architecture, text: Text) -> TextFit:
        from bonag.training.text_fitting import TextFit

        return TextFit(self.space, architecture, text, self.recipe, self.arguments)

    def _describe(self, text: Text) -> str:
        told = (
            f"Networks trained here on {text.describe()}: preset {self.preset}, {self.recipe.describe()}. Perplexity "
            f"({self.recipe.tokens}) is that of the last epoch on the validation part; smaller is better, and to guess "
            f"is {text.num_classes:,}. The test part is left to `bonag test`."
        )
        if self.arguments:
            chosen = ", ".join(f"{name} {value:g}" for name, value in self.arguments.items())
            told += f" These are networks with {chosen}; params and macs are theirs."
        return told


def _text_file(space: SearchSpace, dataset: str | None) -> Path:
    """Where the text is; raises UserError for what is none."""
    need = f"the networks of space '{space.name}' learn a text: give one by --dataset FILE.txt"
    if dataset is None:
        raise UserError(need)
    path = Path(dataset).expanduser()
    if dataset in NAMES or path.is_dir() or path.suffix == ".npz":
        raise UserError(f"'{dataset}' are images, and {need}")
    if not path.exists():
        raise UserError(f"there is no file '{dataset}', and {need}")
    # A run may be gone on with from another folder.
    return path.absolute()


@lru_cache(maxsize=1)
def _read(path: Path, kind: str) -> Text:
    return read_text(path, kind)
