"""Any two metrics of a run against each other, and the front of them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode
from weakref import WeakKeyDictionary

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.plots.architecture import drawing
from bonag.plots.pareto import pareto as pareto_plot
from bonag.plots.pareto import wanted
from bonag.plots.plot import Plot
from bonag.ui.addresses import number
from bonag.ui.figures import figure_json
from bonag.ui.site import Site
from bonag.ui.trials import axes
from bonag.ui.trials.costs import counted
from bonag.ui.trials.standing import rows, state
from bonag.ui.view import View
from loops.history import History
from loops.objective import Objective
from search_spaces.space import COUNTED

# Rows of the front that the page shows; all are in the file.
MOST = 100
# Figures of a run that are remembered.
FIGURES = 4
_plots: WeakKeyDictionary[View, dict[tuple[str, str], Plot]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Asked:
    """What an address asks for: a run with its counted costs, and two metrics."""

    view: View
    history: History
    names: list[str]
    x: str
    y: str

    @property
    def objective(self) -> Objective:
        """The run's objective."""
        return self.view.objective

    @property
    def base(self) -> str:
        """The page's address, without a query."""
        return f"/runs/{quote(self.view.summary.key, safe='')}/pareto"

    @property
    def query(self) -> str:
        """The metrics, as a query."""
        return urlencode({"x": self.x, "y": self.y})


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}/pareto?x=&y=``, its figure, its table as CSV, and the card of a trial."""

    def page(request: Request) -> Response:
        asked = _asked(site, request)
        front = axes.front(asked.history, asked.objective, asked.x, asked.y)
        space = asked.view.space
        untold = [name for name in dict.fromkeys((asked.x, asked.y)) if wanted(name, asked.objective) is None]
        return site.run_page(
            request,
            "pareto.html",
            tab="Pareto",
            asked=asked,
            untold=untold,
            front=front[:MOST],
            total=len(front),
            shown=list(dict.fromkeys((asked.y, asked.x, *asked.objective.metrics))),
            thumbnails=[drawing(space, trial.architecture, small=True) for trial in front[:MOST]] if space else [],
            summary_text=_plot(asked).summary,
        )

    def figure(request: Request) -> Response:
        asked = _asked(site, request)
        return Response(figure_json(_plot(asked)), media_type="application/json")

    def front_csv(request: Request) -> Response:
        asked = _asked(site, request)
        front = axes.front(asked.history, asked.objective, asked.x, asked.y)
        name = quote(f"{asked.view.summary.name}-front.csv", safe="")
        return Response(
            axes.table(front, list(dict.fromkeys((asked.y, asked.x, *asked.names)))),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"},
        )

    def card(request: Request) -> Response:
        asked = _asked(site, request)
        trial = next((one for one in asked.history if one.index == request.path_params["n"]), None)
        if trial is None:
            raise HTTPException(404)
        space = asked.view.space
        told = {*asked.objective.metrics, asked.x, asked.y, *COUNTED}
        return site.page(
            request,
            "pareto_point.html",
            trial=trial,
            state=state(trial, asked.objective),
            rows=[row for row in rows(asked.history, asked.objective, trial) if row.metric in told],
            drawn=drawing(space, trial.architecture) if space else None,
            address=f"/runs/{quote(asked.view.summary.key, safe='')}/trials/{trial.index}",
        )

    path = "/runs/{key}/pareto"
    return [
        Route(path, page),
        Route(f"{path}/figure", figure),
        Route(f"{path}/front.csv", front_csv),
        Route(f"{path}/trials/{number('n')}", card),
    ]


def _plot(asked: Asked) -> Plot:
    """The figure, made once for the page, which needs its summary, and for the figure's own address."""
    made = _plots.setdefault(asked.view, {})
    both = (asked.x, asked.y)
    if both not in made:
        if len(made) >= FIGURES:
            made.clear()
        made[both] = pareto_plot(asked.history, asked.objective, *both)
    return made[both]


def _asked(site: Site, request: Request) -> Asked:
    """What the address asks for; a metric that there is none of is taken for the default."""
    view = site.views.get(request.path_params["key"])
    history = counted(view)
    names = axes.metrics(history, view.objective)
    x, y = axes.default(names, view.objective)
    given_x, given_y = (request.query_params.get(name, "") for name in ("x", "y"))
    return Asked(view, history, names, given_x if given_x in names else x, given_y if given_y in names else y)
