"""What is good on a data set is learned from runs on others, by what they look like."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from bonag.transfer.meta import Settings, Task, fit_meta
from loops.fingerprint import Fingerprint
from search_spaces import Architecture, get_space

SPACE = get_space("nb201")
QUICK = Settings(steps=60, learning_rate=2e-2, data_width=16, weight_decay=0.1)


def look(brightness: float, rng: np.random.Generator) -> Fingerprint:
    """Of a data set of three to five classes whose third feature is as bright as that, and all else is chance."""
    statistics = 0.3 * rng.standard_normal((int(rng.integers(3, 6)), 4, 8))
    statistics[:, 1] = 0.5
    statistics[:, 0, 2] += brightness
    return Fingerprint("test", 8, np.full(len(statistics), 50.0), statistics.astype(np.float16))


def value(architecture: Architecture, brightness: float) -> float:
    """Convolutions are good for what is bright, pooling for what is dark, and dead edges for nothing."""
    text = str(architecture)
    return 5 * brightness * (text.count("conv_3x3") - text.count("avg_pool")) - text.count("none")


def make_tasks(n: int, seed: int) -> list[Task]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        brightness = rng.choice([-1.0, 1.0])
        cells = SPACE.sample(12, rng)
        values = np.array([value(cell, brightness) for cell in cells]) + 0.5 * rng.standard_normal(12)
        found.append(Task(look(brightness, rng), SPACE.codes(cells), values))
    return found


@pytest.mark.numeric
def test_a_dependence_on_the_data_set_is_found_and_only_by_seeing_it() -> None:
    learned, others = make_tasks(20, 0), make_tasks(8, 1)

    def mean_tau(sees: bool) -> float:
        fit = fit_meta(SPACE, learned, sees=sees, settings=QUICK)
        return float(np.mean([kendalltau(fit.predict(one.codes, one.fingerprint), one.values)[0] for one in others]))

    assert mean_tau(True) > 0.5
    assert mean_tau(False) < 0.2


def test_it_is_the_same_each_time() -> None:
    tasks, short = make_tasks(3, 0), Settings(steps=5)
    fits = [fit_meta(SPACE, tasks, seed, settings=short) for seed in (0, 0, 1)]
    predictions = [one.predict(tasks[0].codes, tasks[0].fingerprint) for one in fits]
    assert predictions[0].tolist() == predictions[1].tolist() != predictions[2].tolist()
