"""A Python function as an evaluator."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from loops.protocols import RunningTrial
from search_spaces import Architecture
from search_spaces.registry import PYTHON, name_of


class CallableEvaluator:
    """Calls ``function(architecture)``, which returns the metrics by name, or the value alone of the only one.

    A function of two arguments is given the trial too (``bonag.running_trial``). One that has an attribute
    ``network_size`` says by it which networks it measures, and by ``units`` the unit of each of its metrics.
    """

    looks_up = False

    def __init__(self, function: Callable[..., object], metrics: Sequence[str]) -> None:
        self.function = function
        self.network_size = getattr(function, "network_size", None)
        self.units: Mapping[str, str] = getattr(function, "units", {})
        self._takes_trial = _takes_two(function)
        self.metrics: tuple[str, ...] = tuple(metrics)
        named = name_of(function).removeprefix(PYTHON)
        self.description = f"Values that the Python function {named} returned; bonag knows no more."

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> Mapping[str, float]:
        """What the function returned, by name."""
        result = self.function(architecture, trial) if self._takes_trial else self.function(architecture)
        # Of several metrics a lone number could be any: it is refused where outcomes are checked.
        lone = len(self.metrics) == 1 and not isinstance(result, Mapping) and not (result is None and trial.stopped)
        return cast(Mapping[str, float], {self.metrics[0]: result} if lone else result)


def _takes_two(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True
