"""Several runs beside each other."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.plots.comparison import comparison
from bonag.plots.plot import Plot
from bonag.ui.figures import draw
from bonag.ui.site import Site
from bonag.ui.source import UnknownKeyError, View
from search_spaces.errors import UserError

# Runs that are compared at most: beyond, no figure says anything.
MOST = 100
GROUPS = {"strategy": "strategy", "run": "run"}


@dataclass(frozen=True)
class Group:
    """Runs under one label. best: the median of the runs' best values, and the least and largest."""

    label: str
    runs: int
    trials: int
    best: float | None
    least: float | None
    most: float | None
    seconds: float


def routes(site: Site) -> list[BaseRoute]:
    """``/compare?run=KEY&run=KEY&by=strategy|run&scale=regret``, and its figure."""

    def page(request: Request) -> Response:
        keys, by, scale = _read_query(request)
        views, missing = _views(site, keys)
        objectives = sorted({view.summary.objective for view in views})
        settings = sorted({(view.summary.space or "", view.summary.task or "") for view in views})
        # Values of different objectives, spaces or tasks have no common axis.
        comparable = len(objectives) == 1 and len(settings) == 1
        query = urlencode([*(("run", key) for key in keys), ("by", by), ("scale", scale)])
        return site.page(
            request,
            "compare.html",
            views=views,
            missing=missing,
            comparable=comparable,
            objectives=objectives,
            settings=[" ".join(filter(None, pair)) for pair in settings],
            groups=_groups(views, by) if comparable else [],
            several=bool(views) and len(views[0].objective.goals) > 1,
            keys=keys,
            by=by,
            scale=scale,
            figure_url=f"/compare/figure.json?{query}",
            part=f"/compare?{query}",
        )

    def figure(request: Request) -> Response:
        keys, by, scale = _read_query(request)
        views, _ = _views(site, keys)
        return draw(_compare, tuple(views), by, scale).response()

    return [Route("/compare", page), Route("/compare/figure.json", figure)]


def _compare(views: tuple[View, ...], by: str, scale: str) -> Plot:
    runs = [(_label(view, by), view.history, view.objective) for view in views]
    return comparison(runs, regret=scale == "regret")


def _read_query(request: Request) -> tuple[list[str], str, str]:
    keys = list(dict.fromkeys(request.query_params.getlist("run")))[:MOST]
    by = request.query_params.get("by", "")
    return keys, GROUPS.get(by, "strategy"), "regret" if request.query_params.get("scale") == "regret" else "value"


def _views(site: Site, keys: list[str]) -> tuple[list[View], list[str]]:
    """The runs that can be read, and what is wrong with the others."""
    views, missing = [], []
    for key in keys:
        try:
            views.append(site.views.get(key))
        except UnknownKeyError:
            missing.append(f"{key}: there is no such run")
        except UserError as error:
            missing.append(f"{key}: {error}")
    return views, missing


def _label(view: View, by: str) -> str:
    return view.summary.name if by == "run" else view.summary.strategy or view.summary.name


def _groups(views: list[View], by: str) -> list[Group]:
    labels: dict[str, list[View]] = {}
    for view in views:
        labels.setdefault(_label(view, by), []).append(view)
    groups = []
    for label, members in labels.items():
        best = [view.summary.best for view in members if view.summary.best is not None]
        trials = [trial for view in members for trial in view.history]
        groups.append(
            Group(
                label,
                len(members),
                len(trials),
                statistics.median(best) if best else None,
                min(best, default=None),
                max(best, default=None),
                sum((trial.proposal_seconds or 0.0) + (trial.evaluation_seconds or 0.0) for trial in trials),
            )
        )
    sign = views[0].objective.goals[0].sign
    return sorted(groups, key=lambda group: -sign * group.best if group.best is not None else float("inf"))
