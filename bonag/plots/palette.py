"""Colours and marks that the colour-blind can tell apart: of strategies, of roles, and of anything else by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Roles. On screen each stands out from a white and from a near-black page by at least 3 : 1.
BEST = "#D55E00"
TRIAL = "#2E86D0"
FRONT = "#D55E00"
INFEASIBLE = "#808080"
FAILED = "#CC5F94"
FEASIBLE_REGION = "#009E73"
GRID = "rgba(128, 128, 128, 0.25)"
# For heat maps of either sign; opaque, since the text in a cell is made light or dark after its colour.
DIVERGING = ((0.0, "#0072B2"), (0.5, "#C4C4C4"), (1.0, "#D55E00"))


@dataclass(frozen=True)
class Look:
    """How a strategy's curve looks.

    ink: colour on paper. screen: the like that is readable on dark pages too. marker, symbol: what matplotlib and
    plotly call its mark.
    """

    ink: str
    screen: str
    marker: str
    symbol: str


# Of families of strategies; variants differ by their dashes. Colours of Okabe and Ito (2008) and of Tol's muted scheme;
# what they may confuse, the markers tell apart.
STRATEGIES = {
    "bonag": Look("#D55E00", "#D55E00", "o", "circle"),
    "random": Look("#888888", "#888888", "x", "x-thin"),
    "evolution": Look("#009E73", "#009E73", "s", "square"),
    "local-search": Look("#E69F00", "#B57C00", "^", "triangle-up"),
    "bananas": Look("#CC79A7", "#C56C9D", "v", "triangle-down"),
    "gp-wl": Look("#56B4E9", "#2E93CC", "D", "diamond"),
    "gp": Look("#0072B2", "#0072B2", "P", "cross"),
    "mutation-bo": Look("#332288", "#7466CC", "h", "hexagon"),
    "nsga2": Look("#882255", "#B8447A", "<", "triangle-left"),
    "ax": Look("#000000", "#7A7A4A", ">", "triangle-right"),
}
OTHER = Look("#999933", "#8A8A2E", "*", "star")
# Variant of a strategy: dashes of matplotlib, and of plotly.
DASHES = {
    "": ("-", "solid"), "naszilla": ("--", "dash"), "random": (":", "dot"),
    "mutation": ("--", "dash"), "evolution": ("-.", "dashdot"),
}  # fmt: skip
OTHER_DASHES = ((0, (3, 1, 1, 1, 1, 1)), "longdashdot")
SERIES = ("#0072B2", "#D55E00", "#009E73", "#C56C9D", "#B57C00", "#7466CC", "#2E93CC", "#808080")


def faint(colour: str, opacity: float = 0.15) -> str:
    """``#rrggbb`` as one that the page shines through."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def looks(labels: Sequence[str]) -> list[Look]:
    """A look for each label: a strategy's own, and for others such that no two of a few have the same."""
    own = {label: STRATEGIES[family] for label in labels if (family := label.partition(":")[0]) in STRATEGIES}
    others = [label for label in dict.fromkeys(labels) if label not in own]
    if len(others) == 1:
        return [own.get(label, OTHER) for label in labels]
    taken = {look.screen for look in own.values()}
    colours = [colour for colour in SERIES if colour not in taken] or list(SERIES)
    marks = list(STRATEGIES.values())
    for place, label in enumerate(others):
        colour, mark = colours[place % len(colours)], marks[place % len(marks)]
        own[label] = Look(colour, colour, mark.marker, mark.symbol)
    return [own[label] for label in labels]
