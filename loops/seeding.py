"""Where all randomness of a run comes from: its seed, the number of the trial, and what it is for."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What random numbers are drawn for; every purpose has a stream of its own."""

    PROPOSAL = 0
    EVALUATION = 1


def rng_for(seed: int, t: int, purpose: Purpose = Purpose.PROPOSAL) -> np.random.Generator:
    """The generator of the proposal that is made when the history holds t trials."""
    return np.random.default_rng(np.random.SeedSequence([seed, t, int(purpose)]))


def trial_seed(seed: int, index: int) -> int:
    """The seed (32 bits) that drives whatever is random in the evaluation of trial ``index``."""
    return int(np.random.SeedSequence([seed, index, int(Purpose.EVALUATION)]).generate_state(1)[0])
