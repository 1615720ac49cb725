"""The files that pages load, or a report holds: ours, and plotly.js out of the Python package."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent / "static"
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2557d6"/>'
    '<g fill="none" stroke="#fff" stroke-width="2"><path d="M8 9l8 7M8 23l8-7M16 16h8M8 9v14"/></g><g fill="#fff">'
    '<circle cx="8" cy="9" r="3"/><circle cx="8" cy="23" r="3"/><circle cx="16" cy="16" r="3"/>'
    '<circle cx="24.5" cy="16" r="3"/></g></svg>'
)


# What a script block must not hold: an end tag, and what makes a browser read on past one.
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def data_block(value: str) -> str:
    """JSON text that can stand between ``<script type="application/json">`` and its end, and means the same."""
    # Outside of JSON's strings none of these characters occurs.
    for character, escape in _ESCAPES.items():
        value = value.replace(character, escape)
    return value


@cache
def plotly_tag() -> str:
    """Names the version of plotly.js, so that a browser keeps it until there is another."""
    return version("plotly")


@cache
def static_tag() -> str:
    """Names what the files in ``static/`` hold now."""
    digest = hashlib.sha256()
    for path in sorted(HERE.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def read_plotly() -> bytes:
    """plotly.js, as ``plotly.offline.get_plotlyjs`` gives it; importing that takes far longer than reading it."""
    return (files("plotly") / "package_data" / "plotly.min.js").read_bytes()


@cache
def _plotly() -> bytes:
    """plotly.js, compressed."""
    return gzip.compress(call_at_once(read_plotly()), compresslevel=6)


# How plotly.min.js gives its one large function to the code that calls it.
_GIVEN = (b"this, () => {\n", b"\n}));")


def call_at_once(script: bytes) -> bytes:
    """The same script with parentheses around the function that holds all of it.

    Browsers take those as a sign that a function is called at once, and compile it while they read it. Without them
    they read all of it again, which takes longer than drawing. A script of another form is left as it is.
    """
    start, end = _GIVEN
    body = script.rstrip()
    if script.count(start) != 1 or not body.endswith(end):
        return script
    return body.removesuffix(end).replace(start, start.replace(b"()", b"(()", 1)) + b"\n})));\n"


def warm() -> None:
    """Make what the first page with a figure needs, before somebody asks for it."""
    import plotly.graph_objects

    _plotly()
    plotly.graph_objects.Figure(layout={"title": "first"}).to_json()


def plotly_script(request: Request) -> Response:
    """plotly.js, compressed; every browser takes gzip."""
    headers = {
        "content-encoding": "gzip",
        "vary": "accept-encoding",
        "cache-control": "public, max-age=31536000, immutable",
    }
    return Response(_plotly(), media_type="text/javascript", headers=headers)


def icon(request: Request) -> Response:
    """The sign in the browser's tab."""
    return Response(ICON, media_type="image/svg+xml", headers={"cache-control": "max-age=86400"})


def routes() -> list[BaseRoute]:
    """``/static/plotly.js`` and the files of ``static/``."""
    return [
        Route("/static/plotly.js", plotly_script, name="plotly"),
        Route("/static/icon.svg", icon),
        Route("/favicon.ico", icon),
        Mount("/static", StaticFiles(directory=HERE), name="static"),
    ]


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
def inline_script(name: str) -> Script:
    """One of ``static/``."""
    return Script(_lines((HERE / name).read_text(encoding="utf-8")))


@cache
def inline_plotly() -> Script:
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
