"""The frame of every fitting script: its arguments, and what it prints and writes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bonag.evaluators.artifact import FOLDER, Artifact, save_artifact
from search_spaces.errors import UserError


def run(name: str, fit: Callable[[Path | None, str], Artifact], card: Callable[[Artifact], str]) -> None:
    """Fit, print the card of the artifact, and write ``<name>.safetensors`` and ``<name>.md``."""
    command = f"python results/fitting/{name}.py"
    parser = argparse.ArgumentParser(prog=command)
    parser.add_argument("--data", type=Path, help="folder of benchmark data (default: that of BONAG_DATA)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        artifact = fit(arguments.data, f"{command} --data DIR")
        save_artifact(artifact, arguments.out / f"{name}.safetensors")
        (arguments.out / f"{name}.md").write_text(card(artifact))
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    print(card(artifact))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
