"""`bonag generate`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bonag.cli.options import takes_options

if TYPE_CHECKING:
    from bonag.on_demand.generated import Generated

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

    with status("evaluating labels, fitting predictors, sampling" if where else "sampling"):
        made = generate_architectures(
            n=n, where=where or (), guidance=strengths, generator=generator, model=model, method=method, labels=labels,
            as_drawn=as_drawn,
            **options,  # type: ignore[arg-type]  # checked there
        )  # fmt: skip
    if as_json:
        print(json.dumps(_without_nan(_json(made)), indent=2, allow_nan=False))
    elif csv:
        made.frame.to_csv(sys.stdout, index=False, lineterminator="\n")
        print("\n".join(_summary_lines(made)), file=sys.stderr)
    else:
        print("\n".join(_summary_lines(made)))
        first = made.frame.drop_duplicates("architecture").head(SHOWN)
        print(f"the first {len(first)} (all with every metric: --csv or --json):")
        for row in first.to_dict("records"):
            print(f"  {row['architecture']}\n    {_values(row, made)}")


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


def _json(made: Generated) -> dict[str, object]:
    metrics, summary = list(made.values), made.summary()
    return {
        "space": made.space.name,
        "generator": made.family,
        "model": str(made.model) if made.model else None,
        "method": made.method,
        "seed": made.seed,
        "evaluator": made.measured_by,
        "description": made.description,
        "conditions": [
            {
                "condition": str(wish),
                "metric": wish.metric,
                "relation": wish.relation,
                "bound": wish.bound,
                "guidance": made.strengths[wish.metric],
                "met": summary["meets"][str(wish)],
            }
            for wish in made.wishes
        ],
        "summary": summary,
        "architectures": [
            {
                "architecture": row["architecture"],
                "metrics": {name: row[name] for name in metrics},
                "meets": row["meets"],
            }
            for row in made.frame.to_dict("records")
        ],
    }


def _without_nan(value: object) -> object:
    """The value with null for every nan, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _summary_lines(made: Generated) -> list[str]:
    from bonag.cli.result_text import brief

    figures = made.summary()
    drawn, count = made.drawn, len(made.architectures)
    fewer = f" (no more of the {drawn.asked:,} asked for were found)" if count < drawn.asked else ""
    lines = [
        f"{count:,} architectures of {made.space.name}{fewer}, {made.family} generator, method {made.method}, "
        f"seed {made.seed}; {drawn.count:,} drawn",
        f"evaluator {made.measured_by}: {brief(made.description)} (more: --json)",
    ]
    for wish in made.wishes:
        bound = "" if wish.share is None else f" ({wish.metric}{wish.relation}{wish.bound:.12g})"
        guidance = f"guidance {made.strengths[wish.metric]:g}"
        lines.append(f"{wish}{bound}, {guidance}: met by {figures['meets'][str(wish)]:.1%} of those drawn")
    if len(made.wishes) > 1:
        lines.append(f"all conditions: met by {figures['meets_all']:.1%} of those drawn")
    raw = figures["raw_validity"]
    before = "" if math.isnan(raw) else f" (before the projection {raw:.1%})"
    return [
        *lines,
        f"valid {figures['validity']:.1%}{before}, {figures['uniqueness']:.1%} of those drawn distinct; "
        f"{figures['novelty']:.1%} new to the generator and {figures['held_out']:.1%} of the tenth held out; "
        f"two differ in {figures['diversity']:.2f} places on average",
        f"{1000 * figures['seconds_per_architecture']:.1f} ms per architecture, {figures['evaluated']:,} evaluated, "
        f"{figures['labels']:,} labels for the guidance, {figures['labels_in_training']:,} in the generator's training",
    ]


def _values(row: Mapping[Hashable, Any], made: Generated) -> str:
    """What is true of an architecture, for people: what was asked for, and the usual metrics."""
    from loops.metric_units import units_of, words

    asked = [wish.metric for wish in made.wishes]
    names = [name for name in dict.fromkeys([*asked, "accuracy", "params", "macs"]) if name in row]
    units = units_of({name: row[name] for name in made.values}, made.units)
    return ", ".join(words(name, row[name], units=units) for name in names) + (
        "" if row["meets"] else " (not as asked)"
    )


def status(text: str) -> AbstractContextManager[object]:
    """What goes on, on a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    return console.status(text) if console.is_terminal else nullcontext()
