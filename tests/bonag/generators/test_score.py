"""The score-based generator: exact where sites do not depend on each other, and trained where they do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from bonag.generators.denoiser import Denoiser
from bonag.generators.diffusion import Transition
from bonag.generators.fitting import Schedule, fit_network
from bonag.generators.samplers import SAMPLERS
from bonag.generators.score import TRAINED_RATIOS, ScoreGenerator
from bonag.generators.sde import SDE, VE, VP, SubVP
from search_spaces import get_space

P_VALUE = 1e-3
SDES = {"ve": VE(), "vp": VP(last_level=0.05), "subvp": SubVP(last_level=0.1)}
every_sde = pytest.mark.parametrize("sde", SDES.values(), ids=list(SDES))
COMBINATIONS = [
    ("ve", "dpm"),
    ("vp", "pc"),
    *(
        pytest.param(*pair, marks=pytest.mark.slow)
        for pair in [("ve", "heun"), ("ve", "pc"), ("vp", "dpm"), ("subvp", "pc")]
    ),
]
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS)


def make(name: str, sde: SDE, silent: bool) -> ScoreGenerator:
    """An untrained generator; a silent network says nothing, which is right where all sites vary freely."""
    space = get_space(name)
    codes = space.codes(space.sample(20_000, np.random.default_rng(0)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        denoiser = Denoiser(space, width=8 if silent else 32, heads=2, layers=1 if silent else 2).eval()
    if silent:
        torch.nn.init.zeros_(denoiser.readout.weight)
        torch.nn.init.zeros_(denoiser.readout.bias)
    return ScoreGenerator(space, denoiser, Transition.of_sample(space, codes, uniform=silent).marginals, sde)


def frequencies(codes: np.ndarray, site: int, classes: int) -> np.ndarray:
    return np.bincount(codes[:, site], minlength=classes)


@pytest.mark.parametrize(("sde", "sampler"), COMBINATIONS)
def test_cells_are_uniform_if_the_network_is_right(sde: str, sampler: str) -> None:
    generator = make("nb201", SDES[sde], silent=True)
    codes = generator.raw_sample(1000, np.random.default_rng(0), steps=12, sampler=sampler)
    space = generator.space
    assert codes.shape == (1000, space.num_sites)
    fixed = space.fixed_ops >= 0
    assert (codes[:, fixed] == space.fixed_ops[fixed]).all()
    for site in np.flatnonzero(~fixed):
        counts = frequencies(codes, site, 7)
        assert counts[:2].sum() == 0
        assert chisquare(counts[2:]).pvalue > P_VALUE
    # Pairs of sites are independent too.
    pairs = np.bincount(5 * (codes[:, 1] - 2) + codes[:, 2] - 2, minlength=25)
    assert chisquare(pairs).pvalue > P_VALUE


@pytest.mark.slow
@pytest.mark.parametrize(("sde", "sampler"), COMBINATIONS)
def test_guidance_by_an_exact_potential_gives_the_exact_posterior(sde: str, sampler: str) -> None:
    # The wish: to be among 500 cells. Enumerated, log p(wish | x_t) is the log of the sum of their probabilities.
    generator = make("nb201", SDES[sde], silent=True)
    wished = generator.space.codes(generator.space.sample(500, np.random.default_rng(1)))[:, 1:-1]
    rows = torch.nn.functional.one_hot(torch.from_numpy(wished), 7).float().flatten(1)

    def potential(seen: Tensor, t: Tensor) -> Tensor:
        return (seen[:, 1:-1].clamp_min(1e-30).log().flatten(1) @ rows.T).logsumexp(dim=-1)

    codes = generator.gradient_sample(1000, potential, np.random.default_rng(0), steps=20, sampler=sampler)[:, 1:-1]
    assert (codes[:, None] == wished).all(axis=2).any(axis=1).mean() > 0.99
    # All of them alike: as many different ones as in uniform draws, and as many of every class.
    assert len(np.unique(codes, axis=0)) == pytest.approx(500 * (1 - np.exp(-2)), abs=30)
    for site in range(6):
        expected = np.bincount(wished[:, site], minlength=7)[2:] * 2.0
        counts = np.bincount(codes[:, site], minlength=7)[2:]
        assert chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > P_VALUE


def test_a_potential_without_a_finite_gradient_is_refused() -> None:
    generator = make("nb201", SDES["ve"], silent=True)
    with pytest.raises(ValueError, match="gradient of the potential is not finite"):
        generator.gradient_sample(1, lambda x, t: (0 * x[:, 1, 2]).sqrt(), np.random.default_rng(0))


@pytest.mark.slow
@every_sde
def test_the_network_adds_to_bayes_rule_of_single_sites(sde: SDE) -> None:
    generator = make("nb201", sde, silent=True)
    t = torch.tensor([0.3, 0.8])
    x = torch.randn(2, 8, 7, generator=torch.Generator().manual_seed(0))
    mean = generator.mean(x, t)
    for row in range(2):
        alpha, sigma = sde.alpha(t[row]), sde.sigma(t[row])
        for site in range(1, 7):
            points = 2 * torch.eye(7)[2:] - 1
            weights = torch.exp(-((x[row, site] - alpha * points) ** 2).sum(dim=1) / (2 * sigma**2))
            expected = (weights[:, None] * points).sum(dim=0) / weights.sum()
            torch.testing.assert_close(mean[row, site], expected, rtol=1e-4, atol=1e-4)
    speaking = ScoreGenerator(generator.space, make("nb201", sde, silent=False).denoiser, generator.marginals, sde)
    assert (speaking.mean(x, t) - mean)[:, 1:-1, 2:].abs().max() > 0.01


@every_sde
def test_networks_see_the_probabilities_of_noised_codes(sde: SDE) -> None:
    generator = make("mbv3", sde, silent=False)
    space = generator.space
    codes = torch.from_numpy(space.codes(space.sample(2000, np.random.default_rng(0))))
    random = torch.Generator().manual_seed(0)
    for level in (sde.last_level, 0.5, 0.8, 1.0):
        seen = generator.noised(codes, torch.full((len(codes),), level), random)
        torch.testing.assert_close(seen.sum(dim=-1), torch.ones(2000, 20))
        # Calibrated: among the classes that are given 20 to 40 %, as many are right as are promised.
        right = torch.nn.functional.one_hot(codes, 10).bool()
        for low in (0.0, 0.2, 0.4, 0.6, 0.8):
            inside = (seen >= low) & (seen < low + 0.2)
            if inside.sum() > 2000:
                assert right[inside].float().mean().item() == pytest.approx(seen[inside].mean().item(), abs=0.05)
        assert (seen[~(generator.marginals > 0).expand_as(seen)] == 0).all()
    assert (generator.noised(codes, torch.zeros(2000) + sde.last_level, random).argmax(dim=-1) == codes).all()


@pytest.mark.slow
@every_sampler
def test_the_same_seed_gives_the_same_samples_however_many_are_drawn(sampler: str) -> None:
    generator = make("nb201", SDES["ve"], silent=True)

    def drawn(n: int, seed: int = 5) -> np.ndarray:
        return generator.raw_sample(n, np.random.default_rng(seed), 3, sampler)

    whole = drawn(257)
    for n in (0, 1, 257):
        assert np.array_equal(whole[:n], drawn(n))
    assert not np.array_equal(whole[:256], drawn(256, seed=6))


def test_guidance_is_as_repeatable_and_no_strength_is_none() -> None:
    generator = make("nb201", SDES["ve"], silent=True)

    def drawn(n: int, strength: float) -> np.ndarray:
        return generator.gradient_sample(n, lambda x, t: 3 * x[:, 1, 4], np.random.default_rng(5), strength, 6)

    assert np.array_equal(drawn(70, 1.0), drawn(256, 1.0)[:70])
    assert np.array_equal(drawn(70, 0.0), generator.raw_sample(70, np.random.default_rng(5), 6, "pc"))
    assert (drawn(256, 1.0)[:, 1] == 4).sum() > (drawn(256, 0.0)[:, 1] == 4).sum() + 50


@pytest.mark.parametrize("name", ["nb201", "mbv3"])
def test_architectures_are_valid_even_from_an_untrained_network(name: str) -> None:
    generator = make(name, SDES["vp"], silent=False)
    architectures = generator.sample(40, np.random.default_rng(0), steps=5)
    assert len(architectures) == 40
    assert all(generator.space.is_valid(generator.space.encode(one)) for one in architectures)
    codes = generator.raw_sample(40, np.random.default_rng(0), steps=5)
    valid = [index for index, code in enumerate(codes) if generator.space.is_valid(generator.space.graph(code))]
    assert valid
    # What is valid already is its own projection.
    assert np.array_equal(generator.space.codes(architectures)[valid], codes[valid])


def test_bad_settings_are_refused() -> None:
    generator = make("nb201", SDES["ve"], silent=True)
    with pytest.raises(ValueError, match="unknown sampler 'ddim': choose from dpm, heun, pc"):
        generator.raw_sample(1, np.random.default_rng(0), sampler="ddim")
    with pytest.raises(ValueError, match="at least 2 steps"):
        generator.sample(1, np.random.default_rng(0), steps=0)


def train(generator: ScoreGenerator, schedule: Schedule) -> None:
    random, space = torch.Generator().manual_seed(0), generator.space
    pool = torch.from_numpy(space.codes(space.sample(20_000, np.random.default_rng(1))))

    def loss(step: int) -> Tensor:
        return generator.loss(pool[torch.randint(len(pool), (schedule.batch_size,), generator=random)], random)

    fit_network(generator.denoiser, loss, schedule)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nb201", "mbv3"])
def test_the_loss_of_a_silent_network_is_the_entropy_of_the_marginals(name: str) -> None:
    # It is told nothing of the site in question, and says nothing of the others.
    generator = make(name, SDES["ve"], silent=False)
    torch.nn.init.zeros_(generator.denoiser.readout.weight)
    torch.nn.init.zeros_(generator.denoiser.readout.bias)
    codes = torch.from_numpy(generator.space.codes(generator.space.sample(4000, np.random.default_rng(0))))
    entropy = -torch.xlogy(generator.marginals, generator.marginals).sum(dim=1)
    with torch.no_grad():
        loss = generator.loss(codes, torch.Generator().manual_seed(0)).item()
    assert loss == pytest.approx(entropy[entropy > 1e-9].mean().item(), rel=0.01)


@pytest.mark.numeric
@pytest.mark.slow
def test_training_learns_how_sites_depend_on_each_other() -> None:
    generator = make("nb201", SDES["ve"], silent=False)
    space = generator.space
    # A made-up space, in which all free sites have the same class.
    pool = space.codes(space.sample(4000, np.random.default_rng(0)))
    pool[:, 2:7] = pool[:, 1:2]
    random, rows = torch.Generator().manual_seed(0), torch.from_numpy(pool)

    def loss(step: int) -> Tensor:
        return generator.loss(rows[torch.randint(len(rows), (64,), generator=random)], random)

    fit_network(generator.denoiser, loss, Schedule(steps=300, batch_size=64, learning_rate=1e-2))
    codes = generator.raw_sample(256, np.random.default_rng(0), steps=8)
    # Of free sites a fifth agree.
    assert (codes[:, 1] == codes[:, 6]).mean() > 0.8
    # No class is preferred.
    assert np.bincount(codes[:, 1], minlength=7)[2:].min() > 20

    # x_t is a mixture of five Gaussians, one per class, whose posterior mean, and with it the score, is known.
    x = generator.one_hot(rows[:1000])
    t = generator.sde.random_levels(len(x), random, TRAINED_RATIOS)
    alpha, sigma = generator.sde.alpha(t)[:, None, None], generator.sde.sigma(t)[:, None, None]
    noisy = alpha * x + sigma * torch.randn(x.shape, generator=random)
    true = 2 * (2 * alpha[:, 0] / sigma[:, 0] ** 2 * noisy[:, 1:7, 2:].sum(dim=1)).softmax(dim=-1) - 1
    with torch.no_grad():
        found = generator.mean(noisy, t)[:, 1:7, 2:]
    alone = 2 * (2 * alpha / sigma**2 * noisy[:, 1:7, 2:]).softmax(dim=-1) - 1
    error, least = ((mean - true[:, None]).square().mean().sqrt().item() for mean in (found, alone))
    assert error < 0.4 * least


@pytest.mark.slow
def test_a_briefly_trained_network_samples_the_space_evenly() -> None:
    space = get_space("mbv3")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        denoiser = Denoiser(space)
    sample = space.codes(space.sample(50_000, np.random.default_rng(0)))
    generator = ScoreGenerator(space, denoiser, Transition.of_sample(space, sample).marginals, SDES["ve"])
    train(generator, Schedule(steps=600, learning_rate=2e-3))
    drawn = generator.raw_sample(2048, np.random.default_rng(1))
    # Sites that do not know of each other give 0.95.
    assert np.mean([space.is_valid(space.graph(code)) for code in drawn]) >= 0.965
    shares = np.eye(generator.marginals.shape[1])[drawn].mean(axis=0)
    # Uniform samples of that size are some 0.02 away themselves.
    assert np.abs(shares - generator.marginals.numpy()).sum(axis=1).mean() / 2 < 0.04
    assert len(np.unique(drawn, axis=0)) == len(drawn)
