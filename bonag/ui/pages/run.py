"""One run: how it stands, how it went, and its trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.plots.progress import progress
from bonag.plots.seconds import seconds
from bonag.ui.commands import resume_command, run_command
from bonag.ui.ordering import Paging, headings, ordered, page_url
from bonag.ui.site import Site
from bonag.ui.trial_table import STATES, columns_of, csv_of, metrics_of, rows_of
from bonag.ui.view import View
from loops.history import Trial, TrialStatus

SIZE = 50
NEWEST = "-trial"
FILTERS = ("q", "state", "sort", "page")


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}?q=&state=&sort=&page=``, its live parts, its figures, and its trials as CSV."""

    def page(request: Request) -> Response:
        key = request.path_params["key"]
        view = site.views.get(key)
        base = f"/runs/{quote(key, safe='')}"
        part = request.query_params.get("part")
        if part == "overview":
            return site.run_page(request, "run_overview.html", tab="Run", base=base, **_overview(view))
        table = _table(request, view, base)
        if part == "trials":
            return site.run_page(request, "run_trials.html", tab="Run", base=base, **table)
        return site.run_page(request, "run.html", tab="Run", base=base, **_overview(view), **table)

    def state(request: Request) -> Response:
        return site.run_page(request, "run_state.html", tab="")

    def trials(request: Request) -> Response:
        view = site.views.get(request.path_params["key"])
        disposition = f"attachment; filename*=UTF-8''{quote(view.summary.name, safe='')}.csv"
        return Response(csv_of(view), media_type="text/csv", headers={"content-disposition": disposition})

    def progress_figure(request: Request) -> Response:
        key = request.path_params["key"]
        stamp, view = site.views.stamped(key)
        return site.figures.response(("progress", key, stamp), lambda: progress(view.history, view.objective))

    def seconds_figure(request: Request) -> Response:
        key = request.path_params["key"]
        stamp, view = site.views.stamped(key)
        return site.figures.response(("seconds", key, stamp), lambda: seconds(view.history))

    return [
        Route("/runs/{key}", page),
        Route("/runs/{key}/state", state),
        Route("/runs/{key}/trials.csv", trials),
        Route("/runs/{key}/figures/progress.json", progress_figure),
        Route("/runs/{key}/figures/seconds.json", seconds_figure),
    ]


def _overview(view: View) -> dict[str, Any]:
    history, objective = view.history, view.objective
    completed = history.completed
    feasible = int(objective.feasible(history).sum()) if objective.constraints else len(completed)
    best = _best(view)
    front = len(objective.front(history)) if len(objective.goals) > 1 and completed else None
    proposals = sum(trial.proposal_seconds or 0.0 for trial in history)
    evaluations = sum(trial.evaluation_seconds or 0.0 for trial in history)
    config = view.config
    resumable = config is not None and config.budget is not None and view.summary.state in ("interrupted", "stopped")
    return {
        "counts": {status: sum(trial.status is status for trial in history) for status in TrialStatus},
        "feasible": feasible,
        "bounded": bool(objective.constraints),
        "best": best,
        "goals": objective.metrics,
        "admitted": best is not None and objective.admits(best),
        "front": front,
        "drawn": view.space.draw(best.architecture) if best is not None and view.space is not None else None,
        "proposals": proposals,
        "evaluations": evaluations,
        "command": run_command(config) if config is not None else None,
        "resume": resume_command(view.where) if resumable and Path(view.where).is_dir() else None,
    }


def _best(view: View) -> Trial | None:
    """The best feasible trial, by the first goal where there are several; else the one that comes nearest."""
    objective, history = view.objective, view.history
    if not history.completed:
        return None
    front = objective.front(history) if len(objective.goals) > 1 else []
    return front[0] if front else objective.best(history)[0]


def _table(request: Request, view: View, base: str) -> dict[str, Any]:
    query = {name: request.query_params.get(name, "").strip() for name in FILTERS}
    metrics = metrics_of(view)
    columns = columns_of(metrics)
    everything = rows_of(view)
    words = query["q"].lower().split()
    state = query["state"] if query["state"] in STATES else ""
    found = [row for row in everything if (not state or row.is_in(state)) and (not words or row.mentions(words))]
    order = query["sort"] or NEWEST
    paging = Paging.of(query["page"], len(found), SIZE)
    kept = {name: value for name, value in query.items() if value}
    return {
        "rows": ordered(found, columns, order)[paging.rows],
        "metrics": metrics,
        "headings": headings(columns, order, base, query),
        "paging": paging,
        "before": page_url(base, query, paging.page - 1) if paging.page > 1 else None,
        "after": page_url(base, query, paging.page + 1) if paging.page < paging.pages else None,
        "total": len(everything),
        "states": [one for one in STATES if view.objective.constraints or "feasible" not in one],
        "query": query,
        "part": f"{base}?{urlencode({**kept, 'part': 'trials'})}",
    }
