"""Colours are readable on light and on dark pages."""

from __future__ import annotations

import pytest

from bonag.plots import palette

ON_SCREEN = {palette.BEST, palette.TRIAL, palette.FRONT, palette.INFEASIBLE, palette.FAILED, palette.FEASIBLE_REGION}
ON_SCREEN |= {look.screen for look in palette.STRATEGIES.values()} | set(palette.SERIES) | {palette.OTHER.screen}


def luminance(colour: str) -> float:
    """Relative luminance of sRGB (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", sorted(ON_SCREEN))
@pytest.mark.parametrize("page", ["#ffffff", "#181b20"])
def test_marks_stand_out_from_the_page(colour: str, page: str) -> None:
    lighter, darker = sorted([luminance(colour), luminance(page)], reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3


def test_no_two_strategies_look_alike() -> None:
    looks = list(palette.STRATEGIES.values())
    for part in ("ink", "screen", "marker", "symbol"):
        assert len({getattr(look, part) for look in looks}) == len(looks)
