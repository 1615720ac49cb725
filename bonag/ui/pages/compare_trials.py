"""Two trials beside each other, of one run or of two: their drawings, what differs, and what that did."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.plots.pareto import better_sign
from bonag.ui.site import Site
from bonag.ui.source import View
from bonag.ui.trials.fronts import with_costs
from loops.history import Trial
from search_spaces.drawing.difference import mark_differences
from search_spaces.drawing.svg import Markup


@dataclass(frozen=True)
class Side:
    """A trial as it is shown. trial: with its counted costs."""

    view: View
    trial: Trial
    drawn: str | None

    @property
    def path(self) -> str:
        """The address of its page."""
        return f"{self.view.path}/trials/{self.trial.index}"


@dataclass(frozen=True)
class Change:
    """A metric of both. step: by how much it is larger on the second side; better: whether that is wanted."""

    metric: str
    values: tuple[float | None, float | None]
    step: float | None
    better: bool | None


def routes(site: Site) -> list[BaseRoute]:
    """``/compare/trials?trial=KEY:INDEX&trial=KEY:INDEX``, or ``?run=KEY&trial=INDEX&trial=INDEX``."""

    def page(request: Request) -> Response:
        run = request.query_params.get("run", "")
        asked = [text if ":" in text else f"{run}:{text}" for text in request.query_params.getlist("trial")]
        sides = [_find(site, text) for text in asked[:2]]
        if len(sides) == 2:
            sides = _marked(*sides)
        return site.page(
            request,
            "compare_trials.html",
            sides=sides,
            changed=_parameters(*sides) if len(sides) == 2 else [],
            changes=_changes(*sides) if len(sides) == 2 else [],
            left_out=max(0, len(asked) - 2),
        )

    return [Route("/compare/trials", page)]


def _find(site: Site, text: str) -> Side:
    """Raises UnknownKeyError, or HTTPException where the run has no such trial."""
    key, _, number = text.rpartition(":")
    view = site.views.get(key)
    trial = next((one for one in with_costs(view) if str(one.index) == number), None)
    if trial is None:
        raise HTTPException(404)
    return Side(view, trial, view.draw(trial.architecture))


def _alike(one: Side, other: Side) -> bool:
    """Whether both are of one space, so that it can be said what differs."""
    spaces = one.view.space, other.view.space
    return None not in spaces and spaces[0].name == spaces[1].name  # type: ignore[union-attr]


def _marked(one: Side, other: Side) -> list[Side]:
    if not _alike(one, other) or one.drawn is None or other.drawn is None:
        return [one, other]
    drawn = mark_differences(Markup(one.drawn), Markup(other.drawn))
    return [Side(side.view, side.trial, text) for side, text in zip((one, other), drawn, strict=True)]


def _parameters(one: Side, other: Side) -> list[tuple[str, str, str]]:
    """The space's parameters that differ: name, and both values."""
    if not _alike(one, other) or one.view.space is None:
        return []
    mine, theirs = (one.view.space.to_parameters(side.trial.architecture) for side in (one, other))
    names = dict.fromkeys([*mine, *theirs])
    rows = [(name, str(mine.get(name, "–")), str(theirs.get(name, "–"))) for name in names]
    return [row for row in rows if row[1] != row[2]]


def _changes(one: Side, other: Side) -> list[Change]:
    objective = one.view.objective
    names = [*objective.metrics, *sorted(one.trial.metrics.keys() & other.trial.metrics.keys())]
    found = []
    for name in dict.fromkeys(names):
        before, after = one.trial.metrics.get(name), other.trial.metrics.get(name)
        step = None if before is None or after is None else after - before
        sign = better_sign(name, objective)
        found.append(Change(name, (before, after), step, None if not step or sign is None else step * sign > 0))
    return found
