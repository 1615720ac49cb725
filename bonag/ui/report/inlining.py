"""Scripts, styles and data inside one HTML file, and the policy that allows these and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"
# What a script block must not hold: an end tag, and what makes a browser read on past one.
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_FORBIDDEN = ("</script", "<script", "<!--")


@dataclass(frozen=True)
class Script:
    """A script as it stands in the file, and its digest as the policy has it."""

    text: str

    def __post_init__(self) -> None:
        low = self.text.lower()
        if any(sign in low for sign in _FORBIDDEN):
            raise ValueError("a script with markup in it cannot stand in a page")

    @property
    def digest(self) -> str:
        """``'sha256-...'``."""
        return f"'sha256-{base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()}'"


@cache
def own_script(name: str) -> Script:
    """One of ``static/``."""
    return Script(_lines((STATIC / name).read_text(encoding="utf-8")))


@cache
def plotly_script() -> Script:
    """plotly.js, as ``plotly.offline.get_plotlyjs`` gives it; importing that takes far longer than reading it."""
    return Script(_lines((files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")))


@cache
def styles(*names: str) -> str:
    """Style sheets of ``static/``, one after the other."""
    text = "\n".join(_lines((STATIC / name).read_text(encoding="utf-8")) for name in names)
    if "</" in text:
        raise ValueError("a style sheet with markup in it cannot stand in a page")
    return text


def policy(*scripts: Script) -> str:
    """A Content-Security-Policy: these scripts, no others, and nothing from anywhere.

    Styles may be inline, for plotly.js makes some, and drawings have them on their elements; they could not load
    anything.
    """
    allowed = " ".join(script.digest for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def data_block(value: str) -> str:
    """JSON text that can stand between ``<script type="application/json">`` and its end, and means the same."""
    # Outside of JSON's strings none of these characters occurs.
    for character, escape in _ESCAPES.items():
        value = value.replace(character, escape)
    return value


def as_json(value: object) -> str:
    """A value as JSON text for ``data_block``."""
    return json.dumps(value, ensure_ascii=False)


def _lines(text: str) -> str:
    """Line ends as browsers read them, so that digests agree."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
