"""One step of a supernet's weights: which networks take part, and what they learn from."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bonag.elastic.phases import Phase
from bonag.elastic.recipe import SupernetRecipe
from search_spaces.mbv3.elastic import LARGEST, SMALLEST, ElasticMobileNetV3


def add_gradients(
    network: ElasticMobileNetV3,
    phase: Phase,
    recipe: SupernetRecipe,
    teacher: nn.Module | None,
    x: torch.Tensor,
    labels: torch.Tensor,
    rng: np.random.Generator,
) -> float:
    """Add up the gradients of the networks that take part in a step; returns the mean of their losses.

    x, labels: images (B, 3, H, W) and their classes (B,). The largest network learns from the labels; in a sandwich
    the smallest and some random ones learn from its outputs (Yu et al., ECCV 2020). In other phases random networks
    learn from a teacher that stays as it is (Cai et al., ICLR 2020).
    """
    network.train()
    students = [] if phase.single else [phase.sample(rng) for _ in range(recipe.subnets)]
    losses: list[torch.Tensor] = []

    def learn(loss: torch.Tensor) -> None:
        loss.backward()
        losses.append(loss.detach())

    soft = None
    if phase.single or phase.sandwich:
        logits = network(x, LARGEST)
        learn(_label_loss(logits, labels, recipe))
        soft = logits.detach().softmax(1)
    elif teacher is not None:
        with torch.no_grad():
            soft = teacher(x).softmax(1)
    if phase.sandwich:
        students.insert(0, SMALLEST)
    for student in students:
        learn(_student_loss(network(x, student), soft, labels, recipe))
    return float(torch.stack(losses).mean())


def _student_loss(
    logits: torch.Tensor, soft: torch.Tensor | None, labels: torch.Tensor, recipe: SupernetRecipe
) -> torch.Tensor:
    """Of a teacher's probabilities and of the labels, as the recipe mixes them."""
    if soft is None or recipe.distillation == 0:
        return _label_loss(logits, labels, recipe)
    distilled = functional.cross_entropy(logits, soft)
    if recipe.distillation == 1:
        return distilled
    return recipe.distillation * distilled + (1 - recipe.distillation) * _label_loss(logits, labels, recipe)


def _label_loss(logits: torch.Tensor, labels: torch.Tensor, recipe: SupernetRecipe) -> torch.Tensor:
    return functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
