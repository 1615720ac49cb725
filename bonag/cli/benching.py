"""`bonag bench`: what bonag costs, and how its generators do. Contests of strategies are in ``contests``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bonag.cli import contests
from bonag.cli.contests import names_in
from bonag.cli.pages import Command, Group
from bonag.whole_file import check_writable, whole_file

bench = typer.Typer(
    cls=Group,
    help="Measure strategies against each other, generators against their bars, and what bonag costs.",
    no_args_is_help=True,
)
for contest in (contests.search, contests.workers):
    bench.command(cls=Command)(contest)


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
    plan = Plan(
        names_in(spaces), names_in(generators), seeds, train, data, model, names_in(tables) if tables else TABLES
    )
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

    names = names_in(protocols) if protocols else tuple(PROTOCOLS)
    table = measure(output, Settings(data, seeds), names, resume, say=lambda line: typer.echo(line, err=True))
    typer.echo(table_text(table), nl=False)


def _check_folder(output: Path) -> None:
    """Before minutes of work: whether there is a folder to write the file in; raises UserError."""
    from search_spaces.errors import UserError

    if not output.absolute().parent.is_dir():
        raise UserError(f"{output}: there is no folder {output.absolute().parent}")
