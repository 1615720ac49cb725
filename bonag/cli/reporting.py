"""`bonag report`: a run as one file that opens in any browser, without a network."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run's folder, or its name in results/; or an Ax experiment (a .json snapshot, sqlite:///file.db), "
            "or a database, postgresql://user@host/database.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: .html.")],
    name: Annotated[
        str | None,
        typer.Option(help="Which run, of a folder or a database that holds several.", show_default="the only one"),
    ] = None,
    predictor: Annotated[
        bool,
        typer.Option(
            "--predictor/--no-predictor",
            help="Whether to fit predictors, to show what they know and how they guide the generator: it takes long.",
        ),
    ] = True,
) -> None:
    """Write a report: what was searched, what was found, how it went, and how to repeat it, in one HTML file.

    bonag report first -o report.html
    """
    from bonag.api.parts import default_threads
    from bonag.ui.report import choose_run, write_report
    from bonag.ui.sources import open_source

    if predictor:
        import torch

        torch.set_num_threads(default_threads())
    # Ax, which reads what it wrote, tells its own news on stderr, which is for errors here.
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = open_source(run)
            key = choose_run(source, name)
            written = write_report(source, key, output, predictor, lambda text: print(text, flush=True))
    finally:
        logging.disable(logging.NOTSET)
    trials = f"{written.trials:,} trial{'s'[: written.trials != 1]}"
    print(f"wrote the report of '{written.name}' ({trials}, {written.size / 1e6:.1f} MB) to {output}")
