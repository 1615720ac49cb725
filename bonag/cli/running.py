"""`bonag run` and `bonag resume`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bonag.cli.options import given_options, takes_options
from bonag.cli.reading import Run
from loops.config import EXTENSIBLE

if TYPE_CHECKING:
    from bonag.api.session import Session

Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print nothing but the run's folder, for scripts; errors go to stderr as ever."),
]


@takes_options(space="that of --config")
def run(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of options, as `bonag status RUN --yaml` writes it; those given here win.",
            show_default="none",
        ),
    ] = None,
    quiet: Quiet = False,
    **options: object,
) -> int:
    """Search for the best architectures that a budget of evaluations can find.

    Whatever happens, what was evaluated is kept, and `bonag resume` goes on.

        bonag run --space mbv3 --budget 100 --name first
        bonag run --space mbv3 --constraint 'latency_note10<=30'
        bonag run --space nb201 --evaluator my_training:train --workers 4
    """
    from bonag.api import session
    from bonag.cli.config_file import read_options
    from search_spaces.errors import UserError

    given = ({} if config is None else read_options(config)) | given_options(context, options)
    if "space" not in given:
        raise UserError("Missing option '--space': a name of `bonag spaces`, or module:attribute")
    with session.start(given) as opened:
        return _go(opened, quiet)


@takes_options(*EXTENSIBLE, **dict.fromkeys(EXTENSIBLE, "as before"))
def resume(
    run: Run,
    quiet: Quiet = False,
    **changes: object,
) -> int:
    """Go on with a run that was interrupted, killed or stopped, as if nothing had happened, or move the end of one.

    bonag resume first --budget 200
    """
    from bonag.api import session
    from bonag.api.result import Result
    from bonag.cli.result_text import summary_lines
    from bonag.record import find_run, read_record
    from bonag.record.machine import differences, this_machine
    from loops.ending import RunState

    folder = find_run(run)
    snapshot = read_record(folder)
    changes = {name: value for name, value in changes.items() if value is not None}
    if snapshot.state is RunState.FINISHED and not changes:
        first, *rest = summary_lines(Result(snapshot))
        print(folder if quiet else "\n".join(["nothing to do: " + first, *rest]))
        return 0
    with session.resume(folder, changes=changes) as opened:
        recorded = snapshot.machine or json.dumps({"bonag": snapshot.config.bonag})
        different = differences(recorded, this_machine(opened.config.threads))
        if different:
            note = f"note: this is not as it was ({'; '.join(different)}): proposals may differ in their last bits"
            print(note, file=sys.stderr if quiet else sys.stdout)
        return _go(opened, quiet)


def abandon(
    run: Run,
    trials: Annotated[list[int], typer.Argument(metavar="TRIAL", help="Trials that were running, by index.")],
) -> None:
    """Give up trials of a run that nobody executes: they count towards its budget, and it goes on without them.

    bonag abandon first 7 8
    """
    from bonag.api import abandoning
    from bonag.cli.result_text import run_argument
    from bonag.record import find_run

    abandoning.abandon(run, *trials)
    named = ", ".join(map(str, dict.fromkeys(trials)))
    print(f"abandoned: trial {named}; go on by `bonag resume {run_argument(find_run(run))}`")


def _go(opened: Session, quiet: bool) -> int:
    from rich.console import Console

    from bonag.api.result import Result
    from bonag.callbacks.progress import LiveProgress, PlainProgress, SilentProgress
    from bonag.callbacks.tally import Tally
    from bonag.cli.result_text import run_argument, summary_lines
    from bonag.cli.stopping import StopSignals
    from bonag.cli.warning import warnings_in
    from bonag.evaluators.registry import told_units
    from bonag.record import read_record
    from loops.ending import RunState
    from search_spaces.errors import UserError

    history = opened.record.history()
    print(opened.path if quiet else "\n".join(_opening(opened)), flush=True)
    tally = Tally(opened.config, history, told_units(opened.parts.evaluator))
    console = Console()
    progress: Any = LiveProgress(tally, console) if console.is_terminal else PlainProgress(tally)
    progress = SilentProgress() if quiet else progress
    argument = run_argument(opened.path)
    opened.record.waiting = lambda reason: print(f"note: {reason}", file=sys.stderr, flush=True)
    ends = "the evaluation that runs now" if opened.config.workers == 1 else "the evaluations that run now"
    with StopSignals(ends) as signals, warnings_in(opened.record.log):
        try:
            with progress:
                over = opened.run([progress.show], signals.asked)
        except UserError as error:
            message = f"{error}; what was recorded is safe, go on by `bonag resume {argument}`"
            if signals.asked():
                print(f"error: {message}", file=sys.stderr)
                return signals.status
            raise UserError(message) from error
        except KeyboardInterrupt:
            print(f"stopped at once; go on by `bonag resume {argument}`", file=sys.stderr)
            return signals.status
        finally:
            opened.close()
        result = Result(read_record(opened.path, opened.parts.space))
        if not quiet:
            print("\n".join(summary_lines(result)))
        if over.state is RunState.INTERRUPTED:
            if not signals.asked():
                print("stopped, as somebody asked in its record", file=sys.stderr)
            print(f"go on by `bonag resume {argument}`", file=sys.stderr)
            return signals.status
        if over.state is RunState.STOPPED:
            print(f"error: {over.reason}; go on by `bonag resume {argument}`", file=sys.stderr)
            return 1
    if result.best is None or quiet:
        return 0
    print(f"look further: bonag best {argument} -k 10 | bonag trials {argument} --csv")
    print(f"take it along: bonag export {argument} --format state-dict -o network.safetensors")
    return 0


def _opening(opened: Session) -> list[str]:
    from bonag.cli.result_text import brief, run_argument

    config, argument = opened.config, run_argument(opened.path)
    done = len(opened.record.history())
    task = f" on {config.task}" if config.task else ""
    more = f"(more: bonag status {argument} --about)"
    return [
        f"run {config.name} in {opened.path}" + (f", resumed after {done} trials" if done else ""),
        f"space {config.space} ({opened.parts.space.size:,} architectures), objective {opened.parts.objective}, "
        f"strategy {config.strategy}, budget {config.budget}, seed {config.seed}",
        f"evaluator {config.evaluator}{task}: {brief(opened.record.description)} {more}",
        *(f"learns from {source}" for source in opened.record.sources),
    ]
