"""Which choices go with good values: all of them side by side, each alone, and any two together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty
from bonag.plots.marks import dots, mark_size
from bonag.plots.measured import column, indices
from bonag.plots.palette import BEST, TRIAL
from bonag.plots.plot import Plot
from loops import metric_units
from loops.history import History

# Whole numbers of more different values than this are drawn as others are: on a scale, in so many parts where each
# needs a place.
LEVELS = 8
# Axes and lines that can be told apart.
AXES, LINES = 15, 400
_SHADES = 9
_NOTHING = "no completed trial has a value"
# A long label may reach beyond the figure's edge, where it would be left out; there is no legend above.
_ROOM = {"ticklabeloverflow": "allow"}
_TOP = {"l": 8, "r": 12, "t": 10, "b": 8}
_SCALE = [[0.0, TRIAL], [0.5, "#C4C4C4"], [1.0, BEST]]


@dataclass(frozen=True, eq=False)
class Choice:
    """What the n completed trials hold in one slot. places: (n,) the number, or the place of the name in ``labels``."""

    name: str
    places: np.ndarray
    labels: tuple[str, ...] = ()

    def in_parts(self) -> Choice:
        """The same where each value has a place: numbers are put into parts of equal width."""
        if self.labels:
            return self
        edges = np.linspace(self.places.min(), self.places.max(), LEVELS + 1)
        labels = tuple(f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges))
        return Choice(self.name, np.clip(np.digitize(self.places, edges) - 1, 0, LEVELS - 1), labels)

    def tells(self, values: np.ndarray) -> float:
        """The share of the variance of the (n,) values that goes with it, less what chance would give."""
        places, total = self.in_parts().places, float(((values - values.mean()) ** 2).sum())
        groups = [values[places == place] for place in np.unique(places)]
        if total == 0 or len(values) <= len(groups):
            return 0.0
        within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
        return 1 - within / (len(values) - len(groups)) / (total / (len(values) - 1))


def choices_of(rows: Sequence[Mapping[str, object]]) -> list[Choice]:
    """One choice for each name that differs between them. rows: of each completed trial what it holds, by name."""
    names = dict.fromkeys(name for row in rows for name in row)
    found = [_choice(name, [row.get(name) for row in rows]) for name in names]
    return [choice for choice in found if len(np.unique(choice.places)) > 1]


def parallel(history: History, choices: Sequence[Choice], metric: str, sign: float) -> Plot:
    """Each trial as a line over its choices, which ends at its value of the metric; the better, the more orange.

    Of more than AXES choices those that tell most of the metric, of more than LINES trials some of all ranks.
    sign: +1 where larger is better.
    """
    kept, values = _with_values(history, metric)
    axes = _most_telling([_rows_of(choice, kept) for choice in choices], values, AXES)
    if not axes:
        return empty("choice", "", _NOTHING if not len(values) else "all trials have the same choices")
    order = np.argsort(sign * values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.linspace(0, 1, len(values))
    drawn = order[np.unique(np.linspace(0, len(order) - 1, min(len(order), LINES)).round().astype(int))]
    heights = [_heights(axis, ranks) for axis in axes]
    heights.append(_heights(Choice(metric, values), ranks))
    names = [*(notation.escape(axis.name) for axis in axes), notation.title(metric, values)]
    figure = canvas("", "", showlegend=False, margin=_TOP)
    shades = (ranks[drawn] * (_SHADES - 1)).round().astype(int)
    for shade in np.unique(shades).tolist():
        x: list[float | None] = []
        y: list[float | None] = []
        text: list[str | None] = []
        for row in drawn[shades == shade].tolist():
            x += [*range(len(names)), None]
            y += [*(float(height[row]) for height in heights), None]
            held = [f"{name} {_text(axis, row)}" for name, axis in zip(names, axes, strict=False)]
            said = [*held, f"{names[-1]} {notation.number(float(values[row]))}"]
            text += [*(f"trial {history.completed[kept[row]].index}<br>{one}" for one in said), None]
        line = {"color": _mixed(shade / (_SHADES - 1)), "width": 1.3}
        trace = {"type": "scatter", "mode": "lines", "x": x, "y": y, "text": text, "hoverinfo": "text", "line": line}
        figure.add_trace({**trace, "opacity": 0.75, "connectgaps": False})
    figure.add_trace(_axis_labels(axes, values))
    ticks = {"tickvals": list(range(len(names))), "ticktext": names, "range": [-0.3, len(names) - 0.5]}
    figure.update_xaxes(**ticks, **_ROOM)
    figure.update_yaxes(visible=False, range=[-0.04, 1.04])
    return Plot(figure, _best_tenth(axes, values, sign, metric))


def slice_of(history: History, choice: Choice, metric: str) -> Plot:
    """The metric of each trial by what it holds in one slot, and the mean of each. Darker marks came later."""
    kept, values = _with_values(history, metric)
    titles = notation.escape(choice.name), notation.title(metric, values)
    if not len(values):
        return empty(*titles, _NOTHING)
    shown, held = [history.completed[row] for row in kept], _rows_of(choice, kept)
    figure = canvas(*titles, showlegend=False, margin=_TOP)
    # Marks of the same name stand side by side, in the order of the trials.
    aside = (np.arange(len(shown)) / max(1, len(shown) - 1) - 0.5) * 0.5 if choice.labels else 0.0
    hover = f"{notation.escape(metric)} %{{y:{notation.hover_format(values)}}}"
    marker = {
        "color": indices(shown), "colorscale": [[0.0, "#9DB8D9"], [1.0, TRIAL]], "size": mark_size(len(shown)) - 1
    }  # fmt: skip
    figure.add_trace(dots(shown, held.places + aside, values, "trials", hover, marker))
    parts = held.in_parts()
    places = np.unique(parts.places)
    means = np.array([values[parts.places == place].mean() for place in places])
    at = places if choice.labels else np.array([held.places[parts.places == place].mean() for place in places])
    # Names have no order that a line could follow.
    mode = "markers" if choice.labels else "lines+markers"
    line = {"type": "scatter", "mode": mode, "x": at, "y": means, "line": {"color": BEST, "width": 1.5}}
    figure.add_trace({**line, "marker": {"color": BEST, "size": 8, "symbol": "diamond"}, "hovertemplate":
                      f"mean %{{y:{notation.hover_format(values)}}}<extra></extra>"})  # fmt: skip
    if choice.labels:
        figure.update_xaxes(tickvals=list(range(len(choice.labels))), ticktext=_escaped(choice.labels), **_ROOM)
    share = f"{100 * max(0.0, held.tells(values)):.0f} % of its variance goes with it"
    return Plot(figure, f"{metric} of {notation.count(len(shown), 'trial')} by {choice.name}: {share}.")


def pair(history: History, first: Choice, second: Choice, metric: str, sign: float) -> Plot:
    """The mean of the metric by what trials hold in two slots, with their number in each field; blank where none is."""
    kept, values = _with_values(history, metric)
    titles = notation.escape(first.name), notation.escape(second.name)
    if not len(values):
        return empty(*titles, _NOTHING)
    across, up = (_rows_of(choice, kept).in_parts() for choice in (first, second))
    shape = len(up.labels), len(across.labels)
    counts, sums = np.zeros(shape), np.zeros(shape)
    place = up.places.astype(int), across.places.astype(int)
    np.add.at(counts, place, 1)
    np.add.at(sums, place, values)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    figure = canvas(*titles, margin=_TOP)
    unit = metric_units.unit(metric, values)
    figure.add_trace(
        {
            "type": "heatmap", "x": _escaped(across.labels), "y": _escaped(up.labels), "z": means,
            "text": np.where(counts > 0, counts.astype(int).astype(str), ""), "texttemplate": "%{text}",
            "colorscale": _SCALE, "reversescale": sign < 0, "hoverongaps": False, "xgap": 2, "ygap": 2,
            "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": unit, "side": "top"}},
            "hovertemplate": f"%{{x}}, %{{y}}<br>mean %{{z:{notation.hover_format(values)}}} {unit} of %{{text}}"
            "<extra></extra>",
        }
    )  # fmt: skip
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", showgrid=False)
    row, cell = np.unravel_index(int(np.nanargmax(sign * means)), shape)
    best = f"{first.name} {across.labels[cell]} and {second.name} {up.labels[row]}"
    worth = notation.number(float(means[row, cell]), unit)
    return Plot(figure, f"Mean {metric} by {first.name} and {second.name}: best is {worth} with {best}.")


def most_telling(history: History, choices: Sequence[Choice], metric: str, n: int) -> list[Choice]:
    """The n choices that tell most of the metric, the most telling first."""
    kept, values = _with_values(history, metric)
    if not len(values):
        return list(choices[:n])
    return sorted(choices, key=lambda choice: -_rows_of(choice, kept).tells(values))[:n]


def _choice(name: str, held: Sequence[object]) -> Choice:
    numeric = all(isinstance(one, int | float) and not isinstance(one, bool) for one in held)
    if not numeric:
        labels, places = np.unique([str(one) for one in held], return_inverse=True)
        return Choice(name, places.astype(np.float64), tuple(labels.tolist()))
    values = np.array(held, dtype=np.float64)
    distinct, places = np.unique(values, return_inverse=True)
    if len(distinct) > LEVELS or (distinct != distinct.round()).any():
        return Choice(name, values)
    return Choice(name, places.astype(np.float64), tuple(f"{one:.4g}" for one in distinct))


def _with_values(history: History, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the trials that have a value of the metric, and these: (m,) and (m,)."""
    values = column(history.completed, metric)
    kept = np.flatnonzero(np.isfinite(values))
    return kept, values[kept]


def _rows_of(choice: Choice, rows: np.ndarray) -> Choice:
    return Choice(choice.name, choice.places[rows], choice.labels)


def _most_telling(choices: Sequence[Choice], values: np.ndarray, most: int) -> list[Choice]:
    """In the order of the space."""
    if len(choices) <= most:
        return list(choices)
    best = sorted(range(len(choices)), key=lambda place: -choices[place].tells(values))[:most]
    return [choices[place] for place in sorted(best)]


def _heights(axis: Choice, ranks: np.ndarray) -> np.ndarray:
    """(n,) from 0 to 1; lines of the same name lie side by side, the best on top."""
    if axis.labels:
        return np.asarray((axis.places + 0.5 + (ranks - 0.5) * 0.6) / len(axis.labels))
    low, high = float(axis.places.min()), float(axis.places.max())
    return np.asarray((axis.places - low) / (high - low)) if high > low else np.full(len(axis.places), 0.5)


def _text(axis: Choice, row: int) -> str:
    value = float(axis.places[row])
    return notation.escape(axis.labels[int(value)]) if axis.labels else notation.number(value)


def _axis_labels(axes: Sequence[Choice], values: np.ndarray) -> dict[str, object]:
    """The names of what the axes hold, where there is room for them: long ones once, where all axes have the same."""
    places: list[tuple[int, float, str]] = []
    alike = all(axis.labels == axes[0].labels for axis in axes)
    for at, axis in enumerate(axes):
        if not axis.labels:
            ends = (float(end(axis.places)) for end in (np.min, np.max))
            places += [(at, float(i), notation.number(end, digits=3)) for i, end in enumerate(ends)]
        elif all(len(label) <= 4 for label in axis.labels) or (at == 0 and alike):
            count = len(axis.labels)
            places += [(at, (i + 0.5) / count, notation.short(label, 14)) for i, label in enumerate(axis.labels)]
    places += [(len(axes), 0.0, notation.number(float(values.min()), digits=4))]
    places += [(len(axes), 1.0, notation.number(float(values.max()), digits=4))]
    x, y, text = zip(*places, strict=True)
    label = {"type": "scatter", "mode": "text", "x": x, "y": y, "text": text, "textposition": "middle right"}
    return {**label, "textfont": {"size": 10}, "hoverinfo": "skip", "cliponaxis": False}


def _best_tenth(axes: Sequence[Choice], values: np.ndarray, sign: float, metric: str) -> str:
    top = np.argsort(-sign * values, kind="stable")[: max(1, len(values) // 10)]
    axis = max(axes, key=lambda one: one.tells(values))
    common, times = Counter(_text(axis.in_parts(), row) for row in top.tolist()).most_common(1)[0]
    text = f"{notation.count(len(values), 'trial')} as lines over {notation.count(len(axes), 'choice')}"
    return f"{text}. Most telling of {metric} is {axis.name}: {common} in {times} of the best {len(top)}."


def _mixed(share: float) -> str:
    """From blue over grey to orange."""
    stops = [tuple(int(str(colour)[at : at + 2], 16) for at in (1, 3, 5)) for _, colour in _SCALE]
    (low, high), part = ((stops[0], stops[1]), share * 2) if share < 0.5 else ((stops[1], stops[2]), share * 2 - 1)
    return "rgb({}, {}, {})".format(*(round(a + (b - a) * part) for a, b in zip(low, high, strict=True)))


def _escaped(labels: Sequence[str]) -> list[str]:
    return [notation.escape(label) for label in labels]
