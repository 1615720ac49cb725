"""`bonag generate`."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from bonag.cli.options import takes_options

Labels = Annotated[
    int | None,
    typer.Option(help="Random architectures that may be evaluated.", show_default="5 % of the space, at most 1,000"),
]
# Architectures that people are shown.
SHOWN = 10


@takes_options(
    *("space", "evaluator", "task", "data", "seed", "device", "transfer", "objective"),
    objective="accuracy, with --transfer",
)
def generate(
    n: Annotated[int, typer.Option("--n", "-n", help="How many.")] = 100,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Condition in units ('params<=1e6') or as a share ('accuracy>=top5%'); may be repeated.",
            show_default="none",
        ),
    ] = None,
    guidance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=STRENGTH",
            help="How strongly to ask for it; 1 is Bayes' rule; may be repeated.",
            show_default="more for bounds in units than for shares",
        ),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option(
            metavar="FAMILY|FILE",
            help="Of those that come with the space: discrete or score; or a file that `bonag train-generator` wrote.",
            show_default="discrete",
        ),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="The same as --generator FILE.", show_default="none")] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="classifier-free, resampling, first-order (discrete) or gradient (score).",
            show_default="the first that the generator allows",
        ),
    ] = None,
    labels: Labels = None,
    as_drawn: Annotated[
        bool,
        typer.Option("--as-drawn", help="The first that are drawn: doubles, and some that are not as asked, stay in."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV; the summary goes to stderr.")] = False,
    **options: object,
) -> None:
    """Generate architectures that differ and meet conditions, and say what is true of them.

    More are drawn until there are as many as asked for; where fewer are found, it says how many. A share is one of the
    architectures that meet all conditions in units.

    bonag generate --space nb201 --where 'accuracy>=top5%' --where 'params<=1e6'

    With --transfer they are the first proposals for a new task, best first, by what other tasks taught: --where bounds
    in units, and nothing is evaluated for them.

    With --json: an object with space, generator, model, method, seed, evaluator, description, conditions (a list of
    objects with condition, metric, relation, bound in units, guidance, and met: the share of those drawn that does),
    summary (an object with asked, drawn, evaluated, raw_validity, validity, uniqueness of those drawn, novelty,
    held_out, meets by condition, meets_all, diversity, seconds_per_architecture, labels, labels_in_training, method)
    and architectures (a list of objects with architecture, metrics, meets); null where there is no value. With --csv:
    the columns architecture, one per metric, meets.
    """
    from search_spaces.errors import UserError

    if as_json and csv:
        raise UserError("choose one of --json and --csv")
    strengths = _strengths(guidance or [])
    from bonag.api.generating import generate as generate_architectures
    from bonag.cli.generated_text import generated_json, generated_lines, values_text

    with status("evaluating labels, fitting predictors, sampling" if where else "sampling"):
        made = generate_architectures(
            n=n, where=where or (), guidance=strengths, generator=generator, model=model, method=method, labels=labels,
            as_drawn=as_drawn,
            **options,  # type: ignore[arg-type]  # checked there
        )  # fmt: skip
    if as_json:
        print(json.dumps(generated_json(made), indent=2, allow_nan=False))
    elif csv:
        made.frame.to_csv(sys.stdout, index=False, lineterminator="\n")
        print("\n".join(generated_lines(made)), file=sys.stderr)
    else:
        print("\n".join(generated_lines(made)))
        first = made.frame.drop_duplicates("architecture").head(SHOWN)
        print(f"the first {len(first)} (all with every metric: --csv or --json):")
        for row in first.to_dict("records"):
            print(f"  {row['architecture']}\n    {values_text(row, made)}")


def _strengths(texts: list[str]) -> dict[str, float]:
    from search_spaces.errors import UserError

    strengths: dict[str, float] = {}
    for text in texts:
        metric, _, number = (part.strip() for part in text.partition("="))
        try:
            strength = float(number)
        except ValueError:
            raise UserError(f"guidance '{text}' is not METRIC=STRENGTH, as in accuracy=3") from None
        if metric in strengths:
            raise UserError(f"guidance of '{metric}' is given more than once")
        strengths[metric] = strength
    return strengths


def status(text: str) -> AbstractContextManager[object]:
    """What goes on, on a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    return console.status(text) if console.is_terminal else nullcontext()
