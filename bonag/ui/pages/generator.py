"""What guidance makes of the generator's samples, and what the run's own proposals were worth."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bonag.insight.guidance import guidance
from bonag.plots.origins import origins
from bonag.ui.background.growing import Standing, read_version, write_version
from bonag.ui.figures import draw
from bonag.ui.samples import Samples
from bonag.ui.site import Site
from bonag.ui.source import View, version_of
from loops.history import History

TAB = "Generator"


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}/generator``, its live part ``.../part``, and ``.../figures/NAME?metric=&version=``."""

    def context(request: Request) -> dict[str, object]:
        view = site.view(request)
        samples, standing, path = Samples.of(view), Standing(), f"{view.path}/generator"
        if samples.reason is None:
            args = (view.space, view.objective, view.config, History(view.history.completed), view.sources)
            standing = site.growing.ask(_place(view), version_of(view), guidance, *args)
            samples = replace(samples, result=standing.result)

        def url(name: str, metric: str) -> str:
            version = standing.version if name == "guidance" and standing.version else version_of(view)
            return f"{path}/figures/{name}?{urlencode({'metric': metric, 'version': write_version(version)})}"

        return {"view": view, "path": path, "samples": samples, "standing": standing, "url": url}

    def page(request: Request) -> Response:
        return site.run_page(request, "generator.html", tab=TAB, **context(request))

    def part(request: Request) -> Response:
        return site.page(request, "generator_part.html", **context(request))

    def again(request: Request) -> Response:
        view = site.view(request)
        site.growing.again(_place(view))
        return RedirectResponse(f"{view.path}/generator", status_code=303)

    def figure(request: Request) -> Response:
        view = site.view(request)
        metric, name = request.query_params.get("metric", ""), request.path_params["name"]
        if metric not in view.objective.metrics:
            raise HTTPException(404)
        if name == "origins":
            return draw(origins, view.history, metric).response(seconds=600)
        result = site.growing.result(_place(view), read_version(request.query_params.get("version", "")))
        drawn = Samples(view, result).spreads.get(metric)
        if name != "guidance" or drawn is None:
            raise HTTPException(404)
        return drawn.response(seconds=600)

    path = "/runs/{key}/generator"
    return [
        Route(path, page),
        Route(f"{path}/part", part),
        Route(f"{path}/again", again, methods=["POST"]),
        Route(f"{path}/figures/{{name}}", figure),
    ]


def _place(view: View) -> tuple[str, ...]:
    config = view.config
    decides = (config.strategy, config.acquisition, config.predictor, str(config.seed)) if config else ()
    return (view.summary.key, TAB, *decides)
