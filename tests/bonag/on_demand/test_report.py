"""The figures, against their definitions written out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from bonag.generators.split import held_out
from bonag.on_demand import report
from search_spaces import get_space


def test_diversity_is_the_mean_over_all_pairs() -> None:
    codes = np.random.default_rng(0).integers(4, size=(40, 7))
    pairs = [(a != b).sum() for a, b in combinations(codes, 2)]
    assert report.diversity(codes) == pytest.approx(np.mean(pairs))
    assert report.diversity(codes[[0, 0, 0]]) == 0
    assert np.isnan(report.diversity(codes[:1]))


def test_shares() -> None:
    space = get_space("nb201")
    architectures = space.sample(200, np.random.default_rng(0))
    distinct = list(dict.fromkeys(architectures))
    repeated = [*distinct, *distinct[:10]]
    assert report.unique_share(repeated) == len(distinct) / len(repeated)
    seen = {code.tobytes() for code in space.codes(distinct[:30])}
    assert report.novel_share(repeated, seen, space) == pytest.approx(1 - 30 / len(distinct))
    out = [one for one in distinct if held_out(one)]
    assert 0 < len(out) < 60
    assert report.held_out_share(repeated) == len(out) / len(distinct)
    # Repeats of one that is held out do not count twice.
    assert report.held_out_share([out[0]] * 5) == 1


def test_raw_validity_counts_graphs_outside_the_space() -> None:
    space = get_space("nb201")
    codes = space.codes(space.sample(8, np.random.default_rng(0)))
    assert report.valid_share(space, codes) == 1
    # The first node is the input; the code of an operation there is no graph of the space.
    codes[:2, 0] = (codes[:2, 0] + 1) % len(space.op_names)
    assert report.valid_share(space, codes) == 0.75
