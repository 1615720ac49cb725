"""Ax's analyses of a run: /runs/{key}/analyses."""

from __future__ import annotations

from importlib.metadata import version
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bonag.ui.addresses import number
from bonag.ui.analyses.catalogue import GROUPS, Card, cards
from bonag.ui.analyses.state import result, standing
from bonag.ui.analyses.values import Shown
from bonag.ui.site import Site


def routes(site: Site) -> list[Route]:
    """The page, each card by itself, the numbers and the figures of what a card shows."""

    def page(request: Request) -> Response:
        key = request.path_params["key"]
        view = site.views.get(key)
        empty = not view.history.trials
        all_cards = [] if empty else cards(view)
        groups = [
            (name, title, text, [standing(site, key, card) for card in all_cards if card.model == name])
            for name, (title, text) in GROUPS.items()
        ]
        return site.run_page(
            request,
            "analyses.html",
            tab="Analyses",
            groups=[group for group in groups if group[3]],
            ax=version("ax-platform"),
            foreign=view.space is None,
            reading=view.summary.state == "reading",
            base=_base(key),
        )

    def part(request: Request) -> Response:
        key = request.path_params["key"]
        one = standing(site, key, _card(site, request))
        return site.page(request, "analyses_card.html", one=one, base=_base(key))

    def ask(request: Request) -> Response:
        key = request.path_params["key"]
        card = _card(site, request)
        standing(site, key, card, asked=True)
        return RedirectResponse(f"{_base(key)}#card-{card.id}", status_code=303)

    def figure(request: Request) -> Response:
        return Response(_shown(site, request).figure, media_type="application/json")

    def numbers(request: Request) -> Response:
        name = f"{request.path_params['card']}-{request.path_params['i']}.csv"
        # Said to be a file to keep, so that no browser shows stored text as anything else.
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(_shown(site, request).csv, media_type="text/csv", headers=headers)

    one = "/runs/{key}/analyses/{card}"
    return [
        Route("/runs/{key}/analyses", page),
        Route(one, part, methods=["GET"]),
        Route(one, ask, methods=["POST"]),
        Route(f"{one}/{number('version')}/{number('i')}.json", figure),
        Route(f"{one}/{number('version')}/{number('i')}.csv", numbers),
    ]


def _base(key: str) -> str:
    return f"/runs/{quote(key, safe='')}/analyses"


def _card(site: Site, request: Request) -> Card:
    """The card of the address, or 404."""
    for card in cards(site.views.get(request.path_params["key"])):
        if card.id == request.path_params["card"]:
            return card
    raise HTTPException(404)


def _shown(site: Site, request: Request) -> Shown:
    """What the address names of a card that was computed, or 404."""
    computed = result(site, request.path_params["key"], _card(site, request), request.path_params["version"])
    i = request.path_params["i"]
    if computed is None or i >= len(computed.shown):
        raise HTTPException(404)
    return computed.shown[i]
