"""Where a user's data is."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "BONAG_DATA"


def named_folder(data_dir: Path | None) -> Path | None:
    """The folder that the user named, else the one that BONAG_DATA names, else None."""
    if data_dir is not None:
        return Path(data_dir)
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None
