"""What guidance makes of a generator's samples, in words and numbers: for its page, and for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bonag.insight.guidance import Drawn, Guidance, guidance
from bonag.plots.guidance import guidance as guidance_plot
from bonag.plots.measured import column
from bonag.plots.origins import origins
from bonag.plots.plot import Plot
from bonag.ui.figures import ByIdentity, Figure, draw
from bonag.ui.filters import amount, share
from bonag.ui.source import View
from loops.history import History

if TYPE_CHECKING:
    import pandas as pd

LEAST_TRIALS = 5
CAPTIONS = {
    "spread": "A box holds the middle half of the architectures by {metric}, and its line is the median. The whiskers "
    "reach from 5 % to 95 %.",
    "own": "The {metric} of each trial, by how it was proposed.",
}


@dataclass(frozen=True)
class Samples:
    """result: what was computed, or None if there is nothing. reason: why nothing can be, or None."""

    view: View
    result: Guidance | None = None
    reason: str | None = None

    @classmethod
    def of(cls, view: View) -> Samples:
        """What there is before anything is computed."""
        if view.space is None:
            return cls(
                view,
                reason="A generator makes graphs of a bonag search space, and this experiment has parameters only: "
                "there is no generator for it.",
            )
        count = len(view.history.completed)
        have = "trial has" if count == 1 else "trials have"
        few = (
            f"{count} {have} completed so far. From {LEAST_TRIALS} on, "
            "there is a picture of what steering by them makes of the architectures that the generator draws."
        )
        return cls(view, reason=few if count < LEAST_TRIALS else None)

    @classmethod
    def compute(cls, view: View) -> Samples:
        """All of it, here and now. Imports PyTorch."""
        assert view.space is not None
        history = History(view.history.completed)
        return cls(view, guidance(view.space, view.objective, view.config, history, view.sources))

    @property
    def goals(self) -> list[str]:
        """The metrics that are shown."""
        return [goal.metric for goal in self.view.objective.goals]

    @cached_property
    def own(self) -> dict[str, Figure]:
        """Of each goal, the run's own proposals."""
        return {goal: draw(origins, self.view.history, goal) for goal in self.goals if self.view.history.completed}

    @cached_property
    def spreads(self) -> dict[str, Figure]:
        """Of each goal, the distributions of guided and unguided samples by step."""
        return (
            {}
            if self.result is None
            else {goal: draw(_spread, ByIdentity(self.result.values), goal, self.view.units) for goal in self.goals}
        )

    @property
    def captions(self) -> dict[str, str]:
        """Below the figures, but for the metric."""
        return CAPTIONS

    @property
    def words(self) -> list[str]:
        """What is shown, in a few sentences."""
        config = self.view.config
        if config is not None and config.strategy == "bonag":
            said = [
                "The generator draws architectures. By itself it draws them by chance. The search steers it towards "
                "what its model, fitted on the trials so far, expects to be worth a trial. Both are shown here, at "
                "some steps of the run."
            ]
        else:
            name = f"Strategy {config.strategy}" if config else "What made this experiment"
            said = [
                f"{name} steers no generator. Its proposals from step to step are shown beside architectures that the "
                "space's generator draws by chance."
            ]
        if self.result is None:
            return said
        kinds = dict(zip(self.result.metrics, self.result.sources, strict=True))
        sentences = {
            "measured": "Values of {} are what the run's evaluator says.",
            "predicted": "Values of {} are predicted from all trials: the run's evaluator is slow, or not at hand.",
        }
        for kind, sentence in sentences.items():
            names = [goal for goal in self.goals if kinds[goal] == kind]
            said += [sentence.format(" and ".join(names))] if names else []
        if self.result.problem:
            said.append(f"No generator could draw any: {self.result.problem}.")
        valid = next((one.valid for one in self.result.rows if not np.isnan(one.valid)), None)
        if valid is not None:
            mended = "" if valid == 1 else "; the others were mended"
            said.append(f"{share(valid)} of those drawn by chance were valid as drawn{mended}.")
        return said

    @property
    def rows(self) -> list[tuple[Drawn, dict[str, str], tuple[str, ...]]]:
        """The table's rows: what was drawn, the median of each goal, and the shares and the diversity, as shown."""
        values = {goal: column(self.view.history.completed, goal) for goal in self.goals}
        return [
            (
                one,
                {
                    goal: amount(median, goal, values[goal], self.view.units)
                    for goal, median in zip(self.goals, one.medians, strict=False)
                },
                (
                    share(one.better),
                    share(one.known),
                    "–" if np.isnan(one.diversity) else f"{one.diversity:.2f}",
                ),
            )
            for one in (self.result.rows if self.result else ())
        ]


def _spread(values: ByIdentity[pd.DataFrame], metric: str, units: Mapping[str, str]) -> Plot:
    return guidance_plot(values.value[["step", "kind", metric]].rename(columns={metric: "value"}), metric, units)
