"""`bonag bench search` and `bonag bench workers`: strategies against each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bonag.cli.options import takes_options

if TYPE_CHECKING:
    from bonag.bench.search_contest import Contest

DEFAULT = "bonag,random,evolution,local-search"
MOST_WORKERS = 256


@takes_options(
    "space", "evaluator", "task", "objective", "constraints", "acquisition", "predictor", "generator", "budget", "data",
    "transfer", evaluator="the space's first that has the task", budget="100",
)  # fmt: skip
def search(
    *,
    strategies: Annotated[str | None, typer.Option(help="Names with commas between.", show_default=DEFAULT)] = None,
    reference: Annotated[
        str | None, typer.Option(help="Strategy that the others are tested against.", show_default="the first")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Runs of every strategy, with the seeds 0, 1, ...", show_default="10")
    ] = None,
    best_known: Annotated[
        float | None,
        typer.Option(
            help="Best value there is, where the space cannot be enumerated.", show_default="the best of these runs"
        ),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(help="Searches of others to draw beside: CSV of run, evaluations, best.", show_default="none"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Runs at a time; each has one thread.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the runs in the folder; strategies, seeds and trials may be added.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder of trials.parquet, table.csv and figure.svg.",
            show_default="results/search/SPACE-TASK",
        ),
    ] = None,
    **options: object,
) -> int:
    """Run strategies on the same objective with paired seeds, and compare how fast they find the best.

    Every run is written when it ends. Ctrl-C, or worse, loses what runs at the time; --resume goes on. In --transfer,
    {seed} is the seed of each run; strategy bonag:alone is bonag without sources.

        bonag bench search --space nb201 --evaluator table --strategies bonag,random --seeds 10
    """
    from bonag.bench.published import read_published
    from bonag.bench.search import compete
    from bonag.bench.search_contest import make_contest
    from bonag.bench.search_store import read_plan
    from bonag.bench.search_text import table_text
    from loops.metric_units import duration

    contest = make_contest(options)
    others = [] if published is None else read_published(published)
    folder = output or _folder("search", contest)
    before = read_plan(folder) if resume else None
    names = _new_strategies(strategies, reference, () if before is None else before.strategies)
    if before is not None:
        # What is not said stays as it is.
        contest = contest if options["budget"] else replace(contest, budget=before.contest.budget)
        seeds = seeds or before.seeds

    def say(line: str, left: float | None) -> None:
        typer.echo(line if left is None else f"{line}; {duration(left)} left", err=True)

    try:
        table = compete(
            folder, contest, names, seeds or 10, workers=workers, resume=resume, reference=reference,
            best_known=best_known, published=others, say=say,
        )  # fmt: skip
    except KeyboardInterrupt:
        return _stopped(folder)
    return _tell(contest, table_text(table))


@takes_options(
    "space", "evaluator", "task", "objective", "acquisition", "predictor", "generator", "budget", "data",
    evaluator="the space's first that has the task", budget="300",
)  # fmt: skip
def workers(
    *,
    strategies: Annotated[str, typer.Option(help="Names with commas between.")] = "bonag,random",
    workers: Annotated[
        str, typer.Option(help="Numbers of workers, 1 to 256, with commas between; 1 is always among them.")
    ] = "1,8,64",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each, with the seeds 0, 1, ...")] = 30,
    rank: Annotated[int, typer.Option(min=1, help="End a run at an architecture as good as this one of all.")] = 1,
    best_known: Annotated[
        float | None,
        typer.Option(help="End a run at this value, where the space cannot be enumerated.", show_default="none"),
    ] = None,
    proposal_time: Annotated[
        float, typer.Option(min=0, help="What a proposal takes, as a share of an evaluation's median.")
    ] = 0.0,
    processes: Annotated[int, typer.Option(min=1, help="Runs at a time; each has one thread.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the runs in the folder; seeds, workers, strategies may be added.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder of runs.csv, table.csv, table.md and figure.svg.",
            show_default="results/workers/SPACE-TASK",
        ),
    ] = None,
    **options: object,
) -> int:
    """Measure how much sooner many workers find the best, with evaluations of log-normal length on a virtual clock.

    Every run is written when it ends. Ctrl-C, or worse, loses what runs at the time; --resume goes on.

        bonag bench workers --space nb201 --workers 1,8 --seeds 10
    """
    from bonag.bench.search_contest import make_contest
    from bonag.bench.workers import measure
    from bonag.bench.workers_table import table_text

    numbers = _numbers(workers)
    contest = make_contest(options | {"budget": options["budget"] or 300})
    folder = output or _folder("workers", contest)
    names = _new_strategies(strategies)
    try:
        table = measure(
            folder, contest, names, numbers, seeds, processes=processes, resume=resume, rank=rank,
            best_known=best_known, proposal_time=proposal_time, say=lambda line: typer.echo(line, err=True),
        )  # fmt: skip
    except KeyboardInterrupt:
        return _stopped(folder)
    return _tell(contest, table_text(table))


def names_in(text: str) -> tuple[str, ...]:
    """The names between commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",")))


def _new_strategies(text: str | None, reference: str | None = None, before: Sequence[str] = ()) -> tuple[str, ...]:
    """The strategies that are named, by default those of ``DEFAULT`` where none took part before; raises UserError."""
    from bonag.roles import STRATEGIES
    from search_spaces.errors import UserError
    from search_spaces.near_miss import suggestion

    names = () if text is None and before else names_in(text or DEFAULT)
    for name in names:
        if name not in STRATEGIES.names():
            STRATEGIES.find(name)
    among = (*before, *names)
    if reference is not None and reference not in among:
        raise UserError(f"reference '{reference}' does not take part: {suggestion(reference, among)}")
    return names


def _numbers(text: str) -> tuple[int, ...]:
    """Numbers of workers; raises UserError."""
    from search_spaces.errors import UserError

    names = names_in(text)
    for name in names:
        if not name.isdecimal() or not 1 <= int(name) <= MOST_WORKERS:
            raise UserError(f"--workers must be numbers from 1 to {MOST_WORKERS} with commas between, got '{name}'")
    return tuple(int(name) for name in names)


def _folder(kind: str, contest: Contest) -> Path:
    return Path("results", kind, re.sub(r"[^\w.-]", "_", f"{contest.space}-{contest.task}"))


def _stopped(folder: Path) -> int:
    typer.echo(f"stopped; the runs that have ended are in {folder}, go on by --resume", err=True)
    return 130


def _tell(contest: Contest, table: str) -> int:
    typer.echo(f"{contest.title()}: {contest.make_evaluator().description}")
    typer.echo(table)
    return 0
