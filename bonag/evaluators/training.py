"""The evaluator ``train``: which kind of data the networks of a space learn, and what trains them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bonag.evaluators.train import TrainEvaluator
from bonag.evaluators.train_text import TrainTextEvaluator
from bonag.training.recipe import Recipe, Settings
from bonag.training.text_recipe import TextRecipe
from search_spaces import SearchSpace
from search_spaces.errors import UserError


def train(
    space: SearchSpace,
    dataset: str | None = None,
    preset: str | None = None,
    hyperparameters: Sequence[str] = (),
    data: Path | None = None,
    fingerprint: str | None = None,
) -> TrainEvaluator | TrainTextEvaluator:
    """Training on a text where the networks take tokens, else on images; arguments as of these two.

    Raises UserError, also where a fingerprint of a text is asked for.
    """
    if not space.takes_tokens:
        return TrainEvaluator(space, dataset, preset, hyperparameters, data, fingerprint)
    if fingerprint is not None:
        raise UserError(f"the networks of space '{space.name}' learn a text, which has no fingerprint: leave it out")
    return TrainTextEvaluator(space, dataset, preset, hyperparameters)


def recipe_of(space: SearchSpace) -> type[Settings]:
    """The settings of such a training."""
    return TextRecipe if space.takes_tokens else Recipe
