"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from search_spaces.errors import UserError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the path of an empty file to be written; at the end, and only if all went well, ``path`` has its content.

    A regular file is replaced in one step, a link's target likewise while the link stays, and what is no regular file
    (a device, a pipe) is written to. Raises OSError at once where ``path`` cannot be written.
    """
    regular = _regular_file(path)
    if regular is None:
        with _through(path) as temporary:
            yield temporary
        return
    temporary = regular.with_name(f".{regular.name}.{token_hex(4)}.tmp")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from None
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, regular)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_writable(path: Path) -> None:
    """Raise UserError, before long work, where ``whole_file`` could not write; nothing is changed."""
    try:
        with suppress(_NotYetError), whole_file(path):
            raise _NotYetError
    except IsADirectoryError:
        raise UserError(f"cannot write {path}: it is a folder") from None
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


class _NotYetError(Exception):
    """Nothing is to be written yet."""


def _regular_file(path: Path) -> Path | None:
    """The regular file that ``path`` is or may become, behind all links; None where it is something else."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return Path(os.path.realpath(path))
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        return None
    target = Path(os.path.realpath(path))
    # What /dev/fd names may have no path any more.
    return target if target.exists() and target.samefile(path) else None


@contextmanager
def _through(path: Path) -> Iterator[Path]:
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    with tempfile.TemporaryDirectory(prefix="bonag-") as folder:
        temporary = Path(folder, "file")
        temporary.touch()
        yield temporary
        # Without O_CREAT: it is there, and must not come to be as a regular file.
        with open(temporary, "rb") as source, open(os.open(path, os.O_WRONLY | os.O_NOCTTY), "wb") as target:
            try:
                shutil.copyfileobj(source, target)
                target.flush()
            except OSError as error:
                with suppress(OSError):
                    target.close()  # what is left in the buffer fails again
                raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from None
