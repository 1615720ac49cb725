"""What the predictor of a run knows: predictions of trials that it has not seen, and what decides them."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bonag.insight.importance import MOST_PREDICTIONS, influence
from bonag.insight.validation import held_out
from bonag.ui.background.growing import Standing, read_version, write_version
from bonag.ui.belief import Belief, Subject
from bonag.ui.site import Site

TAB = "Predictor"
WORKS = {"checked": held_out, "found": influence}


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}/predictor?metric=``, its live part ``.../part``, and ``.../figures/NAME?metric=&version=``."""

    def context(request: Request) -> dict[str, object]:
        this = _find_subject(site, request)
        path = f"{this.view.path}/predictor"
        standings = {} if this.reason is not None else {name: ask(site, this, name) for name in WORKS}
        belief = Belief(this, **{name: one.result for name, one in standings.items()})

        def url(name: str) -> str:
            return figure_url(this, name, standings["found" if name in ("importance", "effects") else "checked"])

        return {
            "asked": this,
            "path": path,
            "standings": standings,
            "belief": belief,
            "url": url,
            "most_predictions": MOST_PREDICTIONS,
        }

    def page(request: Request) -> Response:
        return site.run_page(request, "predictor.html", tab=TAB, **context(request))

    def part(request: Request) -> Response:
        return site.page(request, "predictor_part.html", **context(request))

    def again(request: Request) -> Response:
        this = _find_subject(site, request)
        for name in WORKS:
            site.growing.again(_place(this, name))
        return RedirectResponse(f"{this.view.path}/predictor?{urlencode({'metric': this.metric})}", status_code=303)

    def figure(request: Request) -> Response:
        this, name = _find_subject(site, request), request.path_params["name"]
        version = read_version(request.query_params.get("version", ""))
        found = {name: site.growing.result(_place(this, name), version) for name in WORKS}
        drawn = Belief(this, **found).figure(name)
        if drawn is None:
            raise HTTPException(404)
        return drawn.response(seconds=600)

    path = "/runs/{key}/predictor"
    return [
        Route(path, page),
        Route(f"{path}/part", part),
        Route(f"{path}/again", again, methods=["POST"]),
        Route(f"{path}/figures/{{name}}", figure),
    ]


def _find_subject(site: Site, request: Request) -> Subject:
    """The metric of the address, by default the first; raises HTTPException for one that the run has not."""
    view = site.view(request)
    metric = request.query_params.get("metric") or view.objective.metrics[0]
    if metric not in view.objective.metrics:
        raise HTTPException(404)
    return Subject.of(view, metric)


def figure_url(this: Subject, name: str, shown: Standing) -> str:
    """Where one of the figures is, of the trials that its work has seen."""
    assert shown.version is not None
    query = urlencode({"metric": this.metric, "version": write_version(shown.version)})
    return f"{this.view.path}/predictor/figures/{name}?{query}"


def ask(site: Site, this: Subject, name: str) -> Standing:
    """How work on a metric stands, which goes on in the background."""
    return site.growing.ask(_place(this, name), this.version, WORKS[name], this.data, this.predictor, this.seed)


def _place(this: Subject, name: str) -> tuple[str, ...]:
    """What some work of this page is, whatever the number of trials."""
    return (this.view.summary.key, TAB, name, this.metric, this.predictor, str(this.seed))
