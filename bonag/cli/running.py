"""`bonag run` and `bonag resume`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bonag.api.session import Session
    from loops.loop import Over


def run(
    space: Annotated[str, typer.Option(help="Search space; see `bonag spaces`.")],
    evaluator: Annotated[
        str | None, typer.Option(help="What measures architectures.  [default: the space's first]")
    ] = None,
    task: Annotated[str | None, typer.Option(help="What the evaluator measures them on.")] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            help="Metric to maximise, or with a minus before it (-macs) to minimise; several for their Pareto front.  "
            "[default: accuracy]",
            show_default=False,
        ),
    ] = None,
    constraint: Annotated[
        list[str] | None, typer.Option(help="Bound on a metric, as in 'latency_note10<=30'; may be given again.")
    ] = None,
    budget: Annotated[int, typer.Option(help="Number of trials, failed ones included.")] = 100,
    strategy: Annotated[str, typer.Option(help="What proposes architectures.")] = "bonag",
    acquisition: Annotated[str, typer.Option(help="For bonag: log-ei, ucb, pi or thompson.")] = "log-ei",
    predictor: Annotated[str, typer.Option(help="For bonag: gp, ensemble or mixture.")] = "gp",
    seed: Annotated[int, typer.Option(help="Decides, with the history, every proposal.")] = 0,
    name: Annotated[str | None, typer.Option(help="Name of the run.  [default: made of the options above]")] = None,
    out: Annotated[Path, typer.Option(help="Folder in which the run's own folder is made.")] = Path("results"),
    batch_size: Annotated[int, typer.Option(help="Trials that are proposed, and may be evaluated, together.")] = 1,
    device: Annotated[str, typer.Option(help="Where the strategy computes: auto, cpu or cuda.")] = "auto",
    executor: Annotated[str, typer.Option(help="Where evaluations run: local (this process) or ray.")] = "local",
    record: Annotated[
        str | None, typer.Option(help="postgresql://user@host/database, to keep the trials there.  [default: a file]")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of benchmark tables.  [default: $BONAG_DATA]")] = None,
    max_failures: Annotated[int, typer.Option(help="Stop after so many failed evaluations in a row.")] = 10,
) -> int:
    """Search for the best architectures that a budget of evaluations can find."""
    from bonag.api import session

    with session.start(
        space=space,
        evaluator=evaluator,
        task=task,
        objective=tuple(objective or ["accuracy"]),
        constraints=tuple(constraint or []),
        budget=budget,
        strategy=strategy,
        acquisition=acquisition,
        predictor=predictor,
        seed=seed,
        name=name,
        out=out,
        batch_size=batch_size,
        device=device,
        executor=executor,
        record=record,
        data=data,
        max_failures=max_failures,
    ) as opened:
        return _go(opened)


def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of the run, or its name in results/.")],
) -> int:
    """Go on with a run that was interrupted, killed or stopped, as if nothing had happened."""
    from bonag import __version__
    from bonag.api import session
    from bonag.api.result import Result
    from bonag.cli.wording import summary_lines
    from bonag.record import find_run, read_record
    from loops.loop import RunState

    folder = find_run(run)
    snapshot = read_record(folder)
    if snapshot.state is RunState.FINISHED:
        print("nothing to do:", "\n".join(summary_lines(Result(snapshot))))
        return 0
    if snapshot.config.bonag != __version__:
        note = f"note: bonag {snapshot.config.bonag} started this run and {__version__} goes on with it"
        print(f"{note}; trials may differ from those of an uninterrupted run")
    with session.resume(folder) as opened:
        return _go(opened)


def _go(opened: Session) -> int:
    from rich.console import Console

    from bonag.api.result import Result
    from bonag.cli.progress import LiveProgress, PlainProgress, Tally
    from bonag.cli.stopping import StopSignals
    from bonag.cli.warning import warnings_in
    from bonag.cli.wording import run_argument, summary_lines
    from bonag.record import read_record
    from loops.loop import Over, RunState
    from search_spaces.errors import UserError

    history = opened.record.history()
    for line in _opening(opened):
        print(line, flush=True)
    tally = Tally(opened.config, history)
    console = Console()
    progress: Any = LiveProgress(tally, console) if console.is_terminal else PlainProgress(tally)
    over: Over | None = None
    argument = run_argument(opened.path)
    with StopSignals() as signals, warnings_in(opened.record.log):
        try:
            with progress:
                for event in opened.events(signals.asked):
                    progress.show(event)
                    over = event if isinstance(event, Over) else None
        except UserError as error:
            raise UserError(f"{error}; what was recorded is safe, go on by `bonag resume {argument}`") from error
        except KeyboardInterrupt:
            print(f"stopped at once; go on by `bonag resume {argument}`", file=sys.stderr)
            return signals.status
        finally:
            opened.close()
        assert over is not None
        result = Result(read_record(opened.path, opened.parts.space), opened.parts.space)
        print("\n".join(summary_lines(result)))
        if over.state is RunState.INTERRUPTED:
            print(f"go on by `bonag resume {argument}`", file=sys.stderr)
            return signals.status
        if over.state is RunState.STOPPED:
            print(f"error: {over.reason}; go on by `bonag resume {argument}`", file=sys.stderr)
            return 1
    if result.best is None:
        return 0
    print(f"look further: bonag best {argument} -k 10 | bonag trials {argument} --csv")
    print(f"take it along: bonag export {argument} --format state-dict -o network.safetensors")
    return 0


def _opening(opened: Session) -> list[str]:
    config = opened.config
    done = len(opened.record.history())
    task = f" on {config.task}" if config.task else ""
    return [
        f"run {config.name} in {opened.path}" + (f", resumed after {done} trials" if done else ""),
        f"space {config.space} ({opened.parts.space.size:,} architectures), objective {opened.parts.objective}, "
        f"strategy {config.strategy}, budget {config.budget}, seed {config.seed}",
        f"evaluator {config.evaluator}{task}: {opened.record.description}",
    ]
