"""`bonag plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bonag.cli.completing import run_names


def plot(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="Folders of runs, or their names in results/.", autocompletion=run_names),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: .pdf, .png or .svg.")],
    what: Annotated[
        str | None,
        typer.Option(
            help="progress, regret, pareto or seconds.",
            show_default="progress of one run, regret of several, pareto where there are several objectives",
        ),
    ] = None,
    x: Annotated[
        str | None, typer.Option("--x", help="For pareto: metric of the x axis.", show_default="the second goal")
    ] = None,
    y: Annotated[
        str | None, typer.Option("--y", help="For pareto: metric of the y axis.", show_default="the first goal")
    ] = None,
    best: Annotated[
        float | None,
        typer.Option(help="For regret: the best value that is possible.", show_default="the best that the runs found"),
    ] = None,
    width: Annotated[float, typer.Option(min=1.0, max=40.0, help="Width in inches.")] = 3.5,
    height: Annotated[
        float | None, typer.Option(min=1.0, max=40.0, help="Height in inches.", show_default="in proportion")
    ] = None,
) -> None:
    """Draw a figure for a paper; of several runs their medians and quartiles by strategy.

    bonag plot first -o figure.pdf
    bonag plot bonag-0 bonag-1 random-0 random-1 -o regret.svg --what regret
    """
    from bonag.api.searching import load
    from bonag.plots.static import write

    results = [load(run) for run in runs]
    drawn = [(result.config.strategy, result.history, result.objective) for result in results]
    settings = [(result.config.space, result.config.evaluator, result.config.task) for result in results]
    if len(set(settings)) > 1:
        from search_spaces.errors import UserError

        raise UserError(f"the runs measure different things: {_setting(settings[0])}, and {_other(settings)}")
    kind = write(drawn, output, what, width, height=height, best=best, x=x, y=y)
    trials = sum(len(result.history) for result in results)
    print(f"wrote the {kind} of {len(results)} run{'s'[: len(results) > 1]} ({trials:,} trials) to {output}")


def _setting(setting: tuple[str | None, ...]) -> str:
    return " ".join(part for part in setting if part)


def _other(settings: list[tuple[str, str, str | None]]) -> str:
    return next(_setting(setting) for setting in settings if setting != settings[0])
