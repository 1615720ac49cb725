"""What guidance makes of the generator's samples, and what the run's own proposals were worth."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bonag.plots.guidance import guidance as guidance_plot
from bonag.plots.measured import column
from bonag.plots.origins import origins
from bonag.plots.plot import Plot
from bonag.ui.figures import versioned
from bonag.ui.insight.growing import Growing, Shown, Version
from bonag.ui.insight.guidance import Guidance, guidance
from bonag.ui.insight.versions import read_version, written_version
from bonag.ui.insight.wording import amount, share
from bonag.ui.site import Site
from bonag.ui.view import View
from loops.history import History

TAB = "Generator"
LEAST_TRIALS = 5
CAPTIONS = {
    "spread": "{metric}: boxes from the first to the third quartile with the median, whiskers from 5 % to 95 %.",
    "own": "{metric} of each trial, by the step of the strategy that proposed it.",
}


@dataclass(frozen=True)
class Row:
    """One row of the table of numbers, as it is shown."""

    step: int
    kind: str
    count: int
    medians: tuple[str, ...]
    better: str
    known: str
    diversity: str
    valid: str
    seconds: float


def routes(site: Site) -> list[BaseRoute]:
    """``/runs/{key}/generator``, its live part ``.../part``, and ``.../figures/NAME?metric=&version=``."""
    growing = Growing(site.jobs)

    def context(request: Request) -> dict[str, Any]:
        view = site.views.get(request.path_params["key"])
        reason = why_nothing(view)
        common = {"view": view, "path": _path(view), "reason": reason, "own": _own(view), "captions": CAPTIONS}
        if reason is not None:
            return common
        args = (view.space, view.objective, view.config, History(view.history.completed))
        shown = growing.ask(_place(view), version_of(view), guidance, *args)
        return common | {
            "shown": shown,
            "words": words(view, shown.result),
            "rows": rows(view, shown.result),
            "goals": [goal.metric for goal in view.objective.goals],
            "summaries": _summaries(view, shown),
            "figure_url": partial(_figure_url, view),
        }

    def page(request: Request) -> Response:
        return site.run_page(request, "generator.html", tab=TAB, **_without_view(context(request)))

    def part(request: Request) -> Response:
        return site.page(request, "generator_part.html", **context(request))

    def again(request: Request) -> Response:
        view = site.views.get(request.path_params["key"])
        growing.again(_place(view))
        return RedirectResponse(_path(view), status_code=303)

    def figure(request: Request) -> Response:
        view = site.views.get(request.path_params["key"])
        metric, name = request.query_params.get("metric", ""), request.path_params["name"]
        if metric not in view.objective.metrics:
            raise HTTPException(404)
        if name == "origins":
            return versioned(origins(view.history, metric))
        result = growing.result(_place(view), read_version(request.query_params.get("version", "")))
        if name != "guidance" or result is None:
            raise HTTPException(404)
        return versioned(drawn(result, metric))

    path = "/runs/{key}/generator"
    return [
        Route(path, page),
        Route(f"{path}/part", part),
        Route(f"{path}/again", again, methods=["POST"]),
        Route(f"{path}/figures/{{name}}", figure),
    ]


def why_nothing(view: View) -> str | None:
    """Why there is nothing to compute, or None."""
    if view.space is None:
        return (
            "A generator makes graphs of a bonag search space, and this experiment has parameters only: there is no "
            "generator for it."
        )
    count = len(view.history.completed)
    if count < LEAST_TRIALS:
        return (
            f"{count} {'trial has' if count == 1 else 'trials have'} completed so far. From {LEAST_TRIALS} on, "
            "what guidance by them makes of the generator's samples is shown here."
        )
    return None


def version_of(view: View) -> Version:
    """For which trials the page is."""
    values = np.stack([column(view.history.completed, metric) for metric in view.objective.metrics])
    indices = np.array([trial.index for trial in view.history.completed])
    return len(view.history.completed), zlib.crc32(values.tobytes() + indices.tobytes())


def drawn(result: Guidance, metric: str) -> Plot:
    """The distributions of one metric, step by step."""
    return guidance_plot(result.values[["step", "kind", metric]].rename(columns={metric: "value"}), metric)


def _without_view(context: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in context.items() if name != "view"}


def _place(view: View) -> tuple[str, ...]:
    config = view.config
    decides = (config.strategy, config.acquisition, config.predictor, str(config.seed)) if config else ()
    return (view.summary.key, TAB, *decides)


def _path(view: View) -> str:
    return f"/runs/{quote(view.summary.key, safe='')}/generator"


def _figure_url(view: View, name: str, metric: str, version: Version) -> str:
    query = urlencode({"metric": metric, "version": written_version(version)})
    return f"{_path(view)}/figures/{name}?{query}"


def _own(view: View) -> list[tuple[str, str, str]]:
    """Of each goal: its name, the address of the figure of the run's own proposals, and what that shows."""
    return [
        (
            goal.metric,
            _figure_url(view, "origins", goal.metric, version_of(view)),
            origins(view.history, goal.metric).summary,
        )
        for goal in view.objective.goals
    ]


def words(view: View, result: Guidance | None) -> list[str]:
    """What is shown, in a few sentences."""
    config = view.config
    said = []
    if config is not None and config.strategy == "bonag":
        said.append(
            "Unguided samples of the generator, and what the strategy's acquisition function makes of them: fitted on "
            "the trials that were known at each step, with the random numbers of the proposal that followed."
        )
    else:
        name = f"Strategy {config.strategy}" if config else "What made this experiment"
        said.append(
            f"{name} guides no generator, so its proposals between the steps are shown beside unguided samples of the "
            "space's generator."
        )
    if result is None:
        return said
    told = dict(zip(result.metrics, result.sources, strict=True))
    sentences = {
        "measured": "Shown is {} as the run's evaluator has it.",
        "predicted": "Shown is {} as predicted from all trials, because the run's evaluator is not at hand or slow.",
    }
    for kind, sentence in sentences.items():
        names = [goal.metric for goal in view.objective.goals if told[goal.metric] == kind]
        if names:
            said.append(sentence.format(" and ".join(names)))
    if result.problem:
        said.append(f"There are no samples of a generator: {result.problem}.")
    return said


def rows(view: View, result: Guidance | None) -> list[Row]:
    """The numbers of all samples."""
    if result is None:
        return []
    goals = [goal.metric for goal in view.objective.goals]
    values = {goal: column(view.history.completed, goal) for goal in goals}
    return [
        Row(
            one.step,
            one.kind,
            one.count,
            tuple(amount(median, goal, values[goal]) for goal, median in zip(goals, one.medians, strict=False)),
            share(one.better),
            share(one.known),
            "–" if np.isnan(one.diversity) else f"{one.diversity:.2f}",
            share(one.valid),
            one.seconds,
        )
        for one in result.rows
    ]


def _summaries(view: View, shown: Shown) -> dict[str, str]:
    if shown.result is None:
        return {}
    return {goal.metric: drawn(shown.result, goal.metric).summary for goal in view.objective.goals}
