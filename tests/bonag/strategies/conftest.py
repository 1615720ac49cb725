"""A space small enough to be emptied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from torch import nn

from search_spaces import ArchGraph, Architecture, Costs, InvalidArchitectureError, Parameter, SearchSpace


@dataclass(frozen=True)
class Word(Architecture):
    """Three of the letters a, b, c."""

    text: str

    def __str__(self) -> str:
        return self.text


class Letters(SearchSpace):
    """27 words; each letter leads to the next."""

    name = "letters"
    size = 27
    op_names = ("a", "b", "c")
    num_nodes = 3
    num_classes = 2
    image_size = 1

    def __init__(self) -> None:
        self.adjacency = np.eye(3, k=1, dtype=bool)
        self.fixed_ops = np.full(3, -1)

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        return [_word(row) for row in rng.integers(3, size=(n, 3))]

    def parse(self, text: str) -> Architecture:
        if len(text) != 3 or set(text) - set("abc"):
            raise InvalidArchitectureError(f"'{text}' is not three of the letters a, b, c")
        return Word(text)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        text = str(architecture)
        return [
            Word(text[:slot] + letter + text[slot + 1 :])
            for slot, letter in product(range(3), "abc")
            if text[slot] != letter
        ]

    def encode(self, architecture: Architecture) -> ArchGraph:
        return ArchGraph(np.array(["abc".index(letter) for letter in str(architecture)]), self.adjacency)

    def decode(self, graph: ArchGraph) -> Architecture:
        return _word(graph.ops)

    def project(self, scores: np.ndarray) -> list[Architecture]:
        return [_word(row) for row in scores.argmax(axis=2)]

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(f"slot_{slot}", self.op_names, is_ordered=False) for slot in range(3))

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        return {f"slot_{slot}": letter for slot, letter in enumerate(str(architecture))}

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        return self.parse("".join(str(values[f"slot_{slot}"]) for slot in range(3)))

    def build(self, architecture: Architecture, num_classes: int | None = None) -> nn.Module:
        return nn.Linear(1, num_classes or self.num_classes)

    def costs(self, architecture: Architecture, num_classes: int | None = None, image_size: int | None = None) -> Costs:
        return Costs(params=1, macs=1)


def _word(row: np.ndarray) -> Architecture:
    return Word("".join("abc"[int(letter)] for letter in row))


@pytest.fixture(scope="session")
def letters() -> SearchSpace:
    """27 architectures, 6 neighbours each."""
    return Letters()
