"""All commands, under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from bonag.cli import (
    benching,
    calibrating,
    exporting,
    generating,
    generator_training,
    listing,
    plotting,
    profiling,
    reading,
    reporting,
    running,
    showing,
    spaces,
    supernets,
    testing,
)
from bonag.cli.output import prints
from bonag.cli.pages import Command, Group

app = typer.Typer(
    name="bonag",
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from bonag import __version__

        typer.echo(f"bonag {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def bonag(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Neural architecture search by Bayesian optimisation with acquisition-guided graph diffusion."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for command in (
    running.run,
    running.resume,
    running.abandon,
    prints(reading.status),
    prints(reading.best),
    prints(reading.trials),
    prints(spaces.spaces),
    prints(spaces.check_space),
    showing.ui,
    testing.test,
    prints(calibrating.calibrate),
    exporting.export,
    profiling.profile,
    plotting.plot,
    reporting.report,
    prints(generating.generate),
    generator_training.train_generator,
    supernets.train_supernet,
):
    app.command(cls=Command)(command)
app.command("list", cls=Command)(prints(listing.list_what))
app.add_typer(benching.bench, name="bench")
