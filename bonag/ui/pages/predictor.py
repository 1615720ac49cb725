"""What the predictor of a run knows: predictions of trials that it has not seen, and what decides them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bonag.plots import beliefs
from bonag.plots.plot import Plot
from bonag.ui.figures import versioned
from bonag.ui.insight.growing import Growing, Shown, Version
from bonag.ui.insight.importance import MOST_PREDICTIONS, Influence, influence
from bonag.ui.insight.quality import quality
from bonag.ui.insight.trials import Measured, measured
from bonag.ui.insight.validation import FIRST_AHEAD, LEAST_TRIALS, NUMBER_OF_FOLDS, HeldOut, held_out
from bonag.ui.insight.versions import read_version, written_version
from bonag.ui.insight.wording import BLOCKS, numbers
from bonag.ui.site import Site
from bonag.ui.view import View

TAB = "Predictor"
# The strategies that decide by the predictors that are shown here.
OWN = ("bonag", "mutation-bo")
NAMES = {"gp": "Gaussian process", "ensemble": "ensemble of graph networks", "mixture": "mixture of both"}


@dataclass(frozen=True)
class Asked:
    """What the page is about. reason: why there is nothing to compute, or None; then ``data`` is there."""

    view: View
    metric: str
    predictor: str
    seed: int
    data: Measured | None
    reason: str | None

    def place(self, work: str) -> tuple[str, ...]:
        """What some work of this page is, whatever the number of trials."""
        return (self.view.summary.key, TAB, work, self.metric, self.predictor, str(self.seed))

    @property
    def version(self) -> Version:
        """For which trials it is."""
        assert self.data is not None
        return len(self.data), zlib.crc32(self.data.values.tobytes() + self.data.codes.tobytes())


def asked(view: View, metric: str | None) -> Asked:
    """The request of a metric of the run, by default its first; raises HTTPException for one that it has not."""
    metrics = view.objective.metrics
    metric = metric or metrics[0]
    if metric not in metrics:
        raise HTTPException(404)
    own = view.config is not None and view.config.strategy.partition(":")[0] in OWN
    predictor = view.config.predictor if own and view.config else "gp"
    seed = view.config.seed if view.config else 0
    if view.space is None:
        reason = (
            "The predictor reads the graphs of a bonag search space, and this experiment has parameters only. "
            "Its own models are on the page of analyses."
        )
        return Asked(view, metric, predictor, seed, None, reason)
    data = measured(view.space, view.objective, view.history, metric)
    short = None
    if len(data) < LEAST_TRIALS:
        short = (
            f"{len(data)} completed {'trial has' if len(data) == 1 else 'trials have'} a value of {metric} so far. "
            f"From {LEAST_TRIALS} on, this page holds each of them out and predicts it."
        )
    return Asked(view, metric, predictor, seed, data, short)


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}/predictor?metric=``, its live part ``.../part``, and ``.../figures/NAME?metric=&version=``."""
    growing = Growing(site.jobs)

    def context(request: Request) -> dict[str, Any]:
        view = site.views.get(request.path_params["key"])
        this = asked(view, request.query_params.get("metric"))
        if this.reason is not None:
            return {"asked": this, "path": _path(view), "words": words(this)}
        data = this.data
        crossed = growing.ask(this.place("held out"), this.version, held_out, data, this.predictor, this.seed)
        found = growing.ask(this.place("influence"), this.version, influence, data, this.predictor, this.seed)
        return {
            "asked": this,
            "path": _path(view),
            "words": words(this),
            "crossed": crossed,
            "influence": found,
            "quality": _qualities(this, crossed),
            "kernel": _kernel(found),
            "summaries": _summaries(this, crossed, found),
            "figure_url": partial(_figure_url, this),
            "folds": NUMBER_OF_FOLDS,
            "first_ahead": FIRST_AHEAD,
            "most_predictions": MOST_PREDICTIONS,
        }

    def page(request: Request) -> Response:
        return site.run_page(request, "predictor.html", tab=TAB, **context(request))

    def part(request: Request) -> Response:
        return site.page(request, "predictor_part.html", **context(request))

    def again(request: Request) -> Response:
        view = site.views.get(request.path_params["key"])
        this = asked(view, request.query_params.get("metric"))
        for work in ("held out", "influence"):
            growing.again(this.place(work))
        return RedirectResponse(f"{_path(view)}?{urlencode({'metric': this.metric})}", status_code=303)

    def figure(request: Request) -> Response:
        this = asked(site.views.get(request.path_params["key"]), request.query_params.get("metric"))
        name = request.path_params["name"]
        work = "influence" if name in ("importance", "effects") else "held out"
        result = growing.result(this.place(work), read_version(request.query_params.get("version", "")))
        plot = None if result is None else drawn(name, result, this.metric)
        if plot is None:
            raise HTTPException(404)
        return versioned(plot)

    path = "/runs/{key}/predictor"
    return [
        Route(path, page),
        Route(f"{path}/part", part),
        Route(f"{path}/again", again, methods=["POST"]),
        Route(f"{path}/figures/{{name}}", figure),
    ]


def drawn(name: str, result: HeldOut | Influence, metric: str) -> Plot | None:
    """One of the page's figures, or None where there is none of that name."""
    if isinstance(result, Influence):
        if name == "importance":
            return beliefs.importance(result.importance)
        return beliefs.effects(result.effects, metric) if name == "effects" else None
    if result.crossed is None or result.ahead is None:
        return None
    if name == "predicted":
        return beliefs.predicted_against_measured(result.crossed, metric)
    if name == "ahead":
        return beliefs.predicted_against_measured(result.ahead, metric)
    return beliefs.calibration(result.crossed) if name == "calibration" else None


def _path(view: View) -> str:
    return f"/runs/{quote(view.summary.key, safe='')}/predictor"


def _figure_url(this: Asked, name: str, version: Version) -> str:
    query = urlencode({"metric": this.metric, "version": written_version(version)})
    return f"{_path(this.view)}/figures/{name}?{query}"


def words(this: Asked) -> str:
    """Which predictor it is, in a sentence."""
    config = this.view.config
    name = NAMES.get(this.predictor, this.predictor)
    if config is not None and config.strategy.partition(":")[0] not in OWN:
        return (
            f"Strategy {config.strategy} does not use bonag's predictors; this is what the default one ({name}) makes "
            "of its trials."
        )
    if config is None:
        return f"This is what bonag's default predictor ({name}) makes of the trials."
    return f"The predictor that the run decides by: {name}, fitted as the strategy fits it."


def _qualities(this: Asked, crossed: Shown) -> dict[str, Any]:
    result: HeldOut | None = crossed.result
    if result is None or result.crossed is None or result.ahead is None:
        return {}
    assert this.data is not None
    return {
        name: numbers(quality(frame), this.metric, this.data.values)
        for name, frame in (("crossed", result.crossed), ("ahead", result.ahead))
    }


def _kernel(found: Shown) -> list[tuple[str, ...]]:
    """Rows: block, what it is, the shares of its two terms."""
    result: Influence | None = found.result
    if result is None or result.kernel is None:
        return []
    table = result.kernel.pivot(index="block", columns="kind", values="share")
    return [
        (str(block), BLOCKS.get(str(block), ""), *(f"{100 * row[kind]:.1f} %" for kind in ("additive", "interactions")))
        for block, row in table.iterrows()
    ]


def _summaries(this: Asked, crossed: Shown, found: Shown) -> dict[str, str]:
    """What each figure shows, in a sentence."""
    names = {"predicted": crossed, "calibration": crossed, "ahead": crossed, "importance": found, "effects": found}
    plots = {name: drawn(name, shown.result, this.metric) for name, shown in names.items() if shown.result is not None}
    return {name: plot.summary for name, plot in plots.items() if plot is not None}
