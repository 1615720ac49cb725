"""How an operation looks: the same name and the same colour in every drawing of every space."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

# Middle tones, so that they stand out on a light page and on a dark one. Convolutions go by their kernel from green to
# red by way of blue, pools are orange; so neighbours in the list differ in lightness or in blue, which most eyes see.
KERNELS = {1: "#12988a", 3: "#2b7bd0", 5: "#7d5fd3", 7: "#c8447f"}
DILATED = {3: "#4aa3c9", 5: "#b06fd6", 7: "#e07aa8"}
AVERAGE, MAXIMUM = "#c08400", "#d55e00"
SKIP, NONE = "#7b8798", "#9aa1ab"
# Layers of graph networks, by their names.
LAYERS = {
    **{"gcn": "#2b7bd0", "gat": "#c8447f", "sage": "#4f9d4f", "gin": "#c08400"},
    **{"cheb": "#7d5fd3", "arma": "#12988a", "graph": "#d55e00", "fc": "#8c6d5a"},
}
OTHERS = ("#8a7f1e", "#a3614b", "#4f9d4f", "#b0507a", "#5b7fa6", "#9a6b2f")

_NOTHING = {"none", "zero", "zeroize", "zeroise", "null"}
_IDENTITY = {"skip_connect", "skip", "identity", "id", "skip_connection"}
_ENDS = {"input", "output", "sum", "add", "concat", "concatenate", "stem", "head"}


@dataclass(frozen=True)
class Look:
    """How an operation is drawn.

    label: a short name for people. colour: ``#rrggbb``; None for what takes the colour of the text.
    kind: ``conv``, ``pool``, ``skip``, ``none``, ``end`` (inputs, outputs, sums) or ``other``.
    """

    label: str
    colour: str | None
    kind: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The label on two lines where it has a kernel's size."""
        size, _, rest = self.label.partition(" ")
        return (size, rest) if rest and "×" in size else (self.label,)


@lru_cache(maxsize=1024)
def look(name: str) -> Look:
    """The looks of an operation by its name, also one that bonag has never heard of."""
    lower = name.lower()
    if lower in _NOTHING:
        return Look("none", NONE, "none")
    if lower in _IDENTITY:
        return Look("skip", SKIP, "skip")
    if re.sub(r"\d+$", "", lower) in _ENDS:
        return Look(re.sub(r"(\d+)$", r" \1", name), None, "end")
    block = re.fullmatch(r"k(\d+)e(\d+)", lower)
    if block is not None and int(block[1]) in KERNELS:
        return Look(f"{block[1]}×{block[1]} block ×{block[2]}", KERNELS[int(block[1])], "conv")
    found = re.search(r"(\d+)\s*[x×]\s*(\d+)", lower)
    size = int(found[1]) if found is not None and found[1] == found[2] else None
    before = "" if size is None else f"{size}×{size} "
    if "pool" in lower and ("avg" in lower or "average" in lower or "mean" in lower):
        return Look(f"{before}avg pool", AVERAGE, "pool")
    if "pool" in lower and "max" in lower:
        return Look(f"{before}max pool", MAXIMUM, "pool")
    if "conv" in lower and size in KERNELS:
        if "dil" in lower:
            return Look(f"{before}dil conv", DILATED.get(size, KERNELS[size]), "conv")
        kind = "sep conv" if "sep" in lower else "conv"
        return Look(f"{before}{kind}", KERNELS[size], "conv")
    if lower in LAYERS:
        return Look(name, LAYERS[lower], "other")
    return Look(name, OTHERS[crc32(name.encode("utf-8", "replace")) % len(OTHERS)], "other")
