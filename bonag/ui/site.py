"""What all pages share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from bonag.ui.background.growing import Growing
from bonag.ui.source import Source, View
from bonag.ui.views import ViewCache


@dataclass(frozen=True)
class Site:
    """A source and what is needed to show it. closing: set when the server is about to end."""

    source: Source
    views: ViewCache
    growing: Growing
    templates: Jinja2Templates
    closing: threading.Event = field(default_factory=threading.Event)

    def view(self, request: Request) -> View:
        """The run whose key is in the path; raises UnknownKeyError, or UserError if it cannot be read."""
        return self.views.get(request.path_params["key"])

    def page(self, request: Request, template: str, **context: object) -> Response:
        """A template of ``templates/`` with its context, in which ``status`` is the answer's, 200 by default."""
        return self.templates.TemplateResponse(request, template, context, int(str(context.get("status", 200))))

    def run_page(self, request: Request, template: str, *, tab: str, **context: object) -> Response:
        """A template that extends ``run_base.html``, for the run whose key is in the path.

        The template gets ``view``, ``summary`` and the rest of the context. tab: name of the tab to mark, as in
        ``run_base.html``. Raises as ``view``; both errors become pages.
        """
        view = self.view(request)
        return self.page(request, template, **{"tab": tab, "view": view, "summary": view.summary} | context)


class _Number(Convertor[int]):
    # Of Starlette's own "int" a number of thousands of digits is an error of the server.
    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


# In a route's path, "{n:number}" is a number of at most 18 digits.
register_url_convertor("number", _Number())
