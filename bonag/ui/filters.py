"""Values as people read them: the templates' filters, and more like them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from bonag.plots import notation
from loops import metric_units


def number(value: float | None, digits: int = 6) -> str:
    """Up to ``digits`` significant digits, thousands apart; a dash for nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1e5:
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.{digits}g}"
    return f"{value:.{digits}g}"


def duration(seconds: float | None) -> str:
    """Seconds in the two largest units that matter: ``3.2 s``, ``4 min 10 s``, ``2 h 05 min``, ``3 d 4 h``."""
    if seconds is None:
        return "–"
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def moment(seconds: float | None) -> str:
    """A point in time on this machine's clock, to the minute; a dash for nothing."""
    return "–" if seconds is None else f"{_local(seconds):%Y-%m-%d %H:%M}"


def iso(seconds: float | None) -> str:
    """A point in time for ``<time datetime>``."""
    return "" if seconds is None else _local(seconds).isoformat(timespec="seconds")


def share(value: float) -> str:
    """``12.5 %``; a dash for none."""
    return "–" if math.isnan(value) else f"{100 * value:.3g} %"


def measured(value: float | None, metric: str, units: Mapping[str, str]) -> str:
    """A trial's value of a metric with its unit; a dash for none. units: by metric, where they are known."""
    if value is None or math.isnan(value):
        return "–"
    return notation.number(value, metric_units.unit(metric, np.array([value]), units), 6)


def heading(metric: str, units: Mapping[str, str]) -> str:
    """``accuracy (%)``: a column of a metric."""
    known = metric_units.unit(metric, np.zeros(0), units)
    return f"{metric} ({known})" if known and not metric.endswith(f"_{known}") else metric


def amount(value: float, metric: str, measured: np.ndarray, units: Mapping[str, str], digits: int = 5) -> str:
    """A value of the metric with its unit; a dash for none. measured: (n,), values that tell the unit.

    units: by metric, where they are known.
    """
    return "–" if math.isnan(value) else notation.number(value, metric_units.unit(metric, measured, units), digits)


def _local(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)
