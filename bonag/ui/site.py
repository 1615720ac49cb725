"""What all pages share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from bonag.ui.figures import FigureCache
from bonag.ui.source import Source
from bonag.ui.views import ViewCache

if TYPE_CHECKING:
    from bonag.ui.jobs import Jobs


@dataclass(frozen=True)
class Site:
    """A source and what is needed to show it. closing: set when the server is about to end."""

    source: Source
    views: ViewCache
    jobs: Jobs
    templates: Jinja2Templates
    figures: FigureCache = field(default_factory=FigureCache)
    closing: threading.Event = field(default_factory=threading.Event)

    def page(self, request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
        """A template of ``templates/`` with its context."""
        return self.templates.TemplateResponse(request, template, context, status_code=status)

    def run_page(self, request: Request, template: str, *, tab: str, **context: Any) -> Response:
        """A template that extends ``run_base.html``, for the run whose key is in the path.

        The template gets ``view``, ``summary`` and the rest of the context. tab: name of the tab to mark, as in
        ``run_base.html``. Raises UnknownKeyError, or UserError if the run cannot be read; both become pages.
        """
        view = self.views.get(request.path_params["key"])
        return self.page(request, template, tab=tab, view=view, summary=view.summary, **context)
