"""One trial: its architecture drawn, how good it is, how it came about, what is near it, and its files."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from bonag.api.found import count_costs, known_costs
from bonag.plots.trial_curve import reported_metrics, trial_curve
from bonag.training.weights import trial_file
from bonag.ui.figures import draw
from bonag.ui.site import Site
from bonag.ui.source import View
from bonag.ui.trials import files
from bonag.ui.trials.kept import end_of_output, kept_files, open_kept, read_kept
from bonag.ui.trials.kin import family
from bonag.ui.trials.origin import origin
from bonag.ui.trials.standing import overall, rows, state
from loops.history import Trial
from search_spaces import SearchSpace

# Metrics of which the curve is drawn.
CURVES = 4
MEDIA = {"python": "text/x-python; charset=utf-8"}
BYTES = "application/octet-stream"


def routes(site: Site) -> list[BaseRoute]:
    """The page, its live parts, and its files: ``/runs/{key}/trials/{n}``, ``.../exports`` and ``.../exports/FORMAT``.

    A POST to ``.../exports/FORMAT`` has the file made, a GET hands it out once it is there. ``.../kept/PATH`` is a file
    of the trial's folder, ``.../figures/curve.json?metric=`` what it reported.
    """

    def page(request: Request) -> Response:
        view, place, trial = _find_trial(site, request)
        trials, kin = view.history.trials, family(view, trial)
        return site.run_page(
            request,
            "trial.html",
            tab="",
            **_exports(site, view, trial),
            before=trials[place - 1] if place else None,
            after=trials[place + 1] if place + 1 < len(trials) else None,
            state=state(trial, view.objective),
            drawn=view.draw(trial.architecture),
            parameters=getattr(trial.architecture, "parameters", ()),
            rows=rows(view.history, view.objective, trial),
            overall=overall(view.history, view.objective, trial),
            costs=known_costs(trial, view.space) if view.space else {},
            pixels=_pixels(view, trial),
            images=view.space is None or view.space.takes_images,
            origin=origin(view, trial),
            family=kin,
            reported=reported_metrics(trial, view.objective.metrics)[:CURVES],
            kept=kept_files(view, trial.index),
            output=trial.output or end_of_output(view, trial.index),
            thumbnails=[view.draw(one.trial.architecture, small=True) for one in kin.kin],
        )

    def exports(request: Request) -> Response:
        view, _, trial = _find_trial(site, request)
        _space(view)
        return site.page(request, "trial_exports.html", **_exports(site, view, trial))

    def export(request: Request) -> Response:
        view, _, trial = _find_trial(site, request)
        space, format = _space(view), request.path_params["format"]
        if format not in files.KINDS:
            raise HTTPException(404)
        if request.method == "POST":
            files.request(site.growing, space, trial.architecture, format, _weights(view, trial))
            return RedirectResponse(f"{view.path}/trials/{trial.index}#exports", status_code=303)
        [file] = [one for one in _offer(site, view, trial) if one.format == format]
        if file.content is None:
            raise HTTPException(404)
        return Response(file.content, media_type=MEDIA.get(format, BYTES), headers=_as_file(file.name))

    def curve(request: Request) -> Response:
        view, _, trial = _find_trial(site, request)
        metric = request.query_params.get("metric", "")
        if metric not in reported_metrics(trial, ()):
            raise HTTPException(404)
        return draw(trial_curve, view.history, trial.index, metric).response()

    def kept(request: Request) -> Response:
        view, _, trial = _find_trial(site, request)
        return _kept_file(view, trial, request.path_params["name"])

    path = "/runs/{key}/trials/{n:number}"
    return [
        Route(path, page),
        Route(f"{path}/figures/curve.json", curve),
        Route(f"{path}/kept/{{name:path}}", kept),
        Route(f"{path}/exports", exports),
        Route(f"{path}/exports/{{format}}", export, methods=["GET", "POST"]),
    ]


def _kept_file(view: View, trial: Trial, name: str) -> Response:
    try:
        file, size = open_kept(view, trial.index, name)
    except (OSError, ValueError):  # whatever the path was of
        raise HTTPException(404) from None
    headers = {**_as_file(name.rpartition("/")[2]), "content-length": str(size)}
    return StreamingResponse(read_kept(file, size), media_type=BYTES, headers=headers)


def _as_file(name: str) -> dict[str, str]:
    """The headers of a file that is to be kept under that name."""
    return {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        # Weights do not shrink, and to try takes seconds in which no other page is answered.
        "content-encoding": "identity",
    }


def _find_trial(site: Site, request: Request) -> tuple[View, int, Trial]:
    """The run, and the trial of that index with its place in it; a page that says so if there is none."""
    view = site.view(request)
    for place, trial in enumerate(view.history.trials):
        if trial.index == request.path_params["n"]:
            return view, place, trial
    raise HTTPException(404)


def _pixels(view: View, trial: Trial) -> int | None:
    """The side of the images of which the MACs are; None where an evaluator counted them that says no size."""
    counted = count_costs(view.space, trial.architecture) if view.space else None
    if view.space is None or counted is None or counted.macs != trial.metrics.get("macs", counted.macs):
        return None
    return view.space.network_size.image_size


def _space(view: View) -> SearchSpace:
    if view.space is None:
        raise HTTPException(404)
    return view.space


def _exports(site: Site, view: View, trial: Trial) -> dict[str, object]:
    """run: as the command line takes it: its folder, or its name in a database; None for what is no run of bonag."""
    run = None if view.config is None else shlex.quote(view.summary.name if "://" in view.where else view.where)
    return {
        "trial": trial,
        "here": f"{view.path}/trials/{trial.index}",
        "files": _offer(site, view, trial),
        "run": run,
    }


def _weights(view: View, trial: Trial) -> Path | None:
    """The file of the trial's trained network, if it has one."""
    if view.config is None or "://" in view.where:
        return None
    path = trial_file(Path(view.where), trial.index)
    return path if path.is_file() else None


def _offer(site: Site, view: View, trial: Trial) -> list[files.File]:
    if view.space is None:
        return []
    return files.offer(
        site.growing, view.space, trial.architecture, view.summary.name, trial.index, _weights(view, trial)
    )
