"""Training of one network on images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from bonag.training.augmentation import augment
from bonag.training.images import Dataset, Images
from bonag.training.loop import Training, seeded_generator
from bonag.training.measuring import Pixels, measure
from bonag.training.recipe import Recipe
from bonag.training.weights import TrainedNetwork


class Choice(Protocol):
    """What a recipe chooses of a data set: at most how many images of each part, and their size in pixels."""

    @property
    def images(self) -> int | None: ...

    @property
    def validation_images(self) -> int | None: ...

    @property
    def image_size(self) -> int | None: ...


class UsedImages:
    """Which images of ``dataset`` a training uses, as its ``recipe`` says."""

    dataset: Dataset
    recipe: Choice

    @cached_property
    def train(self) -> Images:
        """The images to train with."""
        return self.dataset.train.first(self.recipe.images)

    @cached_property
    def validation(self) -> Images:
        """The images to measure on while it trains."""
        return self.dataset.validation.first(self.recipe.validation_images)

    @cached_property
    def pixels(self) -> Pixels:
        """What is done to images before a network has them."""
        return Pixels.of(self.dataset.train, self.recipe.image_size or self.dataset.side)


class Fit(UsedImages, Training):
    """The training of one network on images; its metric is the accuracy (%) on the validation images."""

    metric: ClassVar[str] = "accuracy"

    dataset: Dataset
    recipe: Recipe

    @property
    def accuracy(self) -> float:
        """The last one."""
        return self.value

    @cached_property
    def network(self) -> nn.Module:
        """The network that is trained, with channels last in memory."""
        return super().network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def steps(self) -> int:
        """See ``Training``. A last batch that is not full is left out, unless it is the only one: batch norm suffers
        from few images."""
        return max(1, len(self.train) // self.recipe.batch_size)

    def losses(self, epoch: int) -> Iterator[tuple[Tensor, int]]:
        """See ``Training``: images come in a random order."""
        images, recipe, device = self.train, self.recipe, self.trial.device
        flip = self.dataset.flips if recipe.flip is None else recipe.flip
        crop = self.dataset.side // 8 if recipe.crop is None else recipe.crop
        generator = seeded_generator(self.trial.seed, epoch)
        order = torch.randperm(len(images), generator=generator)
        for rows in order.split(recipe.batch_size)[: self.steps]:
            batch = augment(images.pixels[rows].to(device), generator, crop, flip, recipe.cutout)
            labels = images.labels[rows].to(device)
            with self.precision():
                logits = self.network(self.pixels.prepare(batch))
                loss = functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
            yield loss, len(rows)

    def measured(self, network: nn.Module) -> float | None:
        """See ``Training``."""
        return measure(network, self.validation, self.pixels) if len(self.validation) else None

    def hand_over(self, network: nn.Module, **facts: str) -> TrainedNetwork:
        """See ``Training``."""
        return TrainedNetwork(
            space=self.space,
            architecture=self.architecture,
            num_classes=self.dataset.num_classes,
            image_size=self.pixels.image_size,
            arguments=self.arguments,
            mean=self.pixels.mean,
            stddev=self.pixels.stddev,
            state=network.state_dict(),
            facts={"dataset": self.dataset.name, "epochs": str(self.epochs), **facts},
        )
