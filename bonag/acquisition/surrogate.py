"""From a history to what an evaluation is worth, for one goal or several, with constraints or without."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Protocol, cast

import numpy as np

from bonag.acquisition.constrained import log_feasibility, meets
from bonag.acquisition.metric_models import MetricFitter, MetricModel
from bonag.roles import ACQUISITIONS, PREDICTORS
from bonag.transfer.summary import advice_of
from loops.history import History, TrialStatus
from loops.initial import most_expensive
from loops.metric_units import is_cost
from loops.objective import Objective
from loops.protocols import Acquisition, Prediction, Predictor
from loops.source import Source
from search_spaces import SearchSpace
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError
from search_spaces.registry import name_of

# How far the reference point lies below the worst of each goal, in scores.
BELOW_WORST = 1.0
DEFAULT = "log-ei"
# Random architectures with which the most expensive one is compared.
COMPARED = 64


class ForObjectives(Protocol):
    """An acquisition that takes several goals; being a logarithm, it is added to that of feasibility."""

    def on_front(self, front: np.ndarray, reference: np.ndarray) -> Callable[[Sequence[Prediction]], np.ndarray]:
        """The acquisition of m goals, of one prediction for each.

        front: (k, m) scores, larger is better; dominated points do no harm. reference: (m,), where volumes begin.
        """
        ...


class Drawing(Protocol):
    """An acquisition that draws at random."""

    def __call__(self, prediction: Prediction, best: float, uniform: np.ndarray) -> np.ndarray:
        """See ``Acquisition``."""
        ...


@dataclass(frozen=True, eq=False)
class Worth:
    """What evaluations are worth after a history: (B, S) codes -> (B,), larger is better.

    One goal: the acquisition on the best score that was seen. What the model believes of that trial is less, the
    noisier it takes trials to be; to improve on that alone would be to stay where the search is already. Several goals:
    the acquisition on their front, on the models' scale of scores, where no goal outweighs another because of its unit;
    the reference point lies one standard deviation of these below the worst of every goal that any trial has, so that
    the ends of the front count too.

    With constraints, the front and the best are those of the trials that meet them, and the log of the probability that
    all are met is added (Gardner et al., 2014, "Bayesian Optimization with Inequality Constraints"; BoTorch's
    LogConstrainedExpectedImprovement). While no trial meets them, it stands alone. Before there is any trial, which
    takes sources, the sum of the goals' means is in the place of the acquisition.

    models: by metric, in the order of the objective's. scores: (n, M) of each metric, of n trials. feasible: (n,),
    which of them meet the constraints. seed: of what the acquisition draws at random.
    """

    objective: Objective
    acquisition: Acquisition
    models: Mapping[str, MetricModel]
    scores: np.ndarray
    feasible: np.ndarray
    seed: int

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(B, S) codes -> (B,) values."""
        beliefs = {metric: model.predict(codes) for metric, model in self.models.items()}
        total = log_feasibility(self.objective.constraints, self.models, beliefs)
        goals = [beliefs[goal.metric] for goal in self.objective.goals]
        if len(self.scores) == 0:
            total = total + np.sum([goal.mean for goal in goals], axis=0)
        elif self.feasible.any():
            total = total + self._improvement(codes, goals)
        return total

    def after(self, codes: np.ndarray) -> Worth:
        """The same once the (k, S) codes are evaluated and turn out as expected (kriging believer, Ginsbourger et al.,
        2010)."""
        if len(codes) == 0:
            return self
        expected = {metric: model.predict(codes).mean for metric, model in self.models.items()}
        return replace(
            self,
            models={metric: model.after(codes) for metric, model in self.models.items()},
            scores=np.concatenate([self.scores, np.stack(list(expected.values()), axis=1)]),
            feasible=np.concatenate([self.feasible, meets(self.objective.constraints, self.models, expected)]),
        )

    def note(self) -> dict[str, object]:
        """What a trial's provenance should say: what the first goal's model notes, and how many trials are feasible."""
        noted = getattr(self.models[self.objective.goals[0].metric].model, "note", None)
        note: dict[str, object] = dict(noted()) if noted else {}
        return note | ({"feasible": int(self.feasible.sum())} if self.objective.constraints else {})

    def _improvement(self, codes: np.ndarray, goals: list[Prediction]) -> np.ndarray:
        if len(goals) > 1:
            return self._on_front(goals)
        # The goals are the first of the metrics.
        best = float(self.scores[self.feasible, 0].max())
        if self._draws:
            drawn = cast(Drawing, self.acquisition)
            return drawn(goals[0], best, uniform=uniform_numbers(codes, self.seed))
        return self.acquisition(goals[0], best)

    @cached_property
    def _draws(self) -> bool:
        return "uniform" in inspect.signature(self.acquisition).parameters

    @cached_property
    def _on_front(self) -> Callable[[Sequence[Prediction]], np.ndarray]:
        scores = self.scores[:, : len(self.objective.goals)]
        return cast(ForObjectives, self.acquisition).on_front(scores[self.feasible], scores.min(axis=0) - BELOW_WORST)


class Surrogate:
    """Fits a model to every metric of an objective: a pure function of the history and a seed.

    predictor, acquisition: one, or the name of one. sources: evaluations of other tasks. Raises UserError for an
    acquisition that cannot take the objective, and for a predictor that takes no sources.
    """

    def __init__(
        self,
        space: SearchSpace,
        objective: Objective,
        predictor: Predictor | str = "gp",
        acquisition: Acquisition | str = DEFAULT,
        sources: Sequence[Source] = (),
    ) -> None:
        self.space, self.objective = space, objective
        self.acquisition: Acquisition = ACQUISITIONS.make(acquisition)
        if not objective.single and not hasattr(self.acquisition, "on_front"):
            raise UserError(
                f"acquisition '{_name_of_acquisition(acquisition)}' is for one objective without constraints; for "
                f"{objective} it is '{DEFAULT}'"
            )
        one: Predictor = PREDICTORS.make(predictor, {"space": lambda: space, "device": lambda: "cpu"})
        self.advice = advice_of(space, objective, sources)
        self._fitters = [
            MetricFitter(space, metric, objective.signs[metric], one, self.advice.get(metric))
            for metric in objective.metrics
        ]

    def fit(self, history: History, seed: int) -> Worth:
        """What evaluations are worth after a history, with completed trials unless sources know all metrics.

        A failed trial counts as the worst of the completed ones in every metric, so that the search leaves the places
        where evaluations fail (as Vizier's does, Song et al., 2024, "The Vizier Gaussian Process Bandit Algorithm").
        """
        models, scores = {}, []
        for fitter in self._fitters:
            model = models[fitter.metric] = fitter.fit(*self._seen(history, fitter))
            scores.append(model.scale.to_scores(model.sign * history.values(fitter.metric)))
        feasible = self.objective.feasible(history)
        return Worth(self.objective, self.acquisition, models, np.stack(scores, axis=1), feasible, seed)

    def _seen(self, history: History, fitter: MetricFitter) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, S) of trials in the order in which they ended, and (n,) values of a metric."""
        counted = fitter.metric in COUNTED and self.space.counts
        known = history.completed if counted or not history.completed else history.judged
        worst = fitter.sign * min((fitter.sign * value for value in history.values(fitter.metric)), default=np.nan)
        values = [trial.metrics[fitter.metric] if trial.status is TrialStatus.COMPLETED else worst for trial in known]
        return self.space.codes([trial.architecture for trial in known]), np.array(values, dtype=np.float64)

    def best_of_sources(self, n: int) -> np.ndarray:
        """The (k, S) codes, k <= n, that the first goal's sources think best of what they hold."""
        advice = self.advice.get(self.objective.goals[0].metric)
        return self.space.codes([]) if advice is None else advice.best(n)

    def follows_sources(self, history: History) -> bool:
        """Whether no first design is needed.

        Something is known of each metric, and the first goal's sources are in trust after the history. Sources that
        contradict what searches begin with, that large networks are good, must be borne out by the first design.
        """
        goal = self.objective.goals[0].metric
        counted = COUNTED if self.space.counts else ()
        unknown = [metric for metric in self.objective.metrics if metric not in self.advice and metric not in counted]
        if goal not in self.advice or (unknown and not history.completed) or self._deny_capacity:
            return False
        codes = self.space.codes([trial.architecture for trial in history.completed])
        model = next(one for one in self._fitters if one.metric == goal).fit(codes, history.values(goal)).model
        return bool(getattr(model, "trusts", False))

    @cached_property
    def _deny_capacity(self) -> bool:
        """Whether the first goal's sources take the most expensive architecture for worse than most random ones."""
        goal = self.objective.goals[0].metric
        if not self.space.counts or is_cost(goal):
            return False
        largest = [most_expensive(self.space)]
        others = self.space.sample(COMPARED, np.random.default_rng(0))
        expected = self.advice[goal](self.space.codes([*largest, *others])).mean(axis=1)
        return bool(expected[0] < np.median(expected[1:]))


def uniform_numbers(codes: np.ndarray, seed: int) -> np.ndarray:
    """Numbers in (0, 1) that are functions of (B, S) codes and the seed: (B,)."""
    # A cryptographic hash: the checksums of two architectures differ by the same bits whatever the seed.
    key = seed.to_bytes(8, "little")
    digests = [blake2b(row.tobytes(), digest_size=4, key=key).digest() for row in codes.astype(np.int16)]
    return (np.frombuffer(b"".join(digests), dtype="<u4") + 0.5) / 2**32


def _name_of_acquisition(acquisition: Acquisition | str) -> str:
    """Its name, that of the table where it is in it."""
    name = name_of(acquisition)
    return next((short for short, path in ACQUISITIONS.built_in.items() if path == name), name)
