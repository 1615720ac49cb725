"""Two trials beside each other, of one run or of two: their drawings, what differs, and what that did."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bonag.ui.site import Site
from bonag.ui.source import View
from bonag.ui.trials.fronts import with_costs
from bonag.ui.trials.kin import metric_steps, parameter_changes
from loops.history import Trial
from search_spaces.drawing.difference import mark_differences


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


def routes(site: Site) -> list[BaseRoute]:
    """``/compare/trials?trial=KEY:INDEX&trial=KEY:INDEX``, or ``?run=KEY&trial=INDEX&trial=INDEX``."""

    def page(request: Request) -> Response:
        run = request.query_params.get("run", "")
        asked = [text if ":" in text else f"{run}:{text}" for text in request.query_params.getlist("trial")]
        sides = [_find(site, text) for text in asked[:2]]
        found = _difference(*sides) if len(sides) == 2 else {"sides": sides}
        return site.page(request, "compare_trials.html", left_out=max(0, len(asked) - 2), **found)

    return [Route("/compare/trials", page)]


def _find(site: Site, text: str) -> Side:
    """Raises UnknownKeyError, or HTTPException where the run has no such trial."""
    key, _, number = text.rpartition(":")
    view = site.views.get(key)
    trial = next((one for one in with_costs(view) if str(one.index) == number), None)
    if trial is None:
        raise HTTPException(404)
    return Side(view, trial, view.draw(trial.architecture))


def _difference(one: Side, other: Side) -> dict[str, object]:
    """Their drawings with marks, the parameters that differ where both are of one space, and their metrics."""
    names = [*one.view.objective.metrics, *sorted(one.trial.metrics.keys() & other.trial.metrics.keys())]
    steps = metric_steps(one.view.objective, dict.fromkeys(names), one.trial, other.trial)
    found: dict[str, object] = {"sides": [one, other], "changed": [], "steps": steps}
    space, second = one.view.space, other.view.space
    if space is None or second is None or space.name != second.name:
        return found
    drawn = mark_differences(space.draw(one.trial.architecture), second.draw(other.trial.architecture))
    sides = [replace(side, drawn=text) for side, text in zip((one, other), drawn, strict=True)]
    return found | {"sides": sides, "changed": parameter_changes(space, one.trial, other.trial)}
