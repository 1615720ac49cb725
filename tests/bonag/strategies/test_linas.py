"""LINAS: rounds of fifty, each the best that evolution finds on a predictor of all trials before it."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.strategies.linas import Linas, linas
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.seeding import rng_for
from search_spaces import SearchSpace, get_space

ACCURACY = Objective.parse("accuracy")
SPACE = get_space("mbv3")


def params(architecture: object) -> float:
    return SPACE.costs(architecture).params / 1e6  # type: ignore[arg-type]


def history_of(n: int) -> History:
    """n random architectures, whose accuracy is their number of parameters in millions."""
    random = SPACE.sample(n, np.random.default_rng(0))
    return History(Trial(i, a, TrialStatus.COMPLETED, {"accuracy": params(a)}) for i, a in enumerate(random))


@pytest.fixture(scope="module")
def strategy() -> Linas:
    return linas(SPACE, ACCURACY)


def test_the_first_fifty_are_random(strategy: Linas) -> None:
    origins = [p.provenance["origin"] for p in strategy.propose(history_of(48), 2, rng_for(0, 48))]
    assert origins == ["random"] * 2


@pytest.mark.slow
def test_a_round_is_one_ranking_of_what_evolution_found(strategy: Linas) -> None:
    history = history_of(50)
    whole = strategy.propose(history, 50, rng_for(0, 50))
    assert [p.provenance for p in whole] == [{"origin": "model", "rank": rank} for rank in range(50)]
    values = [params(p.architecture) for p in whole]
    assert np.median(values) > np.quantile([params(a) for a in SPACE.sample(1000, np.random.default_rng(9))], 0.99)
    # The first of the round says nothing to the others of it, and the seed of a trial neither.
    after = history.updated(Trial(50, whole[0].architecture, TrialStatus.COMPLETED, {"accuracy": 0.0}))
    assert linas(SPACE, ACCURACY).propose(after, 3, rng_for(5, 51)) == whole[1:4]


def test_a_small_space_is_emptied_without_a_repetition(letters: SearchSpace) -> None:
    small, history = linas(letters, ACCURACY), History()
    while proposals := small.propose(history, 7, rng_for(0, len(history))):
        start = len(history)
        history = history.updated(
            *(
                Trial(i, p.architecture, TrialStatus.COMPLETED, {"accuracy": float(i * 7 % 5)})
                for i, p in enumerate(proposals, start)
            )
        )
    assert len(history) == len(history.seen) == letters.size
