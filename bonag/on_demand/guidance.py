"""How wishes guide a generator: by the network's own conditions, by particles, or by gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bonag.generators.regressor import NoisyRegressor, bound_log_likelihood, fit_regressor
from bonag.generators.trained import CONDITIONAL, Potential, Score, TrainedGenerator
from bonag.on_demand.beliefs import Beliefs, conditional_bounds, strengths_of
from loops.constraint import Constraint
from search_spaces.architecture import COUNTED
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

UNGUIDED = "unguided"
# Guidance strength of each method where none is given: of a share, and of a bound in units, which is meant to be met.
STRENGTHS = {"resampling": (10.0, 48.0), "first-order": (4.8, 24.0), CONDITIONAL: (5.0, 24.0), "gradient": (4.8, 24.0)}


@dataclass(frozen=True)
class Guidance:
    """A method with all that it needs to draw samples.

    method: ``unguided``, or how it is guided. metrics: C names. bounds: (C, 2) in scores. strengths: (C,).
    """

    generator: TrainedGenerator
    method: str
    metrics: tuple[str, ...]
    bounds: np.ndarray
    strengths: np.ndarray
    beliefs: Beliefs | None = None
    regressor: NoisyRegressor | None = None

    def raw_sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n samples before the projection: (n, S) codes."""
        if self.method == UNGUIDED:
            return self.generator.raw_sample(n, rng)
        return self.generator.steered_sample(self.method, n, rng, self)

    def log_reward(self, codes: np.ndarray) -> np.ndarray:
        """What particles are weighted by: (B, S) codes -> (B,)."""
        assert self.beliefs is not None
        return self.beliefs.log_probability(codes, self.bounds, self.strengths)

    def log_rewards(self) -> list[Score]:
        """The same as a sum: first all metrics at the least of the strengths, then what some have beyond that.

        Particles that climbed a strong bound first would have left the places where a weak one can be met as well.
        """
        beliefs = self.beliefs
        assert beliefs is not None
        given = (np.isfinite(self.bounds).any(axis=1)) & (self.strengths > 0)
        least = self.strengths[given].min(initial=np.inf)
        common = np.where(given, least, 0.0)
        parts = [common, np.where(given, self.strengths - common, 0.0)]
        return [partial(beliefs.log_probability, bounds=self.bounds, strengths=part) for part in parts if part.any()]

    def strength_of(self, wishes: Sequence[Constraint]) -> dict[str, float]:
        """The strength by metric, of those that are wished for."""
        strengths = dict(zip(self.metrics, self.strengths.tolist(), strict=True))
        return {wish.metric: strengths[wish.metric] for wish in wishes}

    def potential(self) -> Potential:
        """What gradients are taken of."""
        assert self.regressor is not None
        return bound_log_likelihood(self.regressor, self.bounds, self.strengths)


def choose_method(
    generator: TrainedGenerator,
    wishes: Sequence[Constraint],
    method: str | None,
    learnt_from: str | None,
    measured_by: str,
    same_networks: bool,
) -> str:
    """The method that was asked for, or the best that the generator allows; raises UserError.

    learnt_from: what evaluated the labels of a conditional generator. measured_by: what evaluates now. same_networks:
    whether both are of networks of one size.
    """
    if not wishes:
        if method is not None:
            raise UserError(f"method '{method}' needs something to be guided by: give --where")
        return UNGUIDED
    known = set(generator.quantiles)
    missing = [wish.metric for wish in wishes if wish.metric not in known]
    # The same metric of another task or evaluator is another metric; counts of the same networks are the same.
    counted = same_networks and {wish.metric for wish in wishes} <= set(COUNTED)
    other = learnt_from != measured_by and not counted
    choices = generator.methods if missing or other else (CONDITIONAL, *generator.methods)
    if method is None:
        return choices[0]
    if method == CONDITIONAL and generator.family == "discrete" and missing:
        raise UserError(
            f"this generator was not trained with the condition '{missing[0]}': train one by `bonag train-generator "
            f"--condition {missing[0]}`, or choose from {', '.join(choices)}"
        )
    if method == CONDITIONAL and generator.family == "discrete" and other:
        raise UserError(
            f"this generator learnt its conditions from '{learnt_from}' and not from '{measured_by}': give that "
            f"evaluator and task, or choose from {', '.join(choices)}"
        )
    if method not in choices:
        raise UserError(f"unknown method '{method}' for a {generator.family} generator: {suggestion(method, choices)}")
    return method


def make_guidance(
    generator: TrainedGenerator,
    method: str,
    wishes: Sequence[Constraint],
    strengths: Mapping[str, float],
    beliefs: Beliefs | None = None,
    seed: int = 0,
) -> Guidance:
    """The method put together. wishes: all in units. beliefs: needed by the methods that a predictor guides."""
    if method == UNGUIDED:
        return Guidance(generator, method, (), np.empty((0, 2)), np.empty(0))
    metrics = tuple(generator.quantiles if beliefs is None else beliefs.models)
    in_units = {wish.metric for wish in wishes if wish.share is None}
    usual = {wish.metric: STRENGTHS[method][wish.metric in in_units] for wish in wishes}
    bounds = conditional_bounds(wishes, generator.quantiles) if beliefs is None else beliefs.bounds(wishes)
    chosen = strengths_of(usual | dict(strengths), metrics, 0.0)
    regressor = None
    if method in ("gradient", "first-order") and beliefs is not None:
        regressor = fit_regressor(generator.space, beliefs.posterior, generator.noised, seed=seed)
    return Guidance(generator, method, metrics, bounds, chosen, beliefs, regressor)
