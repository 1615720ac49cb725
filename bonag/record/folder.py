"""The folder of a run: ``config.json``, ``record.db``, ``run.log`` and a lock."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bonag.record.address import without_passwords
from bonag.safe_reading import check_regular
from loops.config import RunConfig
from loops.config_json import config_from_json
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

CONFIG, DATABASE, LOG, LOCK = "config.json", "record.db", "run.log", "lock"


def is_run(names: Collection[str]) -> bool:
    """Whether a folder with these names in it is that of a run, also if it is damaged."""
    return DATABASE in names or {CONFIG, LOCK} <= set(names)


class NameTakenError(UserError):
    """There is a run of that name already."""


def find_run(text: str, out: Path = Path("results")) -> Path:
    """The folder that RUN means: a path, or a name in ``out``; raises UserError, which suggests the nearest run."""
    if "://" in text:
        raise UserError(
            f"no run '{without_passwords(text)}': a run is named by its folder or its name in {out}/; a database's "
            "address is for `bonag ui` and `bonag report`"
        )
    folders = [folder for folder in (Path(text), out / text) if folder.is_dir()]
    for folder in folders:
        if (folder / CONFIG).exists():
            return folder
    if folders:
        return folders[0]
    runs = [path.parent.name for path in sorted(out.glob(f"*/{CONFIG}"))]
    hint = f": {suggestion(text, runs[-20:])}" if runs else ""
    raise UserError(f"no run '{text}' here nor in {out}/{hint}")


def read_config(folder: Path) -> RunConfig:
    """What ``config.json`` says; raises UserError."""
    path = folder / CONFIG
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder, so no run is in it")
    check_regular(path)
    try:
        return config_from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder} holds no run: {CONFIG} is missing") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def refuse_taken(folder: Path) -> None:
    """Raise NameTakenError if something is there already."""
    if os.path.lexists(folder):
        raise _exists(folder)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Build a folder under a passing name beside it, and give it its own only when all is well and on disk.

    Whatever goes wrong inside, nothing is left behind. Raises UserError for a folder that exists, a full disk or a
    place where nothing may be written.
    """
    refuse_taken(folder)
    out = folder.parent
    created = not out.exists()
    if not created and not out.is_dir():
        raise UserError(f"cannot make a run's folder in {out}: it is a file")
    building = out / f".{folder.name}.{secrets.token_hex(4)}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        building.mkdir()
        yield building
        for path in [*building.iterdir(), building]:
            _sync(path)
        try:
            building.rename(folder)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise _exists(folder) from None
            raise
        _sync(out)
    except BaseException as error:
        shutil.rmtree(building, ignore_errors=True)
        if created:
            with suppress(OSError):
                out.rmdir()
        if isinstance(error, OSError):
            raise UserError(f"cannot make the run's folder {folder}: {error.strerror}") from None
        raise


def _exists(folder: Path) -> NameTakenError:
    return NameTakenError(
        f"{folder} exists already: choose another name, or go on with it by `bonag resume {folder.name}`"
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
