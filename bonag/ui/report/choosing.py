"""Which experiment of a source a report is about."""

from __future__ import annotations

from bonag.ui.source import Source
from bonag.ui.sources.ax_json import AxJson
from bonag.ui.sources.folder import FolderSource
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion


def chosen(source: Source, name: str | None = None) -> str:
    """The key of the experiment of this name, or of the only one; raises UserError where that is none, or many."""
    key = source.single if isinstance(source, FolderSource) else source.key if isinstance(source, AxJson) else None
    if key is not None and name is None:
        return key
    found = source.summaries()
    if name is None:
        if len(found) == 1:
            return found[0].key
        if not found:
            raise UserError("there is no run, and no other experiment")
        names = ", ".join(one.name for one in found[:3]) + (", ..." if len(found) > 3 else "")
        raise UserError(f"there are {len(found)} experiments ({names}): choose one by --name")
    # A folder may hold two of the same name in different folders below it; their keys differ.
    named = [one.key for one in found if name in (one.name, one.key)]
    if len(named) > 1:
        keys = ", ".join(named[:3])
        raise UserError(f"{len(named)} experiments are named '{name}': choose one by --name and its key ({keys})")
    if not named:
        raise UserError(f"there is no experiment '{name}': {suggestion(name, [one.name for one in found])}")
    return named[0]
