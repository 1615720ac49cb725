"""A MobileNetV3 network: five stages of blocks between stem and head."""

from __future__ import annotations

from search_spaces.drawing.looks import look
from search_spaces.drawing.shapes import box, head, line, width_of
from search_spaces.drawing.svg import Markup, element, group, picture, text
from search_spaces.mbv3.architecture import EXPANDS, KERNELS, SLOTS_PER_STAGE, MBV3Architecture
from search_spaces.mbv3.layout import scaled_layout

WIDTH = 360
BAND, GAP, SLIM = 76.0, 14.0, 30.0
LEFT = 102.0
WIDE = {3: 34.0, 4: 42.0, 6: 55.0}
HIGH = {3: 34.0, 5: 46.0, 7: 58.0}
SPACE = 8.0
TITLE = "MobileNetV3 network"


def mbv3_network(architecture: MBV3Architecture, num_classes: int, image_size: int, width: float = 1.0) -> Markup:
    """The network from top to bottom, 360 by about 620 pixels: a block's width tells its expand ratio, its height and
    colour tell its kernel."""
    layout, side = scaled_layout(width), (image_size + 1) // 2
    drawn = [_slim(4, "Stem", f"3×3 conv and a block, {layout.stem} channels", f"{side}²")]
    y = 4 + SLIM
    for number, (blocks, stage) in enumerate(zip(architecture.stages, layout.stages, strict=True), start=1):
        before, side = side, (side + 1) // 2 if stage.stride == 2 else side
        extras = [name for name, there in (("SE", stage.squeeze_excite), ("h-swish", stage.h_swish)) if there]
        facts = [f"{stage.in_width} → {stage.out_width} ch", _sides(before, side), ", ".join(extras) or "ReLU"]
        drawn += [_down(y), _stage(y + GAP, number, blocks, facts)]
        y += GAP + BAND
    tail = f"1×1 conv {layout.head}, pool, {layout.features}, {num_classes} classes"
    drawn += [_down(y), _slim(y + GAP, "Head", tail, ""), _legend(y + GAP + SLIM + 10)]
    return picture(WIDTH, y + GAP + SLIM + 78, TITLE, description(architecture), *drawn)


def mbv3_thumbnail(architecture: MBV3Architecture) -> Markup:
    """The blocks without words, 120 by 82 pixels."""
    drawn = []
    for row, blocks in enumerate(architecture.stages):
        x = 1.0
        for kernel, expand in blocks:
            wide, high = WIDE[expand] / 2, HIGH[kernel] / 4.5
            drawn.append(_block(x + wide / 2, 9 + 16 * row, wide, high, kernel, expand, small=True))
            x += wide + 2
    return picture(120, 82, TITLE, description(architecture), *drawn)


def description(architecture: MBV3Architecture) -> str:
    """The blocks of all stages in words."""
    return (
        "; ".join(
            f"stage {number}: {len(blocks)} blocks, " + ", ".join(f"kernel {k} expand {e}" for k, e in blocks)
            for number, blocks in enumerate(architecture.stages, start=1)
        )
        + "."
    )


def _stage(y: float, number: int, blocks: tuple[tuple[int, int], ...], facts: list[str]) -> Markup:
    middle = y + BAND / 2
    drawn = [_panel(y, BAND), text(12, y + 15, f"Stage {number}", 13, text_anchor="start", font_weight=600)]
    for place, fact in enumerate(facts):
        drawn.append(text(12, y + 32 + 14 * place, fact, 10.5, text_anchor="start", opacity=0.75))
    x = LEFT
    for place, (kernel, expand) in enumerate(blocks):
        wide = WIDE[expand]
        if place:
            drawn.append(line([(x - SPACE, middle), (x, middle)], opacity=0.6))
        drawn.append(_block(x + wide / 2, middle, wide, HIGH[kernel], kernel, expand))
        x += wide + SPACE
    for _ in range(SLOTS_PER_STAGE - len(blocks)):
        empty = {"fill": "none", "stroke": "currentColor", "stroke_opacity": 0.35, "stroke_dasharray": "3 3"}
        drawn.append(element("rect", x=x, y=middle - 10, width=16, height=20, rx=4, **empty))
        x += 16 + SPACE
    return group(*drawn, title=f"stage {number}: depth {len(blocks)}", class_="stage")


def _block(x: float, y: float, wide: float, high: float, kernel: int, expand: int, small: bool = False) -> Markup:
    shown = look(f"k{kernel}e{expand}")
    lines = [] if small else [f"{kernel}×{kernel}", f"×{expand}"]
    return box(x, y, wide, high, shown, lines, 11.5, title=f"kernel {kernel}×{kernel}, expand ratio {expand}")


def _slim(y: float, name: str, words: str, right: str) -> Markup:
    middle = y + SLIM / 2
    return group(
        _panel(y, SLIM),
        text(12, middle, name, 13, text_anchor="start", font_weight=600),
        text(56, middle, words, 10.5, text_anchor="start", opacity=0.75),
        text(WIDTH - 12, middle, right, 10.5, text_anchor="end", opacity=0.75),
    )


def _panel(y: float, height: float) -> Markup:
    return element(
        "rect",
        x=0.5,
        y=y,
        width=WIDTH - 1,
        height=height,
        rx=8,
        fill="currentColor",
        fill_opacity=0.04,
        stroke="currentColor",
        stroke_opacity=0.18,
    )


def _down(y: float) -> Markup:
    x = WIDTH / 2
    return group(line([(x, y), (x, y + GAP - 5)]), head((x, y + GAP - 1), (0, 1), size=6), opacity=0.55)


def _sides(before: int, after: int) -> str:
    return f"{before}² → {after}²" if after != before else f"{after}²"


def _legend(y: float) -> Markup:
    drawn = [text(0, y + 8, "Kernel", 11, text_anchor="start", opacity=0.75)]
    x = 50.0
    for kernel in KERNELS:
        drawn.append(_block(x + 8, y + 8, 16, 10 + kernel, kernel, 3, small=True))
        drawn.append(text(x + 21, y + 8, f"{kernel}×{kernel}", 11, text_anchor="start"))
        x += 56
    drawn.append(text(0, y + 34, "Expand", 11, text_anchor="start", opacity=0.75))
    x = 50.0
    for expand in EXPANDS:
        wide = WIDE[expand] / 2
        outline = {"fill": "none", "stroke": "currentColor", "stroke_opacity": 0.6}
        drawn.append(element("rect", x=x, y=y + 28, width=wide, height=12, rx=3, **outline))
        drawn.append(text(x + wide + 5, y + 34, f"×{expand}", 11, text_anchor="start"))
        x += wide + 12 + width_of("××××", 11)
    drawn.append(element("rect", x=268, y=y + 28, width=12, height=12, rx=3, **outline, stroke_dasharray="3 3"))
    drawn.append(text(286, y + 34, "skipped", 11, text_anchor="start"))
    return group(*drawn, class_="legend")
