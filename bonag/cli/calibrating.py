"""`bonag calibrate`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bonag.cli.options import takes_options
from bonag.cli.reading import Json

if TYPE_CHECKING:
    from bonag.insight.calibration import Calibration


@takes_options(
    "space", "evaluator", "task", "data", "seed", space="the run's", task="the run's, or the evaluator's first"
)
def calibrate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FILE", help="A run, or a CSV table of architectures and what was measured of them."
        ),
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            help="What was measured; of a cost, and with a minus before it (--metric=-error), less is better.",
            show_default="the run's first objective, or accuracy",
        ),
    ] = None,
    as_json: Json = False,
    **options: object,
) -> None:
    """Say how well an estimate ranks networks that were measured, so that one knows whether to search on it.

    The evaluator must look up or estimate, as the surrogate that comes with a space. Networks that it was fitted on
    flatter it.

        bonag calibrate measured.csv --space mbv3

    With --json: an object with source, space, evaluator, task, metric, n, without (networks of which it knows nothing),
    tau (Kendall's), tau_interval (95 %, bootstrap), spearman, offset (estimated minus measured), rmse (after the
    offset), spread (of what was measured), best (a tenth of n), best_found (those of its best among the measured best),
    z_sd (null without a standard deviation) and verdict.
    """
    from bonag.api.calibrating import calibrate as compare

    found = compare(source, metric=metric, **options)  # type: ignore[arg-type]  # checked there
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        print("\n".join(_lines(found)))


def _lines(found: Calibration) -> list[str]:
    low, high = found.tau_interval
    task = f" on {found.task}" if found.task else ""
    without = f" ({found.without} more it does not know)" if found.without else ""
    chance = found.best**2 / found.n
    z = [] if found.z_sd is None else [f"z-scores     sd {found.z_sd:.2f}; 1 where its {found.metric}_sd is right"]
    return [
        f"{found.metric} of {found.n:,} networks of {found.source}{without}, as measured and as {found.space}'s "
        f"{found.evaluator}{task} says",
        f"Kendall tau  {found.tau:.3f}, 95 % interval {low:.3f} to {high:.3f}",
        f"Spearman     {found.spearman:.3f}",
        f"offset       {found.offset:+.4g}, estimated minus measured",
        f"RMSE         {found.rmse:.4g} after the offset; the measured ones have sd {found.spread:.4g}",
        f"best 10 %    {found.best_found} of its best {found.best} are among the measured best; by chance {chance:.2g}",
        *z,
        found.verdict,
    ]
