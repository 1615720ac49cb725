"""Generated architectures in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loops.metric_units import amount
from search_spaces.drawing.notebook import card, code, facts, heading, small, table
from search_spaces.drawing.svg import Markup, element

if TYPE_CHECKING:
    from bonag.on_demand.generated import Generated

# Architectures in the table.
SHOWN = 8


def generated_card(made: Generated) -> Markup:
    """What was asked for, what it took, and the first architectures drawn, with what is true of them."""
    count, asked, drawn = len(made.architectures), made.drawn.asked, made.drawn
    fewer = f" of {asked:,} that were asked for" if count < asked else ""
    wishes = f"asked for {', '.join(map(str, made.wishes))}; " if made.wishes else ""
    took = f"{drawn.count:,} drawn, of which {drawn.unique:.0%} are different"
    met = f" and {drawn.meets_all:.0%} meet what was asked" if made.wishes else ""
    cost = f", {made.labels:,} labels" if made.labels else ""
    made_by = f"{made.family} generator, method {made.method}, seed {made.seed}; metrics: {made.measured_by}"
    names = ["", *made.values, *(["as asked"] if made.wishes else []), "architecture"]
    rest = [small(f"the first {SHOWN} of {count:,}; all are in .frame")] if count > SHOWN else []
    return card(
        heading(f"{count:,} architectures{fewer}", made.space.name, ""),
        facts(f"{wishes}{took}{met}{cost}", made_by),
        table(names, [_row(made, place) for place in range(min(count, SHOWN))], left=("", "architecture")),
        *rest,
    )


def _row(made: Generated, place: int) -> list[str]:
    architecture = made.architectures[place]
    values = [amount(name, float(value[place]), units=made.units) for name, value in made.values.items()]
    asked = ["yes" if made.meets[place] else "no"] if made.wishes else []
    drawing = element("div", made.space.draw(architecture, small=True), style="width:120px")
    return [drawing, *values, *asked, code(str(architecture))]
