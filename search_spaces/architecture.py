"""An architecture as a value, its parameters and its costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar


class InvalidArchitectureError(ValueError):
    """A string, a graph or a set of parameters that stands for no architecture of the space."""


class Architecture(ABC):
    """A frozen, hashable value in canonical form: two are equal iff they are the same network.

    ``str`` gives its stable name, which the space's ``parse`` reads back.

    drawn_by: the registered name of the space that draws it in notebooks; None for text alone.
    """

    drawn_by: ClassVar[str | None] = None

    @abstractmethod
    def __str__(self) -> str: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self}')"

    def _repr_html_(self) -> str | None:
        if self.drawn_by is None:
            return None
        from search_spaces.drawing.cards import architecture_card
        from search_spaces.registry import get_space

        return architecture_card(get_space(self.drawn_by), self)


@dataclass(frozen=True)
class Parameter:
    """One flat choice parameter, as Ax sees it."""

    name: str
    values: tuple[int, ...] | tuple[str, ...]
    is_ordered: bool


@dataclass(frozen=True)
class Costs:
    """Exact costs of a network: ``params`` (trainable parameters) and ``macs`` (multiply-accumulates of every
    convolution and matrix product, as in linear layers, for one example, without biases)."""

    params: int
    macs: int


# The metrics that every space counts, without an evaluation.
COUNTED = tuple(field.name for field in fields(Costs))
