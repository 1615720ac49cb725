"""`bonag export`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from bonag.cli.reading import Run

AX_JSON = "ax-json"


def export(
    run: Run,
    format: Annotated[str, typer.Option(help="state-dict, onnx or python: the network; ax-json: the whole run.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    trial: Annotated[
        int | None, typer.Option(help="Trial whose network is written.", show_default="the best one")
    ] = None,
    num_classes: Annotated[
        int | None, typer.Option(help="Classes of the network.", show_default="the evaluator's")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Pixels of an image's side; of ONNX only.", show_default="the evaluator's")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="File of trained weights (of `bonag test`), or checkpoint of a supernet to cut them from.",
            show_default="the trial's trained ones, else random",
        ),
    ] = None,
) -> None:
    """Write the network of a trial, which runs without bonag, or the run as an Ax experiment.

    state-dict: a safetensors file of its weights, for the network that the space builds. onnx: a file for ONNX
    runtimes. python: a module of plain PyTorch whose build() makes the network, without weights. ax-json: all trials as
    a snapshot that Ax's Client and `bonag ui` open.

    The weights are those with which the trial was trained, where it was; else random ones, and the command says so. It
    also prints how the file is loaded.

        bonag export first --format onnx -o best.onnx
    """
    from bonag.api.searching import load
    from bonag.export import FORMATS, export_network
    from bonag.export.loading import RANDOM
    from bonag.training.weights import trial_file
    from search_spaces.errors import UserError
    from search_spaces.near_miss import suggestion

    if format not in (*FORMATS, AX_JSON):
        raise UserError(f"unknown format '{format}': {suggestion(format, (*FORMATS, AX_JSON))}")
    result = load(run)
    if format == AX_JSON:
        # Ax tells its own news on stderr, which is for errors here.
        logging.disable(logging.INFO)
        try:
            from bonag.ax import save_ax_json

            save_ax_json(result.experiment, output)
        finally:
            logging.disable(logging.NOTSET)
        print(f"wrote {len(result.history)} trials to {output}")
        return
    if trial is None:
        if result.best is None:
            what = "no trial that meets the constraints" if result.nearest else "no completed trial"
            raise UserError(f"run '{result.config.name}' has {what} yet: choose one by --trial")
        trial = result.best.trial
    if not 0 <= trial < len(result.history):
        count = len(result.history)
        raise UserError(f"run '{result.config.name}' has no trial {trial}: its {count} trials are counted from 0")
    architecture = result.history.trials[trial].architecture
    own = trial_file(result.path, trial)
    if weights is None and own.is_file():
        weights = own
    exported = export_network(result.space, architecture, format, output, num_classes, image_size, weights)
    print(f"wrote the network of trial {trial} to {output}: {architecture}")
    if exported.random:
        print(RANDOM)
    print("\n  ".join(["load it by", *exported.loading]))
