"""How metrics, numbers and architectures are written in figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

import numpy as np

from loops.metric_units import NONE, is_cost, unit

LONGEST = 44


def title(metric: str, values: np.ndarray, units: Mapping[str, str] = NONE) -> str:
    """``accuracy (%)``, for an axis; what would be markup to plotly is escaped."""
    known = unit(metric, values, units)
    return escape(metric) + (f" ({known})" if known else "")


def direction(metric: str) -> float | None:
    """+1 where larger is known to be better, -1 where smaller is, None where the name does not tell."""
    name = metric.lower()
    if "accuracy" in name and not name.endswith("_sd"):
        return 1.0
    return -1.0 if is_cost(metric) else None


def hover_format(values: np.ndarray) -> str:
    """The d3 format for such values, with thousands separators."""
    values = values[np.isfinite(values)]
    if not len(values) or (values == np.round(values)).all():
        return ",.0f"
    largest = np.abs(values).max()
    return ",.1f" if largest >= 1000 else ",.3f" if largest >= 0.1 else ".4~g"


def number(value: float, unit: str = "", digits: int = 5) -> str:
    """``93.76 %``, ``1,073,466``."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    return f"{text} {unit}".rstrip()


def count(n: int, one: str, several: str | None = None) -> str:
    """``1 trial``, ``2,000 trials``."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def short(text: object, longest: int = LONGEST) -> str:
    """The text for a hover box: its middle left out if it is long, and escaped."""
    shown = " ".join(str(text).split())
    if len(shown) > longest:
        tail = longest // 3
        shown = f"{shown[: longest - tail - 1]}…{shown[-tail:]}"
    return escape(shown, quote=False)


def ones_twos_fives(smallest: float, largest: float) -> list[float]:
    """1, 2, 5, 10, ... and 0.5, 0.2, ... between two positive numbers."""
    powers = range(math.floor(math.log10(smallest)), math.floor(math.log10(largest)) + 1)
    ticks = [first * 10.0**power for power in powers for first in (1, 2, 5)]
    return [tick for tick in ticks if smallest <= tick <= largest]
