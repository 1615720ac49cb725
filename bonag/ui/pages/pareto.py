"""Any two metrics of a run against each other, and the front of them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.plots.pareto import better_sign, pareto
from bonag.ui.figures import Figure, draw
from bonag.ui.site import Site
from bonag.ui.source import View
from bonag.ui.trials import fronts
from bonag.ui.trials.fronts import COUNTED, with_costs
from bonag.ui.trials.standing import rows, state
from loops.history import History, Trial

# Rows of the front that the page shows; all are in the file.
MOST = 100


@dataclass(frozen=True)
class Asked:
    """What an address asks for: a run with its counted costs, and two metrics; one that there is none of is taken for
    the default."""

    view: View
    history: History
    names: list[str]
    x: str
    y: str

    @classmethod
    def of(cls, site: Site, request: Request) -> Asked:
        """What this address asks for."""
        view = site.view(request)
        names = fronts.metrics(with_costs(view), view.objective)
        x, y = fronts.default(names, view.objective)
        given_x, given_y = (request.query_params.get(name, "") for name in ("x", "y"))
        return cls(
            view, with_costs(view), names, given_x if given_x in names else x, given_y if given_y in names else y
        )

    @property
    def base(self) -> str:
        """The page's address, without a query."""
        return f"{self.view.path}/pareto"

    @property
    def query(self) -> str:
        """The metrics, as a query."""
        return urlencode({"x": self.x, "y": self.y})

    @property
    def figure(self) -> Figure:
        """The trials by these metrics."""
        return draw(pareto, self.history, self.view.objective, self.x, self.y, self.view.units)

    @property
    def front(self) -> list[Trial]:
        """The best by these metrics."""
        return fronts.front(self.history, self.view.objective, self.x, self.y)

    def first(self, names: tuple[str, ...] | list[str]) -> list[str]:
        """These metrics before others."""
        return list(dict.fromkeys((self.y, self.x, *names)))


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}/pareto?x=&y=``, its figure, its table as CSV, and the card of a trial."""

    def page(request: Request) -> Response:
        asked = Asked.of(site, request)
        front, view = asked.front, asked.view
        return site.run_page(
            request,
            "pareto.html",
            tab="Pareto",
            asked=asked,
            untold=[name for name in dict.fromkeys((asked.x, asked.y)) if better_sign(name, view.objective) is None],
            front=front[:MOST],
            total=len(front),
            shown=asked.first(view.objective.metrics),
            thumbnails=[view.draw(trial.architecture, small=True) for trial in front[:MOST]] if view.space else [],
            summary_text=asked.figure.summary,
        )

    def figure(request: Request) -> Response:
        return Asked.of(site, request).figure.response()

    def front_csv(request: Request) -> Response:
        asked = Asked.of(site, request)
        name = quote(f"{asked.view.summary.name}-front.csv", safe="")
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
        text = fronts.table(asked.front, asked.first(asked.names))
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def card(request: Request) -> Response:
        asked = Asked.of(site, request)
        trial = next((one for one in asked.history if one.index == request.path_params["n"]), None)
        if trial is None:
            raise HTTPException(404)
        view = asked.view
        known = {*view.objective.metrics, asked.x, asked.y, *COUNTED}
        return site.page(
            request,
            "pareto_point.html",
            trial=trial,
            state=state(trial, view.objective),
            rows=[row for row in rows(asked.history, view.objective, trial) if row.metric in known],
            drawn=view.draw(trial.architecture),
            address=f"{view.path}/trials/{trial.index}",
            units=view.units,
        )

    path = "/runs/{key}/pareto"
    return [
        Route(path, page),
        Route(f"{path}/figure", figure),
        Route(f"{path}/front.csv", front_csv),
        Route(f"{path}/trials/{{n:number}}", card),
    ]
