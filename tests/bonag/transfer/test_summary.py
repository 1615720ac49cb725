"""What a source says: a smooth process on its scores, and nothing where it does not even know itself."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.scores import ScoreMap
from bonag.transfer.summary import TAIL, Advice, advice_of, summarise
from loops.objective import Objective
from loops.source import Source
from search_spaces import get_space

SPACE = get_space("nb201")
CELLS = SPACE.sample(60, np.random.default_rng(0))
CODES = SPACE.codes(CELLS)
VALUES = np.array([90.0 + 2 * str(cell).count("3x3") - 7 * str(cell).count("none") for cell in CELLS])


def test_it_is_the_mean_of_a_gaussian_process_on_the_scores() -> None:
    found = summarise("s", CODES, VALUES)
    scores = ScoreMap.of_trials(VALUES, TAIL).to_scores(VALUES)
    near = np.exp(-(CODES[:, None] != CODES[None]).sum(-1) / found.length)
    # The weights solve the noisy system, whatever its noise is.
    noise = (scores - near @ found.weights) / found.weights
    assert noise == pytest.approx(np.full(len(noise), noise[0]), rel=1e-6)
    other = SPACE.codes(SPACE.sample(5, np.random.default_rng(1)))
    expected = np.exp(-(other[:, None] != CODES[None]).sum(-1) / found.length) @ found.weights
    assert Advice([found])(other)[:, 0] == pytest.approx(expected)


def test_its_skill_is_what_it_predicts_of_itself() -> None:
    assert summarise("s", CODES, VALUES).skill > 0.8
    assert summarise("s", CODES, np.random.default_rng(0).permutation(VALUES)).skill < 0.1
    assert summarise("s", CODES, np.ones(len(VALUES))).skill == 0


def test_a_source_without_skill_gives_no_advice() -> None:
    shuffled = np.random.default_rng(0).permutation(VALUES)
    good, bad = (Source(name, tuple(CELLS), {"accuracy": v}, {}, 60) for name, v in (("g", VALUES), ("b", shuffled)))
    advice = advice_of(SPACE, Objective.parse("accuracy"), [bad, good])
    assert [one.source for one in advice["accuracy"].summaries] == ["g"]
    assert advice_of(SPACE, Objective.parse("accuracy"), [bad]) == {}


def test_what_is_minimised_is_advised_the_other_way_round() -> None:
    source = Source("s", tuple(CELLS), {"accuracy": VALUES}, {}, 60)
    up, down = (advice_of(SPACE, Objective.parse(goal), [source])["accuracy"] for goal in ("accuracy", "-accuracy"))
    assert VALUES[np.argmax(up(CODES)[:, 0])] >= np.quantile(VALUES, 0.95)
    assert VALUES[np.argmax(down(CODES)[:, 0])] <= np.quantile(VALUES, 0.05)


def test_the_unit_is_that_of_the_metric_where_it_is_the_same_metric() -> None:
    one, ten = summarise("s", CODES, VALUES), summarise("s", CODES, 10 * VALUES)
    assert one.unit is not None
    assert ten.unit == pytest.approx(10 * one.unit)
    assert summarise("s", CODES, VALUES, same=False).unit is None
    assert Advice([one, ten]).unit == pytest.approx(10**0.5 * one.unit)
