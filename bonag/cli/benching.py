"""`bonag bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

bench = typer.Typer(
    help="Measure strategies against each other, generators against their bars, and what bonag itself costs.",
    no_args_is_help=True,
)


@bench.command()
def search(
    space: Annotated[str, typer.Option(help="Search space.")],
    evaluator: Annotated[str | None, typer.Option(help="Evaluator.  [default: the space's first]")] = None,
    task: Annotated[str | None, typer.Option(help="Task.  [default: the evaluator's first]")] = None,
    objective: Annotated[str, typer.Option(help="Metric to maximise, or -metric to minimise it.")] = "accuracy",
    strategies: Annotated[str, typer.Option(help="Names with commas between.")] = "bonag,random,evolution,local-search",
    acquisition: Annotated[str, typer.Option(help="For bonag: log-ei, ucb, pi or thompson.")] = "log-ei",
    predictor: Annotated[str, typer.Option(help="For bonag: gp, ensemble or mixture.")] = "gp",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of every strategy, with the seeds 0, 1, ...")] = 10,
    budget: Annotated[int, typer.Option(min=1, help="Trials per run.")] = 100,
    workers: Annotated[int, typer.Option(min=1, help="Runs at a time; each has one thread.")] = 1,
    data: Annotated[Path | None, typer.Option(help="Folder of benchmark tables.  [default: $BONAG_DATA]")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write every trial to this CSV file.")] = None,
) -> None:
    """Run strategies on the same objective with paired seeds, and compare their best-so-far."""
    from bonag.evaluators import make_evaluator
    from loops.errors import UserError
    from loops.objective import Objective
    from search_spaces import UnknownSpaceError, get_space
    from search_spaces.near_miss import suggestion

    try:
        made = make_evaluator(get_space(space), evaluator, task, data)
        metric = Objective.parse(objective).goal.metric
    except (UnknownSpaceError, ValueError) as error:
        raise UserError(str(error)) from None
    if metric not in made.metrics:
        raise UserError(f"evaluator of space '{space}' measures no '{metric}': {suggestion(metric, made.metrics)}")

    import pandas as pd

    from bonag.bench.search import Contest, best_known, run_contest, summary
    from bonag.strategies import check_choices, strategy_names

    names = list(dict.fromkeys(name.strip() for name in strategies.split(",")))
    for name in names:
        if name not in strategy_names():
            raise UserError(f"unknown strategy '{name}': {suggestion(name, strategy_names())}")
    check_choices(acquisition, predictor)
    _check_folder(output)
    folder = None if data is None else str(data)
    contest = Contest(space, evaluator, task, objective, budget, seeds, folder, acquisition, predictor)
    parts = []
    for part in run_contest(contest, names, workers):
        parts.append(part)
        typer.echo(f"{len(parts)} of {len(names) * seeds} runs: {part.strategy[0]}, seed {part.seed[0]}", err=True)
    trials = pd.concat(parts).sort_values(["strategy", "seed", "trial"], ignore_index=True)
    if output is not None:
        trials.to_csv(output, index=False)
    typer.echo(made.description)
    typer.echo(summary(trials, contest, best_known(contest)).to_string(index=False))


@bench.command()
def overhead(
    repeats: Annotated[int, typer.Option(min=1, help="Repetitions behind each median.")] = 5,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the figures to this CSV file.")] = None,
) -> None:
    """Measure start-up, a whole run with the surrogate, and proposals after 100 and 1,000 trials."""
    _check_folder(output)
    from bonag.bench.overhead import measure

    figures = measure(repeats)
    if output is not None:
        figures.to_csv(output, index=False)
    typer.echo(figures.to_string(index=False, float_format=lambda value: f"{value:.2f}"))


@bench.command()
def generator(
    spaces: Annotated[str, typer.Option(help="Search spaces, with commas between.")] = "nb201,mbv3",
    generators: Annotated[str, typer.Option(help="Families, with commas between.")] = "discrete,score",
    tables: Annotated[
        str,
        typer.Option(
            help="With commas between: sampling, training, validity, distribution, guided, conditions, novelty, "
            "candidates.  [default: all]",
            show_default=False,
        ),
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions behind each median, with the seeds 0, 1, ...")] = 5,
    train: Annotated[
        bool, typer.Option("--train", help="Time trainings anew, and train one with conditions per seed.")
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option(help="Generator of nb201 trained with the conditions accuracy and latency_<device>."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of benchmark tables.  [default: $BONAG_DATA]")] = None,
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
    """
    from bonag.bench.generator import TABLES, Plan, measure, shown

    _check_folder(output)
    plan = Plan(_names(spaces), _names(generators), seeds, train, data, model, _names(tables) if tables else TABLES)
    rows = measure(plan, output, resume, say=lambda line: typer.echo(line, err=True))
    typer.echo(shown(rows))


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",")))


def _check_folder(output: Path | None) -> None:
    """Before minutes of work: whether there is a folder to write the file in; raises UserError."""
    from loops.errors import UserError

    if output is not None and not output.absolute().parent.is_dir():
        raise UserError(f"{output}: there is no folder {output.absolute().parent}")
