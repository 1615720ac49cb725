"""Several runs beside each other."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.plots.comparison import Run, comparison, measured_bands
from bonag.plots.distribution import distribution
from bonag.plots.plot import Plot
from bonag.ui.figures import draw
from bonag.ui.filters import measured
from bonag.ui.site import Site
from bonag.ui.source import UnknownKeyError, View
from search_spaces.errors import UserError

# Runs that are compared at most: beyond, no figure says anything.
MOST = 100
# What an address may say, the first by default, and what each is called.
CHOICES = {
    "by": {"strategy": "strategy", "run": "run"},
    "show": {"value": "best so far", "regret": "distance to the best found", "distribution": "distribution of all"},
    "x": {"trials": "trials", "clock": "time on the clock"},
}


@dataclass(frozen=True)
class Asked:
    """What an address asks for: the keys of runs, and one name of each of CHOICES."""

    keys: tuple[str, ...]
    by: str
    show: str
    x: str

    @classmethod
    def of(cls, request: Request) -> Asked:
        """What this address asks for; a name that there is none of is taken for the default."""
        given = {name: request.query_params.get(name, "") for name in CHOICES}
        chosen = [given[name] if given[name] in names else next(iter(names)) for name, names in CHOICES.items()]
        return cls(tuple(dict.fromkeys(request.query_params.getlist("run")))[:MOST], *chosen)

    @property
    def query(self) -> str:
        """As an address has it."""
        return urlencode([*(("run", key) for key in self.keys), ("by", self.by), ("show", self.show), ("x", self.x)])


@dataclass(frozen=True)
class Group:
    """Runs under one label. best: the median of the runs' best values, and the least and largest; of several goals, of
    the share of the hypervolume that they dominate. seconds: spent in proposals and evaluations."""

    label: str
    runs: int
    trials: int
    best: str
    least: str
    most: str
    seconds: float


def routes(site: Site) -> list[BaseRoute]:
    """``/compare?run=KEY&run=KEY&by=strategy|run&show=value|regret|distribution&x=trials|clock``, and its figure."""

    def page(request: Request) -> Response:
        asked = Asked.of(request)
        views, missing = _views(site, asked.keys)
        objectives = sorted({view.summary.objective for view in views})
        settings = sorted({(view.summary.space or "", view.summary.task or "") for view in views})
        # Values of different objectives, spaces or tasks have no common axis.
        comparable = len(objectives) == 1 and len(settings) == 1
        lengths = sorted({view.history.queries for view in views})
        return site.page(
            request,
            "compare.html",
            views=views,
            missing=missing,
            comparable=comparable,
            objectives=objectives,
            settings=[" ".join(filter(None, pair)) for pair in settings],
            groups=_groups(views, asked.by) if comparable else [],
            several=bool(views) and len(views[0].objective.goals) > 1,
            lengths=lengths,
            asked=asked,
            choices=CHOICES,
            bests=_bests(views) if len(settings) == 1 else [],
        )

    def figure(request: Request) -> Response:
        asked = Asked.of(request)
        views, _ = _views(site, asked.keys)
        return draw(_compare, tuple(views), asked.by, asked.show, asked.x).response()

    return [Route("/compare", page), Route("/compare/figure.json", figure)]


def _compare(views: tuple[View, ...], by: str, show: str, x: str) -> Plot:
    runs, units = [_run(view, by) for view in views], views[0].units if views else {}
    if show == "distribution":
        return distribution(runs, units)
    return comparison(runs, regret=show == "regret", units=units, clock=x == "clock")


def _views(site: Site, keys: tuple[str, ...]) -> tuple[list[View], list[str]]:
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


def _run(view: View, by: str) -> Run:
    label = view.summary.name if by == "run" else view.summary.strategy or view.summary.name
    return label, view.history, view.objective


def _bests(views: list[View]) -> list[str]:
    """The best trial of each of the first two runs, as the page of two architectures names them."""
    found = [(view.summary.key, view.objective.best(view.history)) for view in views if view.history.completed]
    return [f"{key}:{best[0].index}" for key, best in found[:2]] if len(found) > 1 else []


def _groups(views: list[View], by: str) -> list[Group]:
    """The groups, best first."""
    labels: dict[str, list[View]] = {}
    for view in views:
        labels.setdefault(_run(view, by)[0], []).append(view)
    objective, units = views[0].objective, views[0].units
    # Each run by itself, on the scale that is common to all.
    found = measured_bands([(str(place), *_run(view, by)[1:]) for place, view in enumerate(views)], units=units)
    ends = {views[int(band.label)]: float(band.middle[-1]) for band in found.bands} if found else {}
    sign = found.sign if found else 1.0

    def words(value: float | None) -> str:
        if len(objective.goals) > 1:
            return "–" if value is None else f"{value:.1f} %"
        return measured(value, objective.goal.metric, units)

    rows = []
    for label, members in labels.items():
        best = [ends[view] for view in members if not math.isnan(ends.get(view, math.nan))]
        middle = statistics.median(best) if best else None
        trials = [trial for view in members for trial in view.history]
        seconds = sum((trial.proposal_seconds or 0.0) + (trial.evaluation_seconds or 0.0) for trial in trials)
        texts = [words(one) for one in (middle, min(best, default=None), max(best, default=None))]
        place = math.inf if middle is None else -sign * middle
        rows.append((place, Group(label, len(members), len(trials), texts[0], texts[1], texts[2], seconds)))
    return [group for _, group in sorted(rows, key=lambda row: row[0])]
