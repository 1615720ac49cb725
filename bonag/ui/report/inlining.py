"""Scripts, styles and data inside one HTML file, and the policy that allows these and nothing else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache

from bonag.ui.assets import HERE, read_plotly

# What a script must not hold: an end tag, and what makes a browser read on past one.
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
    return Script(_lines((HERE / name).read_text(encoding="utf-8")))


@cache
def plotly_script() -> Script:
    """plotly.js."""
    return Script(_lines(read_plotly().decode()))


@cache
def styles(*names: str) -> str:
    """Style sheets of ``static/``, one after the other."""
    text = "\n".join(_lines((HERE / name).read_text(encoding="utf-8")) for name in names)
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


def _lines(text: str) -> str:
    """Line ends as browsers read them, so that digests agree."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
