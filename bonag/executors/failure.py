"""Why an evaluation failed, in one line that any record can hold."""

from __future__ import annotations

import re

LONGEST = 500
UNKNOWN = "�"
# Colours and other orders to a terminal: CSI, OSC and short sequences of ECMA-48.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# Half of a character, and what SQL databases, terminals and XML do not take.
_UNSTORABLE = re.compile(r"[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f]")
# What processes put beside an error to carry its traceback over.
_CARRIER = "RemoteTraceback"


def failure_line(error: BaseException) -> str:
    """The kind of the error and the first line of what it says, and the same of what it came from in the end.

    Of an error that Ray brings from a worker, that of the error in the worker.
    """
    line, root = _own_line(error), _root(error)
    if root is not error:
        line = f"{storable(line, LONGEST * 3 // 5)} (from {_own_line(root)})"
    return storable(line)


def storable(text: str, longest: int = LONGEST) -> str:
    """The text, of at most so many characters, without colours; what cannot be stored is a replacement character.

    Lines and tabs stay as they are.
    """
    text = _TERMINAL.sub("", text.replace("\r\n", "\n"))
    text = _UNSTORABLE.sub(UNKNOWN, text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _own_line(error: BaseException) -> str:
    if _is_of_ray(error):
        cause = getattr(error, "cause", None)
        if isinstance(cause, BaseException) and type(cause).__module__ != "ray.exceptions":
            return _own_line(cause)
        return _end_of_traceback(_said(error)) or _first_line(_said(error))
    name = " ".join(storable(_name(error), 100).split()) or "Exception"
    text = _first_line(_said(error))
    return f"{name}: {text}" if text else name


def _root(error: BaseException) -> BaseException:
    """Where the chain of causes begins, as far as its links are errors in their own right."""
    seen = {id(error)}
    while (cause := error.__cause__) is not None and id(cause) not in seen and not _name(cause).endswith(_CARRIER):
        seen.add(id(cause))
        error = cause
    return error


def _said(error: BaseException) -> str:
    try:
        return storable(str(error), 100_000)
    except KeyboardInterrupt:
        raise
    except BaseException as other:  # the user's code, which may raise anything
        return f"(what it says cannot be told: {storable(_name(other), 100)})"


def _name(error: BaseException) -> str:
    # Not type(error).__name__, which a metaclass may have changed.
    return str(type.__dict__["__name__"].__get__(type(error)))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _end_of_traceback(text: str) -> str | None:
    """The line of a printed traceback that says what happened: the first one that is not indented after its frames."""
    _, frame, rest = text.rpartition('\n  File "')
    lines = rest.splitlines()[1:] if frame else []
    return next((line.strip() for line in lines if line and not line[0].isspace()), None)


def _is_of_ray(error: BaseException) -> bool:
    return any((kind.__module__, kind.__name__) == ("ray.exceptions", "RayTaskError") for kind in type(error).__mro__)
