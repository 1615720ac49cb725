"""`bonag profile`."""

from __future__ import annotations

from typing import Annotated

import typer


def profile(
    space: Annotated[str, typer.Option(help="Search space.")],
    name: Annotated[str, typer.Option(help="What the machine is called: the metric is latency_NAME.")],
    samples: Annotated[int, typer.Option(help="Networks to measure.")] = 200,
    runtime: Annotated[
        str | None, typer.Option(help="onnxruntime or torch.", show_default="onnxruntime if installed, else torch")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads that a network may use.")] = 1,
    image_size: Annotated[
        int | None, typer.Option(help="Pixels of an image's side.", show_default="the space's")
    ] = None,
    num_classes: Annotated[int | None, typer.Option(help="Classes of the network.", show_default="the space's")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the networks that are drawn.")] = 0,
    patience: Annotated[
        float, typer.Option(help="Seconds for which a network is timed at most; a busy machine needs more.")
    ] = 4.0,
) -> None:
    """Measure the latency of sampled networks on this machine, and learn it: a metric for --objective, --constraint.

    One image at a time on the CPU. It can be interrupted, and goes on where it was.

        bonag profile --space mbv3 --name laptop
        bonag run --space mbv3 --constraint 'latency_laptop<=12'
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from bonag.profiling.profile import Progress
    from bonag.profiling.profile import profile as measure
    from bonag.profiling.runtimes import choose_runtime, runtime_version

    runtime = choose_runtime(runtime)
    print(f"measuring with {runtime} {runtime_version(runtime)}, threads {threads}", flush=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("networks", total=samples)

        def show(progress: Progress) -> None:
            what = "again, of those disturbed" if progress.again else "networks"
            bar.update(task, completed=progress.done, total=progress.total, description=what)

        found = measure(space, name, samples, runtime, threads, image_size, num_classes, seed, patience, show)
    facts = found.model.facts
    if found.disturbed:
        print(
            f"other jobs slowed this machine, up to {found.slowed:.1f} times: {found.disturbed} of {facts['samples']} "
            "networks are timed less exactly; once it is calm, profile again under another name"
        )
    print(
        f"{found.metric}: {facts['samples']} networks from {facts['fastest']:.3g} to {facts['slowest']:.3g} ms, held "
        f"out Kendall tau {facts['tau']:.3f}, error {100 * facts['error']:.1f} %; use it as --constraint "
        f"'{found.metric}<={facts['median']:.3g}' or --objective -{found.metric}"
    )
