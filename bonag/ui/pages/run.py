"""One run: how it stands, how it went, and its trials."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.plots.progress import progress
from bonag.plots.seconds import seconds
from bonag.ui.commands import resume_command, run_command
from bonag.ui.figures import draw
from bonag.ui.ordering import Paging, headings, page_url, sort_rows
from bonag.ui.overview import overview_of
from bonag.ui.site import Site
from bonag.ui.source import View
from bonag.ui.trials.table import STATES, csv_of, table_of

SIZE = 50
NEWEST = "-trial"
FILTERS = ("q", "state", "sort", "page")


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}?q=&state=&sort=&page=``, its live parts, its figures, and its trials as CSV."""

    def page(request: Request) -> Response:
        view, part = site.view(request), request.query_params.get("part")
        overview = {} if part == "trials" else _overview(view)
        table = {} if part == "overview" else _table(request, view)
        template = {"overview": "run_overview.html", "trials": "run_trials.html"}.get(part or "", "run.html")
        return site.run_page(request, template, tab="Run", base=view.path, **overview, **table)

    def state(request: Request) -> Response:
        return site.run_page(request, "run_state.html", tab="")

    def trials(request: Request) -> Response:
        view = site.view(request)
        disposition = f"attachment; filename*=UTF-8''{quote(view.summary.name, safe='')}.csv"
        return Response(csv_of(view), media_type="text/csv", headers={"content-disposition": disposition})

    def progress_figure(request: Request) -> Response:
        view = site.view(request)
        return draw(progress, view.history, view.objective).response()

    def seconds_figure(request: Request) -> Response:
        return draw(seconds, site.view(request).history).response()

    return [
        Route("/runs/{key}", page),
        Route("/runs/{key}/state", state),
        Route("/runs/{key}/trials.csv", trials),
        Route("/runs/{key}/figures/progress.json", progress_figure),
        Route("/runs/{key}/figures/seconds.json", seconds_figure),
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
    }


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
