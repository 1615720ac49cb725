"""One trial: its architecture drawn, how good it is, how it came about, what is near it, and its files."""

from __future__ import annotations

import shlex
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bonag.ui.addresses import number
from bonag.ui.site import Site
from bonag.ui.trials import files
from bonag.ui.trials.costs import costs
from bonag.ui.trials.kin import family
from bonag.ui.trials.origin import origin
from bonag.ui.trials.standing import overall, rows, state
from bonag.ui.view import View
from loops.history import Trial
from search_spaces import SearchSpace

MEDIA = {"python": "text/x-python; charset=utf-8"}


def routes(site: Site) -> list[BaseRoute]:
    """The page, its live parts, and its files: ``/runs/{key}/trials/{n}``, ``.../exports`` and ``.../exports/FORMAT``.

    A POST to ``.../exports/FORMAT`` has the file made, a GET hands it out once it is there.
    """

    def page(request: Request) -> Response:
        view = site.views.get(request.path_params["key"])
        trial, before, after = _found(view, request.path_params["n"])
        space = view.space
        kin = family(view, trial)
        return site.run_page(
            request,
            "trial.html",
            tab="",
            trial=trial,
            before=before,
            after=after,
            here=_address(view, trial),
            state=state(trial, view.objective),
            drawn=space.draw(trial.architecture) if space else None,
            parameters=getattr(trial.architecture, "parameters", ()),
            rows=rows(view.history, view.objective, trial),
            overall=overall(view.history, view.objective, trial),
            costs=costs(space, trial.architecture) if space else None,
            origin=origin(view, trial),
            family=kin,
            thumbnails=[space.draw(one.trial.architecture, small=True) for one in kin.kin] if space else [],
            files=_offered(site, view, trial),
            run=_run(view),
        )

    def exports(request: Request) -> Response:
        view = site.views.get(request.path_params["key"])
        trial, _, _ = _found(view, request.path_params["n"])
        _space(view)
        offered = _offered(site, view, trial)
        return site.page(
            request,
            "trial_exports.html",
            files=offered,
            here=_address(view, trial),
            trial=trial,
            run=_run(view),
        )

    def export(request: Request) -> Response:
        view = site.views.get(request.path_params["key"])
        trial, _, _ = _found(view, request.path_params["n"])
        space, format = _space(view), request.path_params["format"]
        if format not in files.KINDS:
            raise HTTPException(404)
        if request.method == "POST":
            files.request(site.jobs, space, trial.architecture, format)
            return RedirectResponse(f"{_address(view, trial)}#exports", status_code=303)
        content = files.ready(site.jobs, space, trial.architecture, format)
        if content is None:
            raise HTTPException(404)
        name = files.file_name(view.summary.name, trial.index, format)
        headers = {
            "content-disposition": f'attachment; filename="{name}"',
            # Weights do not shrink, and to try takes seconds in which no other page is answered.
            "content-encoding": "identity",
        }
        return Response(content, media_type=MEDIA.get(format, "application/octet-stream"), headers=headers)

    path = "/runs/{key}/trials/" + number("n")
    return [
        Route(path, page),
        Route(f"{path}/exports", exports),
        Route(f"{path}/exports/{{format}}", export, methods=["GET", "POST"]),
    ]


def _found(view: View, number: int) -> tuple[Trial, Trial | None, Trial | None]:
    """The trial of that index, and those before and after it; a page that says so if there is none."""
    trials = view.history.trials
    for place, trial in enumerate(trials):
        if trial.index == number:
            return trial, trials[place - 1] if place else None, trials[place + 1] if place + 1 < len(trials) else None
    raise HTTPException(404)


def _space(view: View) -> SearchSpace:
    if view.space is None:
        raise HTTPException(404)
    return view.space


def _run(view: View) -> str | None:
    """The run as the command line takes it: its folder, or its name in a database; None for what is no run of bonag."""
    if view.config is None:
        return None
    return shlex.quote(view.summary.name if "://" in view.where else view.where)


def _offered(site: Site, view: View, trial: Trial) -> list[files.File]:
    if view.space is None:
        return []
    return files.offered(site.jobs, view.space, trial.architecture, view.summary.name, trial.index)


def _address(view: View, trial: Trial) -> str:
    return f"/runs/{quote(view.summary.key, safe='')}/trials/{trial.index}"
