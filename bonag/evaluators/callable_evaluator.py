"""A Python function as an evaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from search_spaces import Architecture
from search_spaces.registry import PYTHON, name_of


class CallableEvaluator:
    """Calls ``function(architecture)``, which returns the metrics by name, or the value alone of the only one."""

    def __init__(self, function: Callable[[Architecture], object], metrics: Sequence[str]) -> None:
        self.function = function
        self.metrics: tuple[str, ...] = tuple(metrics)
        named = name_of(function).removeprefix(PYTHON)
        self.description = f"Values that the Python function {named} returned; bonag knows no more."

    def evaluate(self, architecture: Architecture, seed: int) -> Mapping[str, float]:
        """What the function returned, by name; the seed is not passed on."""
        result = self.function(architecture)
        # Of several metrics a lone number could be any: it is refused where outcomes are checked.
        lone = len(self.metrics) == 1 and not isinstance(result, Mapping)
        return cast(Mapping[str, float], {self.metrics[0]: result} if lone else result)
