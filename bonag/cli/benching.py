"""`bonag bench`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bonag.cli.options import takes_options
from bonag.cli.pages import Command, Group
from bonag.whole_file import check_writable, whole_file

MOST_WORKERS = 256

bench = typer.Typer(
    cls=Group,
    help="Measure strategies against each other, generators against their bars, and what bonag costs.",
    no_args_is_help=True,
)


@bench.command(cls=Command)
@takes_options(
    "space", "evaluator", "task", "objective", "constraints", "acquisition", "predictor", "generator", "budget", "data",
    "transfer", evaluator="the space's first that has the task", budget="100",
)  # fmt: skip
def search(
    *,
    strategies: Annotated[
        str | None, typer.Option(help="Names with commas between.", show_default="bonag,random,evolution,local-search")
    ] = None,
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
    from search_spaces.errors import UserError
    from search_spaces.near_miss import suggestion

    contest = make_contest(options)
    others = [] if published is None else read_published(published)
    folder = output or Path("results", "search", _folder_name(contest.space, contest.task))
    before = read_plan(folder) if resume else None
    if before is not None:
        # What is not said stays as it is.
        contest = contest if options["budget"] else replace(contest, budget=before.contest.budget)
        seeds = seeds or before.seeds
        names = () if strategies is None else _names(strategies)
    else:
        names = _names(strategies or "bonag,random,evolution,local-search")
    _check_strategies(names)
    among = names if before is None else (*before.strategies, *names)
    if reference is not None and reference not in among:
        raise UserError(f"reference '{reference}' does not take part: {suggestion(reference, among)}")

    def say(line: str, left: float | None) -> None:
        typer.echo(line if left is None else f"{line}; {duration(left)} left", err=True)

    try:
        table = compete(
            folder, contest, names, seeds or 10, workers=workers, resume=resume, reference=reference,
            best_known=best_known, published=others, say=say,
        )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(f"stopped; the runs that have ended are in {folder}, go on by --resume", err=True)
        return 130
    typer.echo(f"{contest.title()}: {contest.make_evaluator().description}")
    typer.echo(table_text(table))
    return 0


@bench.command(cls=Command)
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
    folder = output or Path("results", "workers", _folder_name(contest.space, contest.task))
    names = _names(strategies)
    _check_strategies(names)
    try:
        table = measure(
            folder, contest, names, numbers, seeds, processes=processes, resume=resume, rank=rank,
            best_known=best_known, proposal_time=proposal_time, say=lambda line: typer.echo(line, err=True),
        )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(f"stopped; the runs that have ended are in {folder}, go on by --resume", err=True)
        return 130
    typer.echo(f"{contest.title()}: {contest.make_evaluator().description}")
    typer.echo(table_text(table))
    return 0


@bench.command(cls=Command)
def overhead(
    repeats: Annotated[int, typer.Option(min=1, help="Repetitions behind each median.")] = 5,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the figures to this CSV file.", show_default="none")
    ] = None,
) -> None:
    """Measure start-up, a whole run with the surrogate, and proposals after 100, 1,000 and 2,000 trials.

    And after 100 trials while 7 more run, which is what a free one of eight workers waits for.

        bonag bench overhead --repeats 3
    """
    if output is not None:
        _check_folder(output)
        check_writable(output)
    from bonag.bench.overhead import measure

    figures = measure(repeats)
    if output is not None:
        with whole_file(output) as file:
            figures.to_csv(file, index=False)
    typer.echo(figures.to_string(index=False, float_format=lambda value: f"{value:.2f}"))


@bench.command(cls=Command)
def generator(
    spaces: Annotated[str, typer.Option(help="Search spaces, with commas between.")] = "nb201,mbv3",
    generators: Annotated[str, typer.Option(help="Families, with commas between.")] = "discrete,score",
    tables: Annotated[
        str,
        typer.Option(
            help="With commas between: sampling, training, validity, distribution, guided, conditions, novelty, "
            "candidates.",
            show_default="all",
        ),
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions behind each median, with the seeds 0, 1, ...")] = 5,
    train: Annotated[
        bool, typer.Option("--train", help="Time trainings anew, and train one with conditions per seed.")
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Generator of nb201 trained with the conditions accuracy and latency_<device>.", show_default="none"
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of benchmark tables.", show_default="$BONAG_DATA")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of generator.csv and generator.svg.")] = Path(
        "results"
    ),
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what generator.csv holds, and measure what it lacks.")
    ] = False,
) -> None:
    """Measure generators: speed, validity, distribution, novelty, guidance, and candidates for the search.

    One row per figure: table, space, generator, method, setting, figure, value (the median over seeds), low and high
    (quartiles), seeds, bar. Every finished block is written at once.

        bonag bench generator --spaces nb201 --generators discrete --tables validity,guided
    """
    from bonag.bench.generator import TABLES, Plan, measure, shown

    _check_folder(output)
    plan = Plan(_names(spaces), _names(generators), seeds, train, data, model, _names(tables) if tables else TABLES)
    rows = measure(plan, output, resume, say=lambda line: typer.echo(line, err=True))
    typer.echo(shown(rows))


@bench.command(cls=Command)
def paper(
    protocols: Annotated[
        str,
        typer.Option(
            help="With commas between: generation, on demand, latency bound, transfer, search.", show_default="all"
        ),
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions behind each median, with the seeds 0, 1, ...")] = 3,
    data: Annotated[Path | None, typer.Option(help="Folder of benchmark tables.", show_default="$BONAG_DATA")] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder of rows.csv, table.csv, table.md and figure.svg.")
    ] = Path("results", "paper"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what rows.csv holds, and measure what it lacks.")
    ] = False,
) -> None:
    """Measure what DiffusionNAG and DiNAS report, on every benchmark whose data is there, beside their figures.

    Validity, uniqueness and novelty; the best of those generated under a condition; a bound on the latency of each
    device; architectures for a new task; and searches of 100 and 200 queries. Labels and queries are counted for both.
    Every finished part is written at once.

        bonag bench paper --protocols generation,search
    """
    from bonag.bench.paper.measure import measure
    from bonag.bench.paper.protocols import PROTOCOLS, Settings
    from bonag.bench.paper.table import table_text

    names = _names(protocols) if protocols else tuple(PROTOCOLS)
    table = measure(output, Settings(data, seeds), names, resume, say=lambda line: typer.echo(line, err=True))
    typer.echo(table_text(table), nl=False)


def _folder_name(space: str, task: str | None) -> str:
    return re.sub(r"[^\w.-]", "_", f"{space}-{task}")


def _numbers(text: str) -> tuple[int, ...]:
    """Numbers of workers; raises UserError."""
    from search_spaces.errors import UserError

    names = _names(text)
    for name in names:
        if not name.isdecimal() or not 1 <= int(name) <= MOST_WORKERS:
            raise UserError(f"--workers must be numbers from 1 to {MOST_WORKERS} with commas between, got '{name}'")
    return tuple(int(name) for name in names)


def _check_strategies(names: Sequence[str]) -> None:
    """Raise UserError for the first that there is not."""
    from bonag.roles import STRATEGIES

    for name in names:
        if name not in STRATEGIES.names():
            STRATEGIES.find(name)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",")))


def _check_folder(output: Path) -> None:
    """Before minutes of work: whether there is a folder to write the file in; raises UserError."""
    from search_spaces.errors import UserError

    if not output.absolute().parent.is_dir():
        raise UserError(f"{output}: there is no folder {output.absolute().parent}")
