"""How a part is found by its name: one mechanism for every role that a part can fill."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    from search_spaces.space import SearchSpace

Part = TypeVar("Part")
# The mark of a Python object that cannot be imported, in the name that a record has for it.
PYTHON = "python:"


@dataclass(frozen=True)
class Registry(Generic[Part]):
    """The parts that can fill one role.

    A name is one of ``built_in``, an entry point of one of the ``groups``, or ``package.module:attribute``, which is
    also looked for in the current folder. Nothing is imported before it is used.

    role: in the singular, as messages call it. built_in: by name, ``module:attribute`` or ``module``. contract: the
    attributes that a part has. functions: whether any function is a part too.
    """

    role: str
    built_in: Mapping[str, str]
    groups: tuple[str, ...]
    contract: tuple[str, ...]
    functions: bool = False

    def names(self) -> list[str]:
        """All names, the built-in ones first."""
        return list(dict.fromkeys([*self.built_in, *sorted(self._points())]))

    def package(self, name: str) -> str | None:
        """The package that brings a part by an entry point; None for one that is built in."""
        point = None if name in self.built_in else self._points().get(name)
        return None if point is None else point.dist.name if point.dist else point.module

    def find(self, name: str) -> object:
        """What a name stands for: a part, or what makes one. Raises UserError, in one line."""
        if name in self.built_in:
            return _import(self.built_in[name])
        points = self._points()
        try:
            if name in points:
                return points[name].load()
            if ":" in name:
                return _from_here(name)
        except UserError:
            raise
        except ModuleNotFoundError as error:
            hint = suggestion(name, self.names())
            raise UserError(f"unknown {self.role} '{name}': {error.msg.lower()}; {hint}") from error
        except Exception as error:  # importing it runs its author's code, which may raise anything
            where = f" from {points[name].value}" if name in points else ""
            what = f"{type(error).__name__}: {error}"
            raise UserError(f"{self.role} '{name}' cannot be loaded{where}: {what}") from error
        raise UserError(f"unknown {self.role} '{name}': {suggestion(name, self.names())}")

    def make(self, part: object, known: Mapping[str, Callable[[], object]] | None = None) -> Part:
        """The part that a name, a part, or what makes one, stands for; raises UserError.

        known: what a maker may ask for, by the name of its argument; each is made only where it is asked for. A maker
        is a class, or a function whose first argument is one of them. Required arguments of other names are given the
        known things in their order.
        """
        known = known or {}
        name = part if isinstance(part, str) else name_of(part)
        found = self.find(part) if isinstance(part, str) else part
        if self._makes(found, known):
            found = self._call(found, name, known)
        lacking = self._lacking(found)
        if lacking is not None:
            raise UserError(f"'{name}' is no {self.role}: it has no '{lacking}'")
        return cast(Part, found)

    def asks(self, part: object, names: Sequence[str]) -> set[str]:
        """Those of the names that what makes the part asks for; none where it is a part already. Raises UserError."""
        found = self.find(part) if isinstance(part, str) else part
        return set(names) & set(_arguments(found)) if inspect.isclass(found) or inspect.isroutine(found) else set()

    def _points(self) -> dict[str, EntryPoint]:
        return {point.name: point for group in reversed(self.groups) for point in entry_points(group=group)}

    def _makes(self, found: object, known: Mapping[str, object]) -> bool:
        if inspect.isclass(found):
            return True
        return inspect.isroutine(found) and next(iter(_arguments(found)), None) in known

    def _lacking(self, found: object) -> str | None:
        if self.functions and inspect.isroutine(found):
            return None
        return next((name for name in self.contract if not hasattr(found, name)), None)

    def _call(self, maker: object, name: str, known: Mapping[str, Callable[[], object]]) -> object:
        assert callable(maker)
        arguments, rest = _arguments(maker), list(known)
        chosen = {argument: argument for argument in arguments if argument in known}
        rest = [one for one in rest if one not in chosen]
        for argument, parameter in arguments.items():
            if argument not in chosen and parameter.default is parameter.empty:
                if not rest:
                    raise UserError(f"{self.role} '{name}' asks for '{argument}', and there is nothing of that name")
                chosen[argument] = rest.pop(0)
        return maker(**{argument: known[one]() for argument, one in chosen.items()})


def name_of(part: object) -> str:
    """How a record names a part: ``module:attribute`` where that imports it again, else marked as a Python object."""
    if isinstance(part, str):
        return part
    named = part if hasattr(part, "__qualname__") else type(part)
    module, attribute = named.__module__, named.__qualname__
    found: object = sys.modules.get(module)
    for step in attribute.split("."):
        found = getattr(found, step, None)
    return f"{module}:{attribute}" if found is part and module != "__main__" else f"{PYTHON}{module}.{attribute}"


def space_name(space: str | SearchSpace) -> str:
    """How a record names a space: an object by its registered name, or by its class where that needs no arguments."""
    if isinstance(space, str):
        return space
    kind = type(space)
    if space.name in SPACES.names() and type(get_space(space.name)) is kind:
        return space.name
    named = name_of(kind)
    free = all(one.default is not one.empty for one in _arguments(kind).values())
    return named if free and not named.startswith(PYTHON) else name_of(space)


def _arguments(maker: object) -> dict[str, inspect.Parameter]:
    """The arguments that can be given by name."""
    try:
        found = inspect.signature(maker).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return {}
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: parameter for name, parameter in found.items() if parameter.kind in kinds}


def _import(path: str) -> object:
    module, _, attribute = path.partition(":")
    found: object = import_module(module)
    for step in attribute.split(".") if attribute else ():
        if not hasattr(found, step):
            known = [name for name in dir(found) if not name.startswith("_")]
            raise UserError(f"module '{module}' has no '{step}': {suggestion(step, known)}")
        found = getattr(found, step)
    return found


def _from_here(path: str) -> object:
    """What the path names, in an installed package or in a module of the current folder."""
    if path.startswith(PYTHON):
        raise UserError(f"the Python object {path.removeprefix(PYTHON)} is in no record: give it again")
    if path.partition(":")[0].partition(".")[0] in sys.stdlib_module_names:
        raise UserError(f"'{path}' is of Python's own library, which has no parts")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    return _import(path)


SPACES: Registry[SearchSpace] = Registry(
    role="space",
    built_in={
        "nb101": "search_spaces.nb101:NB101",
        "nb201": "search_spaces.nb201:NB201",
        "mbv3": "search_spaces.mbv3:MBV3",
        "darts": "search_spaces.darts:DARTS",
        "nbgraph": "search_spaces.nbgraph:NBGraph",
        "nbgraph-proteins": "search_spaces.nbgraph:NBGraphProteins",
        "nlp": "search_spaces.nlp:NLP",
    },
    groups=("bonag.spaces", "bonag.search_spaces"),
    contract=("name", "size", "sample", "encode", "decode", "project"),
)


def space_names() -> list[str]:
    """The names of all installed spaces, sorted."""
    return sorted(SPACES.names())


@cache
def _named_space(name: str) -> SearchSpace:
    return SPACES.make(name)


def get_space(space: str | SearchSpace) -> SearchSpace:
    """The space of that name, or the space itself; raises UserError, which suggests the nearest name."""
    return _named_space(space) if isinstance(space, str) else SPACES.make(space)
