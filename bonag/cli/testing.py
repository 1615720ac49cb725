"""`bonag test`."""

# ruff: noqa: PT028 - this test is no test of pytest

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bonag.cli.reading import Json, Run

if TYPE_CHECKING:
    from bonag.api.testing import Tested


def test(
    run: Run,
    trial: Annotated[
        int | None, typer.Option(help="Trial whose network is measured.", show_default="the best one")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Train it again, for so long.", show_default="the weights of the search")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Train it again, by this preset: quick, nb201 or nlp.", show_default="the run's")
    ] = None,
    hyperparameter: Annotated[
        list[str] | None,
        typer.Option(
            help="Train it again, with this setting, as in 'channels=16'; may be given again.",
            show_default="the run's",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write its weights there, too.", show_default="they stay with the run"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a trained network on the test part, which no search has seen; train it longer before, if asked.

    For runs with --evaluator train, or with --evaluator supernet on a data set. A further training takes all training
    and validation data, and goes on where it was interrupted. With --json: an object with run, trial, architecture,
    dataset, accuracy (%) and images, or perplexity and characters or words, epochs, retrained, supernet (or null),
    weights (the file).

        bonag test first
        bonag test first --epochs 200
    """
    from bonag.api import testing

    def say(epoch: int, epochs: int, metrics: Mapping[str, object]) -> None:
        loss = metrics.get("loss")
        print(f"epoch {epoch} of {epochs}" + (f", loss {loss:.4f}" if isinstance(loss, float) else ""), file=sys.stderr)

    tested = testing.test(
        run, trial, epochs=epochs, preset=preset, hyperparameters=hyperparameter or (), output=output, report=say
    )
    print(json.dumps(_values(run, tested), indent=2) if as_json else "\n".join(_lines(tested)))


def _values(run: str, tested: Tested) -> dict[str, object]:
    return {
        "run": run,
        "trial": tested.trial,
        "architecture": str(tested.architecture),
        "dataset": tested.dataset,
        tested.metric: tested.value,
        tested.unit: tested.examples,
        "epochs": tested.epochs,
        "retrained": tested.retrained,
        "supernet": tested.supernet,
        "weights": str(tested.path),
    }


def _lines(tested: Tested) -> list[str]:
    made = f"trained for {tested.epochs} epochs" if tested.supernet is None else f"cut from {tested.supernet}, trained"
    parts = "training and validation" if tested.retrained else "training"
    images = tested.metric == "accuracy"
    value = f"{tested.value:.2f} %" if images else f"{tested.value:.4g}"
    return [
        f"trial {tested.trial}: {tested.architecture}",
        f"{made} on the {parts} {'images' if images else 'part'} of {tested.dataset}",
        f"test {tested.metric} {value} of {tested.examples:,} {tested.unit}",
        f"weights: {tested.path}",
    ]
