"""One choice of a product space, and what makes it inactive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A word, a number, or several numbers that are chosen together, as (kernel, expand ratio).
Choice = str | int | float | tuple[int | float, ...]


@dataclass(frozen=True)
class Site:
    """What can differ between two architectures of a product space: one node of their graphs.

    name: what it is called in parameters, messages and ``architecture[name]``.
    choices: words, numbers, or tuples of numbers, in a fixed order; a site of one choice is a fixed node.
    ordered: whether Ax may take the choices as points on a line, and a site on which others depend moves by one step.
        By default numbers are.
    active_if: an earlier site and those of its choices with which this one exists. Without it (or where the earlier
        site is itself inactive) the site has no choice, and two architectures that differ in nothing else are one.
    """

    name: str
    choices: Sequence[Choice]
    ordered: bool | None = None
    active_if: tuple[str, Sequence[Choice]] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The choices as words: (3, 6) is ``3x6``."""
        return tuple(map(label, self.choices))

    @property
    def is_ordered(self) -> bool:
        """Whether the choices lie on a line."""
        numbers = [choice for choice in self.choices if isinstance(choice, int | float)]
        return self.ordered if self.ordered is not None else numbers == list(self.choices) == sorted(numbers)

    @property
    def values(self) -> tuple[int, ...] | tuple[str, ...]:
        """The choices as values of a parameter: integers where all are, else words."""
        integers = tuple(choice for choice in self.choices if type(choice) is int)
        return integers if len(integers) == len(self.choices) else self.labels


def label(choice: Choice | None) -> str:
    """A choice as a word."""
    return "x".join(map(str, choice)) if isinstance(choice, tuple) else str(choice)
