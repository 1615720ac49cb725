"""The units of metrics as bonag's evaluators name theirs, and how values are written with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

# Of evaluators that declare no units.
NONE: Mapping[str, str] = MappingProxyType({})
# What is added to a metric's name for its standard deviation.
DEVIATION = "_sd"

# What is counted, in words. From LARGE on it is counted in millions.
COUNTS = {"params": "params", "macs": "MACs"}
LARGE, MILLION = 1e5, 1e6


# Names, or their first words, of what a search minimises; and last words of it.
COSTS = ("params", "macs", "flops", "latency", "memory", "energy", "loss", "perplexity")
LAST = ("ms", "seconds", "time", "loss", "perplexity")


def is_cost(metric: str) -> bool:
    """Whether less of a metric is better, as its name says: ``params``, ``latency_note10``, ``validation_loss``."""
    words = metric.lower().split("_")
    return words[0] in COSTS or words[-1] in LAST


def unit(metric: str, values: np.ndarray, units: Mapping[str, str] = NONE) -> str:
    """The unit of a metric, "" where it is not known, or for a count.

    values: (n,) values of it: an accuracy that stays within 0 to 1 is a share and not in per cent. units: by metric,
    where they are known; the others go by their names.
    """
    if metric in units:
        return units[metric]
    name = metric.lower()
    if "accuracy" in name:
        return "%" if np.nanmax(values, initial=0.0) > 1 else ""
    if name.startswith("latency_") or name.endswith("_ms"):
        return "ms"
    return "s" if name == "training_time" or name.endswith("_seconds") else ""


def untold(metrics: Iterable[str]) -> dict[str, str]:
    """The units of what somebody else measured and told nothing of: an accuracy of 93 is no "%" because of its size."""
    return {name: "" for name in metrics if "accuracy" in name.lower()}


def units_of(metrics: Mapping[str, float], declared: Mapping[str, str] = NONE) -> dict[str, str]:
    """The unit of each metric of an architecture; a deviation, ``accuracy_sd``, has that of its metric.

    declared: by metric, what the evaluator says of its own.
    """
    units = {name: unit(name, np.array([value]), declared) for name, value in metrics.items()}
    return units | {name: units[base] for name in metrics if (base := name.removesuffix(DEVIATION)) in units}


def amount(metric: str, *values: float, units: Mapping[str, str] = NONE) -> str:
    """``93.76 %``, ``5.12 M params``; of several values from the first to the last one: ``90.1 to 93.76 %``.

    units: by metric, where they are known; the others go by their names.
    """
    if metric in COUNTS:
        large = max(values) >= LARGE
        texts = [_significant(value / MILLION) if large else f"{value:,.0f}" for value in values]
        return f"{' to '.join(texts)} {'M ' if large else ''}{COUNTS[metric]}"
    known = unit(metric, np.array(values), units)
    return f"{' to '.join(f'{value:.6g}' for value in values)} {known}".rstrip()


def words(metric: str, *values: float, units: Mapping[str, str] = NONE) -> str:
    """The metric and its value: ``accuracy 93.76 %``; a count says itself what it is: ``5.12 M params``."""
    said = amount(metric, *values, units=units)
    return said if metric in COUNTS else f"{metric} {said}"


def column(metric: str, values: Sequence[float], units: Mapping[str, str] = NONE) -> tuple[str, float]:
    """The heading of a column of such values, with their unit, and what they are divided by there: ``macs (M)``."""
    if metric in COUNTS:
        large = max(values, default=0.0) >= LARGE
        return (f"{metric} (M)", MILLION) if large else (metric, 1.0)
    known = unit(metric, np.array(values, dtype=np.float64), units)
    return f"{metric} ({known})" if known else metric, 1.0


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def _significant(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
