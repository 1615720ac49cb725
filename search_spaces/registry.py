"""The search spaces that are installed, found through the entry points ``bonag.search_spaces``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from search_spaces.near_miss import suggestion
from search_spaces.space import SearchSpace


class UnknownSpaceError(KeyError):
    """No installed space has this name."""

    def __str__(self) -> str:
        return str(self.args[0])


def space_names() -> list[str]:
    """The names of all installed spaces, sorted."""
    return sorted({point.name for point in entry_points(group="bonag.search_spaces")})


@cache
def get_space(name: str) -> SearchSpace:
    """The space of that name; raises UnknownSpaceError, which suggests the nearest one."""
    for point in entry_points(group="bonag.search_spaces"):
        if point.name == name:
            space = point.load()()
            if not isinstance(space, SearchSpace):
                raise TypeError(f"entry point {point.value} of space '{name}' is not a SearchSpace")
            return space
    raise UnknownSpaceError(f"unknown space '{name}': {suggestion(name, space_names())}")
