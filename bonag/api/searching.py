"""Runs from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Unpack

from bonag.api import session as sessions
from bonag.api.options import RunOptions, check_options, takes_options
from bonag.api.parts import check_roles
from bonag.api.result import Result
from bonag.callbacks.progress import watching
from bonag.callbacks.tally import Tally
from bonag.names import SpaceName
from bonag.record import find_run, read_record
from loops.config import EXTENSIBLE
from loops.ending import RunState
from loops.loop import Event
from search_spaces import SearchSpace


@takes_options()
def search(
    space: SpaceName | str | SearchSpace = "mbv3",
    *,
    callbacks: Sequence[Callable[[Event], None]] = (),
    progress: bool | None = None,
    **options: Unpack[RunOptions],
) -> Result:
    """Search for the best architectures that a budget of evaluations can find; what ``bonag run`` does.

    Every part may be given as a name, as ``module:attribute``, or as the Python object itself (see ``bonag.roles``): a
    SearchSpace, an Evaluator or a function that maps an architecture to its metrics by name or, where there is but one,
    to its value, a strategy, ... Those that cannot be imported again by their name must be given again to ``resume``.

    space: a name of `bonag spaces`, module:attribute, or a SearchSpace.
    {options}
    callbacks: each is called with each event of the loop (see loops.loop) as it happens; see also bonag.callbacks.
    progress: whether to show how it goes; by default in notebooks and terminals.

    ``params`` and ``macs`` are counted where the evaluator does not measure them. Whoever breaks a constraint is a
    completed trial that is worse than all who break none. Raises UserError, in one line, for what the caller can mend.
    Interrupted (Ctrl-C) or killed at any moment, nothing recorded is lost, and ``resume`` goes on as if nothing had
    happened.
    """
    return _run(sessions.start({"space": space, **check_options(options)}), callbacks, progress)


def resume(
    path: str | Path,
    *,
    callbacks: Sequence[Callable[[Event], None]] = (),
    progress: bool | None = None,
    **given: object,
) -> Result:
    """Go on with a run that was interrupted, killed or stopped; a finished one is returned, unless its ends are moved.

    path: the run's folder, or its name in ``results``. callbacks, progress: as of ``search``.
    given: other ends and means (``budget``, ``hours``, ``target``, ``patience``, ``workers``, ``trial_timeout``, ...);
        and by role (``evaluator``, ``space``, ``strategy``, ...) the Python objects that the run was started with and
        that cannot be imported by the names in its record. Raises UserError.
    """
    folder = find_run(str(path))
    changes = {name: value for name, value in given.items() if name in EXTENSIBLE}
    parts = {name: value for name, value in given.items() if name not in EXTENSIBLE}
    check_roles(parts)
    space = parts.get("space")
    done = read_record(folder, space)  # type: ignore[arg-type]
    if done.state is RunState.FINISHED and not changes:
        return Result(done)
    return _run(sessions.resume(folder, parts, changes), callbacks, progress)


def load(path: str | Path, space: SearchSpace | None = None) -> Result:
    """What a run has found so far; it may be live, and is not disturbed. Raises UserError."""
    return Result(read_record(find_run(str(path)), space))


def _run(opened: sessions.Session, callbacks: Sequence[Callable[[Event], None]], progress: bool | None) -> Result:
    with opened, watching(Tally(opened.config, opened.record.history()), progress) as shown:
        opened.run([shown.show, *callbacks])
    return Result(read_record(opened.path, opened.parts.space))


__all__ = ["load", "resume", "search"]
