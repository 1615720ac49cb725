"""How generated architectures are put into words and JSON."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from bonag.cli.result_text import brief
from loops.metric_units import units_of, words

if TYPE_CHECKING:
    from bonag.on_demand.generated import Generated


def generated_json(made: Generated) -> object:
    """The object that ``--json`` writes; null where there is no value."""
    metrics, summary = list(made.values), made.summary()
    found = {
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
    return _without_nan(found)


def _without_nan(value: object) -> object:
    """The value with null for every nan, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def generated_lines(made: Generated) -> list[str]:
    """What is true of all together."""
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


def values_text(row: Mapping[Hashable, Any], made: Generated) -> str:
    """What is true of an architecture, for people: what was asked for, and the usual metrics."""
    asked = [wish.metric for wish in made.wishes]
    names = [name for name in dict.fromkeys([*asked, "accuracy", "params", "macs"]) if name in row]
    units = units_of({name: row[name] for name in made.values}, made.units)
    return ", ".join(words(name, row[name], units=units) for name in names) + (
        "" if row["meets"] else " (not as asked)"
    )
