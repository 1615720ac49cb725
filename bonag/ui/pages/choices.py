"""Which choices of the space go with good values, on the page of analyses: /runs/{key}/choices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.plots.choices import Choice, choices_of, most_telling, pair, parallel, slice_of
from bonag.ui.figures import Figure, draw
from bonag.ui.site import Site
from bonag.ui.source import View


@dataclass(frozen=True, eq=False)
class Held:
    """What the completed trials hold: at a glance, and in whatever can be looked at by itself."""

    glance: tuple[Choice, ...]
    each: tuple[Choice, ...]


@lru_cache(maxsize=8)
def held_by(view: View) -> Held:
    """The choices of a run, of which its space says the names; of another experiment its parameters."""
    trials, space = view.history.completed, view.space
    if space is None:
        all_there = tuple(choices_of([dict(getattr(trial.architecture, "parameters", ())) for trial in trials]))
        return Held(all_there, all_there)
    glance = [space.summary(trial.architecture) for trial in trials]
    each = [{**one, **space.choices(trial.architecture)} for one, trial in zip(glance, trials, strict=True)]
    return Held(tuple(choices_of(glance)), tuple(choices_of(each)))


@dataclass(frozen=True)
class Asked:
    """A metric and two choices. Those that the address does not name are the first goal, and what tells most of it."""

    view: View
    held: Held
    metric: str
    a: Choice | None
    b: Choice | None

    @classmethod
    def of(cls, view: View, request: Request) -> Asked:
        """What this address asks for."""
        held, metrics, given = held_by(view), view.objective.metrics, request.query_params
        metric = found if (found := given.get("metric", "")) in metrics else metrics[0]
        named = {choice.name: choice for choice in held.each}
        first, second = (named.get(given.get(name, "")) for name in ("a", "b"))
        if first is None or second is None:
            telling = most_telling(view.history, held.each, metric, 3)
            first = first or next((one for one in telling if one is not second), None)
            second = second or next((one for one in telling if one is not first), None)
        return cls(view, held, metric, first, second)

    @property
    def query(self) -> str:
        """The same as a query."""
        names = {"a": self.a.name if self.a else "", "b": self.b.name if self.b else ""}
        return urlencode({"metric": self.metric, **names})

    def figure(self, name: str) -> Figure | None:
        """``parallel``, ``a``, ``b`` or ``pair``; None where there is no such."""
        history, sign = self.view.history, self.view.objective.signs[self.metric]
        if name == "parallel":
            return draw(parallel, history, self.held.glance, self.metric, sign)
        if name == "pair" and self.a is not None and self.b is not None:
            return draw(pair, history, self.a, self.b, self.metric, sign)
        choice = {"a": self.a, "b": self.b}.get(name)
        return None if choice is None else draw(slice_of, history, choice, self.metric)


def asked_for(view: View, request: Request) -> dict[str, object]:
    """What ``choices.html`` needs; nothing to choose while no trial has completed."""
    return {"asked": Asked.of(view, request) if view.history.completed else None}


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}/choices?metric=&a=&b=``, a part of the page of analyses, and its figures ``.../NAME.json``."""

    def part(request: Request) -> Response:
        view = site.view(request)
        return site.page(request, "choices.html", view=view, base=f"{view.path}/analyses", **asked_for(view, request))

    def figure(request: Request) -> Response:
        drawn = Asked.of(site.view(request), request).figure(request.path_params["name"])
        if drawn is None:
            raise HTTPException(404)
        return drawn.response()

    return [Route("/runs/{key}/choices", part), Route("/runs/{key}/choices/{name}.json", figure)]
