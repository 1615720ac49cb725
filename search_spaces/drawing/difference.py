"""Two drawings of the same space, with a mark at what differs between them."""

from __future__ import annotations

import re

from search_spaces.drawing.svg import Markup

# A group, with what it tells where the pointer rests on it.
_GROUP = re.compile(r"<g((?: [^>]*)?)>(?:<title>(.*?)</title>)?")


def mark_differences(one: Markup, other: Markup) -> tuple[Markup, Markup]:
    """The drawings, in which parts that the other one has not at that place have the attribute ``data-differs``.

    A part is a group with a title. What stands before a colon there says where it is (``stage 2: depth 3``); parts that
    say no place are counted from the last one that does.
    """
    mine, theirs = (dict(_parts(drawing)) for drawing in (one, other))
    return _mark(one, theirs), _mark(other, mine)


def _parts(drawing: Markup) -> list[tuple[tuple[str, int], str]]:
    """The place of each part, and what it tells."""
    found, place, number = [], "", 0
    for part in _GROUP.finditer(drawing):
        if 'class="legend"' in part[1]:
            place, number = "legend", 0
        if part[2] is None:
            continue
        before, colon, _ = part[2].partition(":")
        place, number = (before, 0) if colon else (place, number + 1)
        found.append(((place, number), part[2]))
    return found


def _mark(drawing: Markup, others: dict[tuple[str, int], str]) -> Markup:
    places = iter(_parts(drawing))

    def write(part: re.Match[str]) -> str:
        if part[2] is None:
            return part[0]
        place, told = next(places)
        differs = "" if others.get(place) == told else " data-differs"
        return f"<g{part[1]}{differs}><title>{part[2]}</title>"

    return Markup(_GROUP.sub(write, drawing))
