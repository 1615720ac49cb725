"""One run: how it stands, how it went, and its trials."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.insight.validation import LEAST_TRIALS
from bonag.plots.distribution import distribution
from bonag.plots.learning_curves import learning_curves, reported_metric
from bonag.plots.plot import Plot
from bonag.plots.progress import progress
from bonag.plots.seconds import seconds
from bonag.plots.timeline import timeline
from bonag.ui.belief import Belief, Subject
from bonag.ui.commands import resume_command, resume_words, run_command
from bonag.ui.figures import draw
from bonag.ui.ordering import Paging, headings, page_url, sort_rows
from bonag.ui.overview import overview_of
from bonag.ui.pages.predictor import ask, figure_url
from bonag.ui.site import Site
from bonag.ui.source import View
from bonag.ui.trials.table import STATES, csv_of, table_of

SIZE = 50
NEWEST = "-trial"
FILTERS = ("q", "state", "sort", "page", "figure")
# What a part of the page needs to be written.
Part = Callable[[View], dict[str, object]]
# What the second card shows: its name in addresses, its name for people, and what is drawn there.
FIGURES: dict[str, tuple[str, Callable[[View], Plot]]] = {
    "seconds": ("Time spent", lambda view: seconds(view.history)),
    "workers": ("Workers", lambda view: timeline(view.history)),
    "curves": ("Learning curves", lambda view: learning_curves(view.history, view.objective, view.units)),
    "distribution": (
        "Distribution",
        lambda view: distribution([(view.summary.name, view.history, view.objective)], view.units),
    ),
}
# It comes from the background, and is a figure of the page Predictor.
MATTERS = "matters"


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}?q=&state=&sort=&page=``, its live parts, its figures, and its trials as CSV."""

    def page(request: Request) -> Response:
        view, part = site.view(request), request.query_params.get("part")
        table, figure = partial(_table, request), partial(_chosen, site, request)
        parts: dict[str, Part] = {"overview": _overview, "trials": table, "figure": figure}
        chosen = [parts[part]] if part is not None and part in parts else list(parts.values())
        context = {name: value for one in chosen for name, value in one(view).items()}
        template = f"run_{part}.html" if part in parts else "run.html"
        return site.run_page(request, template, tab="Run", base=view.path, **context)

    def state(request: Request) -> Response:
        return site.run_page(request, "run_state.html", tab="")

    def trials(request: Request) -> Response:
        view = site.view(request)
        disposition = f"attachment; filename*=UTF-8''{quote(view.summary.name, safe='')}.csv"
        return Response(csv_of(view), media_type="text/csv", headers={"content-disposition": disposition})

    def figure(request: Request) -> Response:
        view, name = site.view(request), request.path_params["name"]
        if name == "progress":
            return draw(progress, view.history, view.objective, view.units).response()
        if name not in FIGURES:
            raise HTTPException(404)
        return draw(FIGURES[name][1], view).response()

    return [
        Route("/runs/{key}", page),
        Route("/runs/{key}/state", state),
        Route("/runs/{key}/trials.csv", trials),
        Route("/runs/{key}/figures/{name}.json", figure),
    ]


def _overview(view: View) -> dict[str, object]:
    found, config = overview_of(view), view.config
    best = found.best[0].trial if found.best else None
    resumable = config is not None and view.summary.state in ("interrupted", "stopped") and Path(view.where).is_dir()
    return {
        "overview": found,
        "best": best,
        "admitted": bool(found.best and found.best[0].metrics),
        "drawn": view.draw(best.architecture) if best is not None else None,
        "command": run_command(config) if config is not None else None,
        "resume": resume_command(config, view.where) if config is not None and resumable else None,
        "resume_words": resume_words(config) if config is not None and resumable else None,
    }


def _chosen(site: Site, request: Request, view: View) -> dict[str, object]:
    """The figure that the address asks for, and those that there are."""
    names = {name: words for name, (words, _) in FIGURES.items()}
    if reported_metric(view.history, view.objective) is None:
        del names["curves"]
    if view.space is not None and len(view.history.completed) >= LEAST_TRIALS:
        names[MATTERS] = "What matters"
    asked = request.query_params.get("figure", "")
    asked = asked if asked in names else next(iter(names))
    found: dict[str, object] = {"figures": names, "figure": asked, "standing": None, "matters": None}
    subject = Subject.of(view, view.objective.metrics[0]) if asked == MATTERS else None
    if subject is not None and subject.reason is not None:
        found["figure"] = next(iter(names))
    elif subject is not None:
        standing = ask(site, subject, "found")
        found |= {"standing": standing, "metric": subject.metric}
        if standing.result is not None:
            found |= {"matters": Belief(subject, found=standing.result).figure("importance")}
            found |= {"url": figure_url(subject, "importance", standing)}
    return found


def _table(request: Request, view: View) -> dict[str, object]:
    query = {name: request.query_params.get(name, "").strip() for name in FILTERS}
    table, base = table_of(view), view.path
    words = query["q"].lower().split()
    state = query["state"] if query["state"] in STATES else ""
    found = [row for row in table.rows if (not state or row.is_in(state)) and (not words or row.mentions(words))]
    order = query["sort"] or NEWEST
    paging = Paging.of(query["page"], len(found), SIZE)
    kept = {name: value for name, value in query.items() if value}
    return {
        "table": table,
        "rows": sort_rows(found, table.columns, order)[paging.rows],
        "headings": headings(table.columns, order, base, query),
        "paging": paging,
        "before": page_url(base, query, paging.page - 1) if paging.page > 1 else None,
        "after": page_url(base, query, paging.page + 1) if paging.page < paging.pages else None,
        "query": query,
        "part": f"{base}?{urlencode({**kept, 'part': 'trials'})}",
    }
