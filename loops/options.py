"""The options of a run as users meet them, from the declaration of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, get_type_hints

from loops.config import RunConfig, type_words, types_of
from search_spaces.errors import UserError


@dataclass(frozen=True)
class Option:
    """An option of a run, as users meet it.

    name: in Python. flag: on the command line, without the dashes. types: that a value may have. default: None stands
    for what ``unset`` says; ``required`` options have none.
    """

    name: str
    flag: str
    types: tuple[type, ...]
    default: object
    required: bool
    help: str
    unset: str | None

    @property
    def several(self) -> bool:
        """Whether it takes several values."""
        return tuple in self.types

    def check(self, value: object) -> None:
        """Raise UserError for a value of another type; None stands for what it is by default."""
        types = self.types + ((list,) if self.several else ()) + ((int,) if float in self.types else ())
        right = isinstance(value, types) and not isinstance(value, bool)
        if isinstance(value, list):
            right = right and all(isinstance(one, str) for one in value)
        if value is not None and not right:
            raise UserError(f"{self.name} must be {type_words(self.types)}, got {value!r}")


def run_options(*names: str) -> list[Option]:
    """The options of those names, by default all; ``out`` is the only one that no configuration keeps."""
    kinds = get_type_hints(RunConfig)
    known = {
        one.name: _as_option(one.name, kinds[one.name], one.metadata, one.default)
        for one in fields(RunConfig)
        if one.metadata
    }
    known["out"] = Option("out", "out", (str,), "results", False, "Folder in which the run's own folder is made.", None)
    return [known[name] for name in names or known]


def _as_option(name: str, kind: Any, metadata: Mapping[str, Any], default: object) -> Option:
    unset = metadata["unset"]
    required = default is MISSING and unset is None
    shown = None if default is MISSING or unset is not None else default
    return Option(
        name, (metadata["flag"] or name).replace("_", "-"), types_of(kind), shown, required, metadata["help"], unset
    )
