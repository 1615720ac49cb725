"""Acquisition for several goals and for constraints, against BoTorch, sampling and the definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from botorch.acquisition.analytic import LogConstrainedExpectedImprovement
from botorch.acquisition.multi_objective.logei import qLogExpectedHypervolumeImprovement
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal
from torch import Tensor

from bonag.acquisition.hypervolume import LogExpectedHypervolumeImprovement
from bonag.acquisition.surrogate import Surrogate, Worth
from loops.dominance import hypervolume
from loops.objective import Objective
from loops.protocols import Prediction
from search_spaces import SearchSpace
from search_spaces.errors import UserError


class Known(Model):
    """Independent Gaussians of given means and standard deviations: (B, m) each, asked for all at once."""

    def __init__(self, mean: np.ndarray, spread: np.ndarray) -> None:
        super().__init__()
        self.mean, self.spread = torch.from_numpy(mean), torch.from_numpy(spread)

    @property
    def num_outputs(self) -> int:
        return self.mean.shape[1]

    def posterior(self, X: Tensor, *args: Any, **kwargs: Any) -> GPyTorchPosterior:
        each = [
            MultivariateNormal(mean[:, None], (spread**2)[:, None, None])
            for mean, spread in zip(self.mean.T, self.spread.T, strict=True)
        ]
        return GPyTorchPosterior(MultitaskMultivariateNormal.from_independent_mvns(each))


def values_of(space: SearchSpace, codes: np.ndarray) -> np.ndarray:
    """Three metrics that are at odds with each other: (n, 3)."""
    cells = [space.decode(space.graph(code)) for code in codes]
    costs = [space.costs(cell) for cell in cells]
    skips = [str(cell).count("skip") for cell in cells]
    return np.array([[c.macs**0.5 + 500 * s, c.macs, c.params] for c, s in zip(costs, skips, strict=True)])


def fit(fitted: Any, goals: list[str], constraints: list[str], n: int = 30) -> Worth:
    objective = Objective.parse(goals, constraints)
    codes = np.concatenate([fitted.seen, fitted.unseen])[:n]
    metrics = dict(zip(("quality", "time", "params"), values_of(fitted.space, codes).T, strict=True))
    return Surrogate(fitted.space, objective).fit(fitted.history(codes, **metrics), seed=0)


def gaussians(mean: np.ndarray, spread: np.ndarray) -> list[Prediction]:
    """(B, m) each -> one prediction for each goal."""
    return [Prediction(*pair) for pair in zip(mean.T, spread.T, strict=True)]


@pytest.mark.parametrize("m", [2, 3])
def test_log_ehvi_is_the_logarithm_of_what_sampling_gives(m: int) -> None:
    rng = np.random.default_rng(m)
    front, reference = rng.normal(size=(8, m)), np.full(m, -1.5)
    mean, spread = rng.normal(size=(3, m)), rng.uniform(0.2, 1, size=(3, m))
    before = hypervolume(front, reference)
    draws = rng.normal(mean, spread, size=(400, 3, m))
    gains = np.array([[hypervolume(np.vstack([front, one]), reference) - before for one in draw] for draw in draws])
    error = 5 * gains.std(axis=0) / len(draws) ** 0.5 + 1e-3
    found = LogExpectedHypervolumeImprovement(front, reference)(gaussians(mean, spread))
    assert (np.abs(np.exp(found) - gains.mean(axis=0)) < error).all()


@pytest.mark.slow
def test_log_ehvi_agrees_with_botorchs() -> None:
    rng = np.random.default_rng(0)
    front, reference = rng.normal(size=(10, 2)), np.array([-2.0, -1.0])
    mean, spread = rng.normal(size=(40, 2)), rng.uniform(0.2, 1, size=(40, 2))
    boxes = FastNondominatedPartitioning(torch.from_numpy(reference), torch.from_numpy(front))
    theirs = qLogExpectedHypervolumeImprovement(
        Known(mean, spread), reference.tolist(), boxes, SobolQMCNormalSampler(torch.Size([4096]), seed=0)
    )(torch.zeros(40, 1, 3, dtype=torch.float64))
    found = LogExpectedHypervolumeImprovement(front, reference)(gaussians(mean, spread))
    likely = found > -5
    np.testing.assert_allclose(found[likely], theirs.numpy()[likely], atol=0.05)


def test_log_ehvi_still_ranks_where_the_volume_is_zero_to_machine_precision() -> None:
    front, reference = np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([-1.0, -1.0])
    distance = np.arange(5.0, 100)
    hopeless = LogExpectedHypervolumeImprovement(front, reference)(
        gaussians(np.stack([-distance, -distance], axis=1), np.full((len(distance), 2), 0.1))
    )
    assert np.isfinite(hopeless).all()
    assert (np.diff(hopeless) < 0).all()


def test_with_no_front_yet_the_volume_is_that_above_the_reference() -> None:
    found = LogExpectedHypervolumeImprovement(np.empty((0, 2)), np.zeros(2))(
        gaussians(np.array([[30.0, 50]]), np.ones((1, 2)))
    )
    assert found == pytest.approx(np.log(1500))


def test_constrained_improvement_is_botorchs(fitted: Any) -> None:
    acquisition = fit(fitted, ["quality"], ["time<=5e7"])
    assert 0 < acquisition.feasible.sum() < len(acquisition.feasible)
    models = acquisition.models
    beliefs = [model.predict(fitted.unseen) for model in models.values()]
    mean, spread = (np.stack([getattr(b, part) for b in beliefs], axis=1) for part in ("mean", "stddev"))
    # Scores of times grow as times fall, so the bound is a lower one.
    bound = float(models["time"].scale.to_scores(np.array(-5e7)))
    best = acquisition.scores[acquisition.feasible, 0].max()
    theirs = LogConstrainedExpectedImprovement(Known(mean, spread), best, 0, {1: (bound, None)})
    expected = theirs(torch.zeros(len(mean), 1, 3, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(acquisition(fitted.unseen), expected, rtol=1e-6, atol=1e-6)


def test_while_nothing_is_feasible_the_most_feasible_is_sought(fitted: Any) -> None:
    acquisition = fit(fitted, ["quality"], ["time<=1e3"])
    assert not acquisition.feasible.any()
    belief = acquisition.models["time"].predict(fitted.unseen)
    bound = acquisition.models["time"].scale.to_scores(np.array(-1e3))
    assert np.array_equal(np.argsort(-acquisition(fitted.unseen)), np.argsort(-(belief.mean - bound) / belief.stddev))


@pytest.mark.parametrize("constraints", [["params<=600000"], ["params<=600000", "params>=200000"]])
def test_what_is_counted_is_known_and_never_breaks_a_bound(fitted: Any, constraints: list[str]) -> None:
    acquisition, free = fit(fitted, ["quality"], constraints), fit(fitted, ["quality", "-params"], [])
    params = values_of(fitted.space, fitted.unseen)[:, 2]
    met = (params <= 6e5) & (params >= (2e5 if len(constraints) > 1 else 0))
    values = acquisition(fitted.unseen)
    assert 0 < met.sum() < len(met)
    assert values[met].min() > values[~met].max() + 10
    assert free.models["params"].exact
    mean = free.models["params"].predict(fitted.unseen).mean
    assert np.array_equal(mean.argsort(kind="stable"), (-params).argsort(kind="stable"))


@pytest.mark.parametrize(
    ("goals", "constraints"),
    [(["quality"], ["time<=5e7"]), (["quality", "-time"], []), (["quality", "-time"], ["time<=5e7"])],
)
def test_what_waits_is_worth_less(fitted: Any, goals: list[str], constraints: list[str]) -> None:
    acquisition = fit(fitted, goals, constraints)
    before = acquisition(fitted.unseen)
    best = fitted.unseen[[int(before.argmax())]]
    after = acquisition.after(best)
    assert after(best)[0] < before.max() - 0.5
    assert np.array_equal(acquisition(fitted.unseen), before)
    assert acquisition.after(best[:0]) is acquisition


@pytest.mark.parametrize("name", ["ucb", "pi", "thompson"])
def test_an_acquisition_for_one_goal_refuses_more(fitted: Any, name: str) -> None:
    for objective in (Objective.parse(["quality", "-time"]), Objective.parse("quality", ["time<=1"])):
        with pytest.raises(UserError, match=f"acquisition '{name}' is for one objective without constraints") as found:
            Surrogate(fitted.space, objective, acquisition=name)
        assert "\n" not in str(found.value)
    Surrogate(fitted.space, Objective.parse("quality"), acquisition=name)
