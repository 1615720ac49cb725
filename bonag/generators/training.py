"""Training a generator of any space, on unlabelled samples; labels come in only through conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bonag.generators.artifact import FAMILIES
from bonag.generators.conditions import RandomBounds, normal_scores, quantiles_of
from bonag.generators.denoiser import Denoiser
from bonag.generators.diffusion import Transition
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.fitting import Checkpoint, Progress, Schedule, fit_network
from bonag.generators.regressor import Posterior
from bonag.generators.score import ScoreGenerator
from bonag.generators.sde import SDE, VE
from bonag.generators.split import POOL, training_pool
from bonag.generators.trained import TrainedGenerator
from search_spaces import SearchSpace
from search_spaces.errors import UserError

# A batch of a conditional generator is so many sets of bounds, each with the same number of architectures.
BOUND_SETS = 32
# Every other noise level is this power of a uniform one, so that many lie below an eighth: there a network learns which
# sites of an almost clean graph contradict each other.
LEVEL_POWER = 3


@dataclass(frozen=True)
class Conditions:
    """Metrics that bounds can be put on, known from a few labels.

    quantiles: by metric, (Q,) over the space. posterior: codes (n, S) -> means and variances of scores that grow with
    the metrics, (n, C) each, as a predictor believes that was fitted on the labels. labels: how many architectures were
    evaluated for it.
    source: what evaluated them. networks: the size of the networks whose costs were counted, in words.
    """

    quantiles: Mapping[str, np.ndarray]
    posterior: Posterior
    labels: int
    source: str
    networks: str = ""


def train_generator(
    space: SearchSpace,
    family: str = "discrete",
    schedule: Schedule | None = None,
    conditions: Conditions | None = None,
    uniform: bool = False,
    sde: SDE | None = None,
    device: str = "cpu",
    checkpoint: Path | None = None,
    resume: bool = False,
    report: Callable[[Progress], None] | None = None,
) -> tuple[TrainedGenerator, dict[str, Any]]:
    """A trained generator, and the record of its training: steps, seconds, loss, samples and labels used.

    family: ``discrete`` (DiGress, DiNAS) or ``score`` (DiffusionNAG). uniform: for the discrete family, noise that is
    uniform over a site's classes instead of their marginals. sde: for the score family, by default VE().
    checkpoint: where the state is kept while it trains. Raises UserError.
    """
    if family not in FAMILIES:
        raise UserError(f"unknown generator family '{family}': choose from {', '.join(FAMILIES)}")
    if conditions and family != "discrete":
        raise UserError("a score-based generator takes no conditions in training: it is guided when it samples")
    schedule = schedule or Schedule()
    sde = sde or VE()
    codes = training_pool(space, schedule.seed)
    transition = Transition.of_sample(space, codes, uniform)
    conditional = len(conditions.quantiles) if conditions else 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(schedule.seed)
        denoiser = Denoiser(space, conditional).to(device)
    kind = {"family": family, "uniform": uniform} | ({"sde": repr(sde)} if family == "score" else {})
    identity = kind | {
        "space": space.name,
        "conditions": list(conditions.quantiles) if conditions else [],
        "labels": conditions.labels if conditions else 0,
        "source": conditions.source if conditions else None,
    }
    generator: TrainedGenerator
    if family == "discrete":
        quantiles = conditions.quantiles if conditions else {}
        generator = DiscreteGenerator(space, denoiser, transition.marginals, quantiles=quantiles)
        loss = _discrete_loss(generator, codes, conditions, schedule)
    else:
        generator = ScoreGenerator(space, denoiser, transition.marginals, sde)
        loss = _score_loss(generator, codes, schedule)
    kept = None if checkpoint is None else Checkpoint(checkpoint, identity, resume)
    end = fit_network(denoiser, loss, schedule, kept, report)
    record = identity | asdict(schedule)
    record |= {"steps": end.step, "seconds": round(end.seconds, 1), "loss": round(end.loss, 4)}
    record |= {"pool": POOL, "samples": len(codes), "networks": conditions.networks if conditions else ""}
    return generator, record


def _discrete_loss(
    generator: DiscreteGenerator, codes: np.ndarray, conditions: Conditions | None, schedule: Schedule
) -> Callable[[int], Tensor]:
    """Cross-entropy of the clean classes given the other sites, at all and at low noise levels."""
    transition, denoiser = generator.transition, generator.denoiser
    device = generator.device
    free = transition.free
    random_bounds = None if conditions is None else RandomBounds(_draw_beliefs(conditions, codes, schedule.seed))

    def loss(step: int) -> Tensor:
        """That of the batch of a step."""
        rng, noise = _streams(schedule.seed, step)
        bounds = None
        if random_bounds is None:
            rows = rng.integers(len(codes), size=schedule.batch_size)
        else:
            rows, drawn = random_bounds.draw(BOUND_SETS, -(-schedule.batch_size // BOUND_SETS), rng)
            bounds = torch.from_numpy(drawn).float().to(device)
        x = torch.from_numpy(codes[rows])
        t = torch.rand(len(x), generator=noise)
        t[::2] **= LEVEL_POWER
        z = transition.noised(x, t, noise)
        logits = denoiser(z.to(device), t.to(device), bounds)
        return functional.cross_entropy(logits[:, free].flatten(0, 1), x[:, free].flatten().to(device))

    return loss


def _score_loss(generator: ScoreGenerator, codes: np.ndarray, schedule: Schedule) -> Callable[[int], Tensor]:
    def loss(step: int) -> Tensor:
        """That of the batch of a step."""
        rng, noise = _streams(schedule.seed, step)
        return generator.loss(torch.from_numpy(codes[rng.integers(len(codes), size=schedule.batch_size)]), noise)

    return loss


def _draw_beliefs(conditions: Conditions, codes: np.ndarray, seed: int) -> np.ndarray:
    """One draw of every metric of every architecture from what the predictor believes: (n, C) normal scores of them.

    With draws, and not means, the generator learns how likely a bound is met, and so what the labels leave open.
    """
    mean, variance = conditions.posterior(codes)
    noise = np.random.default_rng([seed, 1]).standard_normal(mean.shape)
    drawn = mean + np.sqrt(variance) * noise
    return np.stack([normal_scores(quantiles_of(column), column) for column in drawn.T], axis=1)


def _streams(seed: int, step: int) -> tuple[np.random.Generator, torch.Generator]:
    """The randomness of one batch, a pure function of the seed and its number."""
    first, second = np.random.SeedSequence([seed, step]).spawn(2)
    return np.random.default_rng(first), torch.Generator().manual_seed(int(second.generate_state(1, np.uint64)[0] >> 1))
