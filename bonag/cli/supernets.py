"""`bonag train-supernet`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bonag.cli.options import takes_options

if TYPE_CHECKING:
    from bonag.elastic.fitting import SupernetProgress

# Seconds between two lines of progress where there is no terminal.
SILENCE = 10.0


@takes_options("space")
def train_supernet(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write; FILE.checkpoint while it trains, curves beside it.")
    ],
    dataset: Annotated[
        str, typer.Option(help="digits, fashion-mnist, cifar10, cifar100, or the path of a folder or file.")
    ] = "digits",
    width: Annotated[float, typer.Option(help="Times the channels of the usual networks.")] = 1.0,
    method: Annotated[
        str, typer.Option(help="shrinking (largest network first), or sandwich (all sizes in each step).")
    ] = "shrinking",
    preset: Annotated[str, typer.Option(help="How long to train: quick or long.")] = "quick",
    hyperparameter: Annotated[
        list[str] | None,
        typer.Option(help="Setting, as in 'epochs=30'; may be given again.", show_default="none"),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Folder of data sets that have a name.", show_default="$BONAG_DATA")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the first weights, the order of images and the networks.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    **options: object,
) -> int:
    """Train a supernet, whose weights all networks of a space share, on images; the same command goes on with it.

    A run with that supernet then searches without training any network.

        bonag train-supernet --space mbv3 --dataset fashion-mnist --width 0.35 -o mine.safetensors
        bonag run --space mbv3 --evaluator supernet --supernet mine.safetensors --dataset fashion-mnist
    """
    from bonag.api.supernets import SupernetTraining
    from bonag.cli.stopping import StopSignals

    training = SupernetTraining(
        path=output, dataset=dataset, width=width, method=method, preset=preset, hyperparameters=hyperparameter or (),
        data=data, seed=seed, device=device, **options,  # type: ignore[arg-type]  # the space
    )  # fmt: skip
    checkpoint = training.checkpoint.path
    begun = f"going on from {checkpoint}" if checkpoint.is_file() else f"training on {training.torch_device}"
    print(f"{begun}: {training.describe()}", flush=True)
    signals = StopSignals("the batch that is under way")
    try:
        with signals, _progress() as show:

            def report(progress: SupernetProgress) -> None:
                show(progress)
                if signals.asked():
                    raise KeyboardInterrupt

            done = training.run(report)
    except KeyboardInterrupt:
        kept = checkpoint.is_file()
        how = f"go on by the same command ({checkpoint})" if kept else "nothing was kept"
        print(f"stopped; {how}", file=sys.stderr)
        return signals.status if signals.asked() else 130
    except FloatingPointError as error:
        print(f"bonag: {error}", file=sys.stderr)
        return 1
    last = done.curve[-1]
    print(f"{last['epoch']} epochs in {last['seconds']:.0f} s; validation images: {_accuracies(last)}")
    print(f"curve: {done.table}, {done.figure}")
    print(
        f"wrote {done.path}: bonag run --space {training.space} --evaluator supernet --supernet {done.path} "
        f"--dataset {training.dataset}"
    )
    return 0


def _accuracies(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {row[name]:.2f} %" for name in ("smallest", "random", "largest"))


@contextmanager
def _progress() -> Iterator[Callable[[SupernetProgress], None]]:
    """Lines of what each epoch came to; in between a bar on a terminal, else a line every few seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console()
    epochs: int | None = None

    def ended(progress: SupernetProgress) -> str | None:
        """The line of an epoch that has just ended; what a checkpoint held is not said again."""
        nonlocal epochs
        before, epochs = epochs, len(progress.curve)
        new = bool(progress.curve) and (before is None or epochs > before)
        return _epoch_text(progress) if new else None

    if console.is_terminal:
        columns = (BarColumn(bar_width=20), TaskProgressColumn(), TextColumn("{task.description}"))
        with Bar(*columns, console=console, refresh_per_second=4) as bar:
            task = bar.add_task("the first batch", total=1.0)

            def draw(progress: SupernetProgress) -> None:
                line = ended(progress)
                if line:
                    bar.console.print(line, highlight=False)
                bar.update(task, completed=progress.step / progress.steps, description=_step_text(progress))

            yield draw
        return
    last = time.monotonic()

    def show(progress: SupernetProgress) -> None:
        nonlocal last
        line = ended(progress)
        if line:
            print(line, flush=True)
        elif time.monotonic() - last >= SILENCE:
            print(f"[{progress.step / progress.steps:4.0%}] {_step_text(progress)}", flush=True)
            last = time.monotonic()

    yield show


def _step_text(progress: SupernetProgress) -> str:
    from loops.metric_units import duration

    left = progress.seconds * (progress.steps - progress.step) / progress.step
    return f"{progress.phase}, step {progress.step:,}, loss {progress.loss:.4f}, about {duration(left)} left"


def _epoch_text(progress: SupernetProgress) -> str:
    row = progress.curve[-1]
    return f"epoch {row['epoch']} ({row['phase']}): loss {row['loss']:.4f}; {_accuracies(row)}"
