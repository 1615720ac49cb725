"""A Python function as an evaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from search_spaces import Architecture


class CallableEvaluator:
    """Calls ``function(architecture)``, which returns the metrics by name, or the objective's value alone."""

    def __init__(self, function: Callable[[Architecture], Any], metric: str) -> None:
        self.function = function
        self.metrics: tuple[str, ...] = (metric,)
        self.description = f"Values that the Python function {qualified_name(function)} returned; bonag knows no more."

    def evaluate(self, architecture: Architecture, seed: int) -> dict[str, float]:
        """What the function returned, by name; the seed is not passed on."""
        result = self.function(architecture)
        return dict(result) if isinstance(result, Mapping) else {self.metrics[0]: result}


def qualified_name(thing: object) -> str:
    """Module and name of a function, or of an object's class."""
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__}"
