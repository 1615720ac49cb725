"""The pages, put together."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from bonag import __version__
from bonag.plots.sparkline import rise_path
from bonag.ui import assets, events, filters
from bonag.ui.background.growing import Growing
from bonag.ui.background.jobs import Jobs
from bonag.ui.pages import (
    analyses,
    choices,
    compare,
    compare_trials,
    editing,
    generator,
    pareto,
    predictor,
    run,
    runs,
    trial,
)
from bonag.ui.security import HEADERS, Guard
from bonag.ui.site import Site, ViewCache
from bonag.ui.source import Source, UnknownKeyError
from search_spaces.errors import UserError

PAGES = (runs, compare, compare_trials, editing, run, trial, pareto, analyses, choices, predictor, generator)
# Figures of large runs shrink to a fifth.
COMPRESSED_FROM = 2000


def templates() -> Jinja2Templates:
    """The templates, in which every value is escaped."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "number": filters.number,
        "duration": filters.duration,
        "rise_path": rise_path,
        "measured": filters.measured,
        "in_units": filters.heading,
        "moment": filters.moment,
        "iso": filters.iso,
        "data_block": assets.data_block,
    }
    environment.globals |= {
        "static_tag": assets.static_tag,
        "plotly_tag": assets.plotly_tag,
        "version": __version__,
    }
    return Jinja2Templates(env=environment)


def create_app(source: Source, jobs: Jobs, *, names: Sequence[str] = (), allow_edit: bool = False) -> Starlette:
    """The site of a source; ``app.state.site`` is its Site.

    jobs: the background process, which the caller closes. names: host names to answer to, beside this machine's.
    allow_edit: whether its pages may change runs.
    """
    growing = Growing(jobs)
    source.read_in_background(growing)
    token = secrets.token_urlsafe() if allow_edit else None
    site = Site(source, ViewCache(source), growing, templates(), token)

    def say_missing(request: Request, error: Exception) -> Response:
        return site.page(request, "missing.html", status=404)

    def say_refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return say_missing(request, error)
        return site.page(request, "failed.html", status=error.status_code, what=error.detail)

    def say_unreadable(request: Request, error: Exception) -> Response:
        return site.page(request, "unreadable.html", status=503, problem=str(error))

    def say_broken(request: Request, error: Exception) -> Response:
        answer = site.page(request, "failed.html", status=500, what=type(error).__name__)
        # Starlette gives this answer outside the middleware.
        answer.headers.update(HEADERS)
        return answer

    app = Starlette(
        routes=[*assets.routes(), *events.routes(site), *(route for page in PAGES for route in page.routes(site))],
        middleware=[
            Middleware(Guard, names=tuple(names)),
            Middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=6),
        ],
        exception_handlers={
            HTTPException: say_refused,
            UnknownKeyError: say_missing,
            UserError: say_unreadable,
            Exception: say_broken,
        },
    )
    app.state.site = site
    return app
