"""What may be changed from the pages, where the server was started for that: notes, tags, and how far a run goes."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bonag.record.editing import Place, ask_to_stop, delete_run, raise_budget, write_notes
from bonag.record.note_rows import Note
from bonag.ui.site import Site
from search_spaces.errors import UserError

# Bytes of a form.
MOST = 100_000
Fields = dict[str, str]


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}/notes``, the notes of a run; with a token also ``.../delete``, and what takes a POST with it:
    ``.../note``, ``.../trials/{n}/note``, ``.../stop``, ``.../budget`` and ``.../delete``."""

    def notes(request: Request) -> Response:
        view = site.view(request)
        return site.run_page(request, "run_notes.html", tab="", base=view.path)

    def question(request: Request) -> Response:
        return site.run_page(request, "run_delete.html", tab="", place=site.source.place(request.path_params["key"]))

    def note(place: Place, request: Request, fields: Fields) -> None:
        written = Note.of(fields.get("note", ""), fields.get("tags", "").split(","))
        write_notes(place, request.path_params.get("n"), written)

    def stop(place: Place, request: Request, fields: Fields) -> None:
        ask_to_stop(place)

    def budget(place: Place, request: Request, fields: Fields) -> None:
        text = fields.get("budget", "")
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise UserError("the budget is a whole number of trials")
        raise_budget(place, int(text))

    def delete(place: Place, request: Request, fields: Fields) -> None:
        delete_run(place)

    shown: list[BaseRoute] = [Route("/runs/{key}/notes", notes)]
    if site.token is None:
        return shown
    return [
        *shown,
        Route("/runs/{key}/delete", question),
        *(
            Route(f"/runs/{{key}}/{path}", _changing(site, change), methods=["POST"])
            for path, change in {
                "note": note,
                "trials/{n:number}/note": note,
                "stop": stop,
                "budget": budget,
                "delete": delete,
            }.items()
        ),
    ]


def _changing(site: Site, change: Callable[[Place, Request, Fields], None]) -> Callable[[Request], Awaitable[Response]]:
    """Takes a form, and makes the change if the form has the token; ``Guard`` has seen that it is of this site."""

    def make(request: Request, fields: Fields) -> Response:
        if not secrets.compare_digest(fields.get("token", "").encode(), (site.token or "").encode()):
            raise HTTPException(403, "the form is not of this page, or of an earlier start of bonag ui: load it again")
        key = request.path_params["key"]
        place = site.source.place(key)
        try:
            change(place, request, fields)
        except UserError as error:
            return site.page(request, "failed.html", status=409, what=str(error))
        site.views.forget(key)
        page = request.url.path.rpartition("/")[0]
        return RedirectResponse("/" if change.__name__ == "delete" else page, status_code=303)

    async def answer(request: Request) -> Response:
        return await run_in_threadpool(make, request, await _fields(request))

    return answer


async def _fields(request: Request) -> Fields:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST:
            raise HTTPException(413, "the form is too long")
    found = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    return {name: values[0] for name, values in found.items()}
