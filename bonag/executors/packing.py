"""Objects on their way to another process: what that process cannot import goes along."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import cloudpickle

from bonag.executors.failure import failure_line
from search_spaces.errors import UserError


def pack(parts: object) -> bytes:
    """The parts as bytes, for ``cloudpickle.loads``; raises UserError where they cannot travel."""
    take_along(cloudpickle.register_pickle_by_value)
    try:
        packed: bytes = cloudpickle.dumps(parts)
    except Exception as error:  # the user's object, which may raise anything
        raise UserError(f"the evaluator cannot be sent to other processes: {failure_line(error)}") from None
    return packed


def take_along(register: Callable[[ModuleType], None]) -> None:
    """Have code be pickled as it is, and not by its name, where no other process would find a module of that name.

    So are modules that something else than the import system loaded: a test runner, a notebook, a script by its path.
    register: of cloudpickle, or of one's own copy of it.
    """
    for name, module in list(sys.modules.items()):
        own = isinstance(module, ModuleType) and module.__name__ == name  # some libraries give modules a second name
        if own and "." not in name and name not in sys.stdlib_module_names:
            written = getattr(module, "__file__", None) or getattr(module, "__path__", None)
            if name != "__main__" and written and not _can_be_found(name):
                register(module)


def _can_be_found(name: str) -> bool:
    for finder in sys.meta_path:
        try:
            if finder.find_spec(name, None) is not None:
                return True
        except Exception:  # a finder of somebody's; another one may know
            continue
    return False
