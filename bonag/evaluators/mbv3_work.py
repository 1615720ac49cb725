"""The work that a layer of a MobileNetV3 network is, in numbers that a device's latency is a sum of.

Multiply-accumulates by kind of convolution, elements that are activated, pooled or added, and weights that are read
once per image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from search_spaces.mbv3.architecture import BLOCKS
from search_spaces.mbv3.layout import Place, halved, places, scaled_layout, squeeze_width

WORK = (
    "expand_macs",
    "project_macs",
    "depthwise_macs_stride_1",
    "depthwise_macs_stride_2",
    "stem_macs",
    "dense_macs",
    "squeeze_excite_macs",
    "pointwise_weights",
    "expanded_elements",
    "depthwise_elements",
    "expanded_h_swish_elements",
    "depthwise_h_swish_elements",
    "squeeze_excite_elements",
    "residual_elements",
    "pooled_elements",
)


@dataclass(frozen=True)
class Block:
    """The shape of an inverted residual block: sides of its maps in pixels, widths in channels.

    Without ``expands`` there is no expansion (``mid_width`` is ``in_width``).
    """

    in_side: int
    out_side: int
    in_width: int
    mid_width: int
    out_width: int
    kernel: int
    stride: int
    expands: bool
    residual: bool
    squeeze_excite: bool
    h_swish: bool

    def work(self) -> dict[str, int]:
        """The amounts of work, by names in ``WORK``."""
        into, out = self.mid_width * self.in_side**2, self.mid_width * self.out_side**2
        work = {
            "project_macs": self.out_width * out,
            f"depthwise_macs_stride_{self.stride}": self.mid_width
            * taps(self.in_side, self.out_side, self.kernel, self.stride) ** 2,
            "pointwise_weights": self.mid_width * self.out_width,
            "depthwise_elements": out,
            "depthwise_h_swish_elements": self.h_swish * out,
            "residual_elements": self.residual * self.out_width * self.out_side**2,
        }
        if self.expands:
            work["expand_macs"] = self.in_width * into
            work["expanded_elements"] = into
            work["expanded_h_swish_elements"] = self.h_swish * into
            work["pointwise_weights"] += self.in_width * self.mid_width
        if self.squeeze_excite:
            work["squeeze_excite_macs"] = 2 * self.mid_width * squeeze_width(self.mid_width)
            work["squeeze_excite_elements"] = out
        return work


def stem_work(in_side: int, out_side: int, width: int) -> dict[str, int]:
    """The first convolution: 3 x 3, stride 2, from three channels, with h-swish."""
    return {
        "stem_macs": 3 * width * taps(in_side, out_side, 3, 2) ** 2,
        "depthwise_h_swish_elements": width * out_side**2,
    }


def head_work(side: int, in_width: int, width: int) -> dict[str, int]:
    """The last 1 x 1 convolution on a map, with h-swish."""
    elements = width * side**2
    return {
        "expand_macs": in_width * elements,
        "pointwise_weights": in_width * width,
        "depthwise_elements": elements,
        "depthwise_h_swish_elements": elements,
    }


def pool_work(side: int, width: int) -> dict[str, int]:
    """The average over the map."""
    return {"pooled_elements": width * side**2}


def dense_work(in_width: int, out_width: int) -> dict[str, int]:
    """A linear layer on one vector."""
    return {"dense_macs": in_width * out_width}


@cache
def taps(in_side: int, out_side: int, kernel: int, stride: int) -> int:
    """Kernel positions that lie inside the map, summed over the outputs of one row: padding costs no work."""
    pad = kernel // 2
    starts = [output * stride - pad for output in range(out_side)]
    return sum(min(start + kernel, in_side) - max(start, 0) for start in starts)


def vector(work: Mapping[str, int]) -> np.ndarray:
    """Amounts of work in the order of ``WORK``: (len(WORK),) float64."""
    return np.array([work.get(name, 0) for name in WORK], dtype=np.float64)


# Of ImageNet.
CLASSES = 1000


@cache
def network_work(image_size: int, width: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The work of what is fixed, (len(WORK),), and of what each slot can hold, skip last, (20, 10, len(WORK))."""
    widths, side = scaled_layout(width), halved(image_size)
    first = Block(side, side, widths.stem, widths.stem, widths.stem, 3, 1, False, True, False, False)
    fixed = vector(stem_work(image_size, side, widths.stem)) + vector(first.work())
    table = []
    for place in places(widths, image_size):
        table.append([*(vector(_block(place, *block).work()) for block in BLOCKS), np.zeros(len(WORK))])
        side = place.out_side
    fixed += vector(head_work(side, widths.stages[-1].out_width, widths.head)) + vector(pool_work(side, widths.head))
    fixed += vector(dense_work(widths.head, widths.features)) + vector(dense_work(widths.features, CLASSES))
    return fixed, np.array(table)


def _block(place: Place, kernel: int, expand: int) -> Block:
    return Block(
        in_side=place.in_side,
        out_side=place.out_side,
        in_width=place.in_width,
        mid_width=place.in_width * expand,
        out_width=place.stage.out_width,
        kernel=kernel,
        stride=place.stride,
        expands=True,
        residual=place.position > 0,
        squeeze_excite=place.stage.squeeze_excite,
        h_swish=place.stage.h_swish,
    )
