"""Ax's analyses of a run: /runs/{key}/analyses."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from importlib.metadata import version

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bonag.ui.background.cards import Computed, Shown, compute
from bonag.ui.background.growing import Standing, read_version, write_version
from bonag.ui.cards import GROUPS, Card, cards
from bonag.ui.pages.choices import asked_for
from bonag.ui.site import Site
from bonag.ui.source import View, version_of

# A card of a live run is computed again when it has grown by this share, and by this many completed trials.
GROWTH, STEP = 0.1, 5


@dataclass(frozen=True)
class CardStanding:
    """A card, and what there is of it, perhaps of an earlier version while a newer one is on its way.

    state: "absent", "few" (trials), "idle" (not asked for), "waiting", "running", "failed", "done". behind: completed
    trials that are not in it.
    """

    card: Card
    state: str
    work: Standing
    behind: int = 0

    @property
    def computed(self) -> Computed | None:
        """What is shown."""
        found: Computed | None = self.work.result
        return found

    @property
    def version(self) -> str:
        """Of what is shown, as in addresses."""
        return write_version(self.work.version) if self.work.version else ""


def routes(site: Site) -> list[Route]:
    """The page, each card by itself, the numbers and the figures of what a card shows."""

    def page(request: Request) -> Response:
        view = site.view(request)
        all_cards = cards(view) if view.history.trials else []
        groups = [
            (
                name,
                title,
                text,
                [_standing(site, view, card, folded=True) for card in all_cards if card.model == name],
            )
            for name, (title, text) in GROUPS.items()
        ]
        return site.run_page(
            request,
            "analyses.html",
            tab="Analyses",
            groups=[group for group in groups if group[3]],
            ax=version("ax-platform"),
            base=_base(view),
            **asked_for(view, request),
        )

    def part(request: Request) -> Response:
        view = site.view(request)
        one = _standing(site, view, _card(view, request))
        return site.page(request, "analyses_card.html", one=one, base=_base(view))

    def ask(request: Request) -> Response:
        view = site.view(request)
        card = _card(view, request)
        _standing(site, view, card, asked=True)
        return RedirectResponse(f"{_base(view)}#card-{card.id}", status_code=303)

    def figure(request: Request) -> Response:
        return Response(_find_shown(site, request).figure, media_type="application/json")

    def numbers(request: Request) -> Response:
        name = f"{request.path_params['card']}-{request.path_params['i']}.csv"
        # Said to be a file to keep, so that no browser shows stored text as anything else.
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(_find_shown(site, request).csv, media_type="text/csv", headers=headers)

    one = "/runs/{key}/analyses/{card}"
    return [
        Route("/runs/{key}/analyses", page),
        Route(one, part, methods=["GET"]),
        Route(one, ask, methods=["POST"]),
        Route(f"{one}/{{version}}/{{i:number}}.json", figure),
        Route(f"{one}/{{version}}/{{i:number}}.csv", numbers),
    ]


def _standing(site: Site, view: View, card: Card, asked: bool = False, folded: bool = False) -> CardStanding:
    """The card now; requests it if it was asked for, or is looked at and comes by itself, and is not there yet."""
    completed = len(view.history.completed)
    if card.absent:
        return CardStanding(card, "absent", Standing())
    if completed < card.least:
        return CardStanding(card, "few", Standing())
    place, version = _place(view, card), version_of(view)
    if asked:
        site.growing.again(place)
    work = site.growing.look(place, version)
    will_do = work.result is not None and _will_do(view, work.result.trials, completed)
    if asked or not (card.demand or folded or will_do):
        key = view.summary.key
        work = site.growing.ask(place, version, compute, site.source, key, site.views.stamp(key), card, every=asked)
    state = work.job.state if work.job else "idle" if work.result is None else "done"
    behind = 0 if work.result is None else completed - work.result.trials
    return CardStanding(card, state, work, behind)


def _will_do(view: View, before: int, now: int) -> bool:
    """Whether what was computed of a live run will do for some more trials."""
    live = view.config is not None and view.summary.state == "running"
    return live and before <= now < before + max(STEP, GROWTH * before)


def _place(view: View, card: Card) -> tuple[Hashable, ...]:
    # A run may be deleted, and another one be given its name; then it was made at another time.
    made = view.summary.started if view.config is not None else None
    return ("analyses", view.summary.key, made, card)


def _base(view: View) -> str:
    return f"{view.path}/analyses"


def _card(view: View, request: Request) -> Card:
    """The card of the address, or 404."""
    for card in cards(view):
        if card.id == request.path_params["card"]:
            return card
    raise HTTPException(404)


def _find_shown(site: Site, request: Request) -> Shown:
    """What the address names of a card that was computed, or 404."""
    view = site.view(request)
    version, i = read_version(request.path_params["version"]), request.path_params["i"]
    computed: Computed | None = site.growing.result(_place(view, _card(view, request)), version)
    if computed is None or i >= len(computed.shown):
        raise HTTPException(404)
    return computed.shown[i]
