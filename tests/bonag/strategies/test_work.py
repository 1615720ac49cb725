"""What a proposal costs, counted: fits, calls of networks, encodings. Seconds depend on the machine, these do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from torch.nn.modules.module import register_module_forward_hook

from bonag.generators.particles import ParticleSearch
from bonag.predictors.likelihood import MAX_FIT_STEPS, LogPosterior
from bonag.predictors.paths import PathBlocks
from bonag.scores import TAILS
from bonag.strategies.making import make_strategy
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.seeding import rng_for
from search_spaces import get_space
from search_spaces.product import ProductSpace

TRIALS = 60
# Of the network at each noise level, its parts included.
MODULES = 24


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often what takes time is called from now on."""
    counts: Counter[str] = Counter()

    def count(kind: type, name: str, what: str, size: Callable[..., int] = lambda *_: 1) -> None:
        real = getattr(kind, name)

        def counted(self: object, *arguments: object) -> object:
            counts[what] += size(*arguments)
            return real(self, *arguments)

        monkeypatch.setattr(kind, name, counted)

    count(LogPosterior, "__init__", "fits")
    count(LogPosterior, "__call__", "likelihoods")
    count(PathBlocks, "__call__", "encoded", len)
    for kind in {ProductSpace, *(type(get_space(name)) for name in ("nb201", "mbv3"))}:
        if "architecture" in vars(kind):
            count(kind, "architecture", "architectures")
    hook = register_module_forward_hook(lambda *_: counts.update(modules=1))
    yield counts
    hook.remove()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nb201", "mbv3"])
@pytest.mark.parametrize("goals", [["accuracy"], ["accuracy", "-latency"]])
def test_a_proposal_does_what_it_must_and_no_more(name: str, goals: list[str], work: Counter[str]) -> None:
    space, rng = get_space(name), np.random.default_rng(0)
    strategy = make_strategy("bonag", space, Objective.parse(goals))
    ended = [
        Trial(index, one, TrialStatus.COMPLETED, {"accuracy": rng.normal(), "latency": rng.normal()})
        for index, one in enumerate(space.sample(TRIALS + 2, rng))
    ]
    strategy.propose(History(ended[:TRIALS]), 1, rng_for(0, TRIALS))
    assert work["fits"] <= len(goals) * (len(TAILS) + 1)
    assert work["likelihoods"] <= work["fits"] * MAX_FIT_STEPS * 1.5
    work.clear()
    [proposal] = strategy.propose(History(ended[: TRIALS + 1]), 1, rng_for(0, TRIALS + 1))
    assert work["fits"] == 0  # what was fitted before is remembered
    assert 0 < work["modules"] <= ParticleSearch.steps * MODULES
    # Each candidate is encoded once, whatever the number of goals, and the trials once.
    assert work["encoded"] <= int(proposal.provenance["generated"]) + 2 * TRIALS + 10
    # Architectures are made of the best candidates alone, until one is new.
    assert 0 < work["architectures"] <= TRIALS
