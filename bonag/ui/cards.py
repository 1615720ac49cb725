"""Which of Ax's analyses a page has for an experiment. Imports no Ax."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bonag.ui.source import View

# Ax's plots of single arms take more than ten seconds for more trials than this, and show a cloud.
MANY = 500
# Of more than that, so many are drawn.
RECENT = 300
# Metrics beside the objective's that a scatter plot may take, in this order.
_COSTS = ("macs", "params", "latency")
_WIDE = ("ArmEffects", "BestTrials", "Health", "Summary", "CrossValidation", "MarginalEffects", "TopSurfaces")

OBSERVED, BONAG, AX = "observed", "bonag", "ax"
GROUPS = {
    OBSERVED: ("What was measured", "No model is needed."),
    BONAG: (
        "With bonag's predictor",
        "Where Ax says 'the model', it means the predictor by which strategy bonag decides.",
    ),
    AX: (
        "With Ax's own Gaussian process",
        "A model that took no part in the search, and takes longer.",
    ),
}


@dataclass(frozen=True)
class Card:
    """One analysis. id: its name in addresses. analysis: of Ax. metrics: that it is about.

    model: "observed" (none), "bonag" or "ax" (a Gaussian process of Ax's). demand: computed when asked for only.
    seconds: that it is likely to take. least: completed trials that it needs. recent: of so many trials, the last.
    absent: why it cannot be there, in a sentence, or None.
    """

    id: str
    title: str
    analysis: str
    model: str
    metrics: tuple[str, ...] = ()
    demand: bool = False
    seconds: float = 1.0
    least: int = 1
    recent: int | None = None
    absent: str | None = None

    @property
    def wide(self) -> bool:
        """Whether it takes the page's width: tables, and several figures."""
        return self.analysis in _WIDE


def cards(view: View) -> list[Card]:
    """All cards of an experiment, in the order of the page."""
    large = len(view.history.completed) > MANY
    own = _model_cards(view, BONAG, demand=large) if view.space is not None else _model_cards(view, AX, demand=True)
    return [*_observation_cards(view), *own, *_diagnostics(view)]


def _observation_cards(view: View) -> Iterator[Card]:
    n, metrics, goals = len(view.history.completed), _metrics(view), view.objective.goals
    recent = RECENT if n > MANY else None
    some = n if n <= MANY else RECENT
    several = (
        "With several goals, Ax names no best trials without a generation strategy: see the front on the page Pareto."
    )
    absent = several if len(goals) > 1 else None
    yield Card("best-trials", "Best trials", "BestTrials", OBSERVED, seconds=0.1 + n / 500, absent=absent)
    slow = f"It would take {7e-6 * n * n:.0f} s for {n} trials: the page Run has the same curve." if n > 1000 else None
    yield Card(
        "utility", "Utility progression", "UtilityProgression", OBSERVED, seconds=0.4 + 7e-6 * n * n, absent=slow
    )
    for i, (x, y) in enumerate(_pairs(view, metrics)):
        seconds = 0.8 + some / 80
        yield Card(f"scatter-{i}", f"{y} against {x}", "Scatter", OBSERVED, (x, y), seconds=seconds, recent=recent)
    if metrics:
        seconds = (0.8 + some / 90) * len(metrics)
        yield Card("effects", "Each trial as measured", "ArmEffects", OBSERVED, metrics, seconds=seconds, recent=recent)
    if view.objective.constraints:
        one = "Ax draws the chance to meet the constraints for a single goal only." if len(goals) > 1 else None
        yield Card(
            "feasible", "Observed feasibility", "PFeasible", OBSERVED, metrics, seconds=0.7 + some / 90, absent=one,
            recent=recent,
        )  # fmt: skip
    yield Card("health", "Health checks", "Health", OBSERVED, seconds=0.3 + n / 500)
    yield Card("summary", "Summary", "Summary", OBSERVED, seconds=0.2 + some / 200, recent=recent)


def _model_cards(view: View, model: str, demand: bool) -> Iterator[Card]:
    n, metrics = len(view.history.completed), _metrics(view)
    some, recent = (n, None) if n <= MANY else (RECENT, RECENT)
    fit = 1 + n / 200 if model == BONAG else 3 + n / 100
    slow = f"Fitting it again for each fold would take too long for {n} trials." if n > 2000 else None
    yield Card(
        f"{model}-validation", "Cross-validation", "CrossValidation", model, metrics, demand, fit * 3, 10, absent=slow
    )
    if metrics:
        title, seconds = "Each trial as predicted", fit + some / 90 * len(metrics)
        yield Card(f"{model}-effects", title, "ArmEffects", model, metrics, demand, seconds, 3, recent)
    for i, goal in enumerate(view.objective.goals):
        title = f"Marginal effects on {goal.metric}"
        yield Card(f"{model}-marginal-{i}", title, "MarginalEffects", model, (goal.metric,), demand, fit + 2, 3)


def _diagnostics(view: View) -> Iterator[Card]:
    n, axes = len(view.history.completed), _axes(view)
    seconds = 2 + axes / 2 + n / 5
    slow = f"A Gaussian process of Ax's on {n} trials would take many minutes." if n > 1000 else None
    for i, goal in enumerate(view.objective.goals):
        for name, title, analysis, factor in (
            ("sensitivity", f"Sensitivity of {goal.metric}", "Sensitivity", 1),
            ("surfaces", f"Top surfaces of {goal.metric}", "TopSurfaces", 2),
        ):
            yield Card(f"{AX}-{name}-{i}", title, analysis, AX, (goal.metric,), True, seconds * factor, 5, absent=slow)


def _metrics(view: View) -> tuple[str, ...]:
    """The objective's metrics as Ax has them: a weighted sum is none of them."""
    known = {name for trial in view.history.completed for name in trial.metrics}
    return tuple(name for name in view.objective.metrics if name in known and not _is_sum(view, name))


def _is_sum(view: View, name: str) -> bool:
    return view.config is None and "*" in name


def _pairs(view: View, metrics: Sequence[str]) -> list[tuple[str, str]]:
    """(x, y) for scatter plots: the first goal against the objective's other metrics, or against a cost."""
    if not metrics:
        return []
    first, others = metrics[0], list(metrics[1:])
    if not others:
        known = sorted({name for trial in view.history.completed for name in trial.metrics} - {first})
        others = [name for cost in _COSTS for name in known if name.startswith(cost)][:1]
    return [(other, first) for other in others]


def _axes(view: View) -> int:
    if view.space is not None:
        return len(view.space.parameters())
    trials = view.history.trials
    return len(getattr(trials[0].architecture, "parameters", ())) if trials else 0
