"""All experiments of the folder or database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.ui.ordering import Column, headings, sort_rows
from bonag.ui.site import Site
from bonag.ui.source import Summary

FILTERS = ("state", "space", "strategy")
NEWEST = "-started"


def duration(summary: Summary) -> float | None:
    """Seconds from the start to the last trial's end, or to now while it runs."""
    if summary.started is None:
        return None
    end = time.time() if summary.state == "running" else summary.ended
    return None if end is None else max(0.0, end - summary.started)


def _text(value: str | None) -> str | None:
    return value.lower() if value else None


COLUMNS: Sequence[Column[Summary]] = (
    Column("name", "Run", lambda one: one.name.lower()),
    Column("state", "State", lambda one: one.state),
    Column("space", "Space and task", lambda one: (one.space.lower(), _text(one.task) or "") if one.space else None),
    Column("strategy", "Strategy", lambda one: _text(one.strategy)),
    Column("objective", "Objective", lambda one: _text(one.objective)),
    # Fronts have no single value by which they could stand among others.
    Column("best", "Best", lambda one: None if one.gain.front is not None else one.gain.best, numeric=True),
    Column("trials", "Trials", lambda one: one.trials, numeric=True),
    Column("started", "Started", lambda one: one.started, numeric=True),
    Column("duration", "Duration", duration, numeric=True),
)


def routes(site: Site) -> list[BaseRoute]:
    """``/?q=&state=&space=&strategy=&sort=``."""

    def runs(request: Request) -> Response:
        query = {name: request.query_params.get(name, "").strip() for name in ("q", *FILTERS, "sort")}
        order = query["sort"] or NEWEST
        found = site.source.summaries()
        choices = {name: sorted({value for one in found if (value := getattr(one, name))}) for name in FILTERS}
        shown = sort_rows((one for one in found if _matches(one, query)), COLUMNS, order)
        return site.page(
            request,
            "runs.html",
            runs=[(one, duration(one)) for one in shown],
            total=len(found),
            headings=headings(COLUMNS, order, "/", query),
            choices=choices,
            query=query,
            part="/?" + urlencode({name: value for name, value in query.items() if value}),
        )

    return [Route("/", runs)]


def _matches(one: Summary, query: dict[str, str]) -> bool:
    if any(query[name] and getattr(one, name) != query[name] for name in FILTERS):
        return False
    text = " ".join(
        str(part) for part in (one.name, one.space, one.task, one.strategy, one.objective, one.state)
    ).lower()
    return all(word in text for word in query["q"].lower().split())
