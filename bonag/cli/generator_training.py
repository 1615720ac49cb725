"""`bonag train-generator`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bonag.cli.generating import Labels, status
from bonag.cli.options import takes_options

if TYPE_CHECKING:
    from bonag.api.training import Trained, Training
    from bonag.cli.stopping import StopSignals
    from bonag.generators.fitting import Progress
    from bonag.generators.training import Conditions

# Seconds between two lines of progress where there is no terminal.
SILENCE = 10.0


@takes_options("space", "evaluator", "task", "data", "seed", "device")
def train_generator(
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write; FILE.checkpoint while it trains.")],
    generator: Annotated[str, typer.Option(help="Family: discrete or score.")] = "discrete",
    condition: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC",
            help="That `bonag generate` can bound without a predictor; may be repeated.",
            show_default="none",
        ),
    ] = None,
    labels: Labels = None,
    noise: Annotated[
        str | None, typer.Option(help="Of discrete: marginal or uniform.", show_default="marginal")
    ] = None,
    sde: Annotated[str | None, typer.Option(help="Of score: ve, vp or subvp.", show_default="ve")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Batches to train on.", show_default="4000, or no limit with --minutes")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time to train; with --steps, what ends first.", show_default="no limit")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training that was interrupted.")] = False,
    **options: object,
) -> int:
    """Train a generator of a space, on unlabelled architectures and, for conditions, on what a few labels tell.

    bonag train-generator --space my:cells -o cells.safetensors
    bonag run --space my:cells --generator cells.safetensors
    """
    from bonag.api.training import Training
    from bonag.cli.result_text import brief
    from bonag.cli.stopping import StopSignals

    training = Training(
        path=output, generator=generator, conditions=condition or (), labels=labels, noise=noise, sde=sde, steps=steps,
        minutes=minutes, resume=resume, **options,  # type: ignore[arg-type]  # checked there
    )  # fmt: skip
    taken_up = training.checkpoint.is_file()
    if training.labeller is not None:
        print(f"labels: {brief(training.labeller.description)}", flush=True)
    with status("evaluating labels, fitting predictors"):
        conditions = training.learn()
    if conditions is not None:
        names = ", ".join(training.metrics)
        print(f"{conditions.labels:,} labels of {names} by {conditions.source}", flush=True)
    signals = StopSignals("the batch that is under way")
    begun = f"going on from {training.checkpoint}" if taken_up else "training"
    try:
        with signals:
            done = _train(training, conditions, begun, signals)
    except KeyboardInterrupt:
        kept = training.checkpoint.is_file()
        how = f"go on by the same command with --resume ({training.checkpoint})" if kept else "nothing was kept"
        print(f"stopped; {how}", file=sys.stderr)
        return signals.status if signals.asked() else 130
    record = done.record
    print(
        f"{record['steps']:,} steps in {record['seconds']:.0f} s on {training.torch_device}, "
        f"loss {record['loss']:.4f}; {record['samples']:,} unlabelled samples, {record['labels']:,} labels"
        + (f" by {record['source']}" if record["labels"] else "")
    )
    print(f"wrote {done.path}: bonag generate --space {training.search_space.name} --generator {done.path}")
    return 0


def _train(training: Training, conditions: Conditions | None, begun: str, signals: StopSignals) -> Trained:
    """Train and show how it goes; raises KeyboardInterrupt after the batch in which it is asked to stop."""
    with _progress() as show:
        what = f"a {training.generator} generator of {training.search_space.name} on {training.torch_device}"
        print(f"{begun}: {what}", flush=True)

        def report(progress: Progress) -> None:
            show(progress)
            if signals.asked():
                raise KeyboardInterrupt

        return training.run(conditions, report)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """A line that keeps itself up to date on a terminal, else a line every few seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console()
    if console.is_terminal:
        columns = (BarColumn(bar_width=20), TaskProgressColumn(), TextColumn("{task.description}"))
        with Bar(*columns, console=console, refresh_per_second=4) as bar:
            task = bar.add_task("the first batch", total=1.0)
            yield lambda progress: bar.update(task, completed=progress.share, description=_training_text(progress))
        return
    last = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal last
        if progress.share >= 1 or time.monotonic() - last >= SILENCE:
            print(f"[{progress.share:4.0%}] {_training_text(progress)}", flush=True)
            last = time.monotonic()

    yield show


def _training_text(progress: Progress) -> str:
    from loops.metric_units import duration

    left = progress.seconds * (1 - progress.share) / progress.share
    rate = progress.step / max(progress.seconds, 1e-9)
    return f"step {progress.step:,}, loss {progress.loss:.4f}, {rate:.3g} steps/s, {duration(left)} left"
