"""The deep ensemble: repeatable, diverse, honest about points that it has seen, and able to learn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from bonag.predictors.ensemble import INFLATION_RANGE, MEMBERS, GraphEnsemble, fit_ensemble
from bonag.predictors.graphs import space_batch
from bonag.scores import rank_gaussianise
from search_spaces import SearchSpace

ROWS = 40


@pytest.fixture(scope="module")
def data(nb201: SearchSpace, draw_codes: Callable, flow: Callable) -> tuple[np.ndarray, np.ndarray]:
    ops = draw_codes(nb201, ROWS, 0)
    return ops, rank_gaussianise(flow(nb201, ops))


@pytest.fixture(scope="module")
def fitted(nb201: SearchSpace, data: tuple[np.ndarray, np.ndarray]) -> GraphEnsemble:
    return fit_ensemble(nb201, *data, seed=1)


def member_predictions(ensemble: GraphEnsemble, ops: np.ndarray) -> np.ndarray:
    return ensemble.networks(space_batch(ensemble.space, ops)).detach().double().numpy()


@pytest.mark.slow
def test_the_seed_decides_everything(nb201: SearchSpace, data: tuple, fitted: GraphEnsemble) -> None:
    again, other = fit_ensemble(nb201, *data, seed=1), fit_ensemble(nb201, *data, seed=2)
    for part in ("mean", "stddev"):
        one, two, three = (getattr(ensemble.predict(data[0]), part) for ensemble in (fitted, again, other))
        assert np.array_equal(one, two)
        assert np.array_equal(getattr(again.held_out, part), getattr(fitted.held_out, part))
        assert not np.allclose(three, one)


@pytest.mark.slow
def test_several_threads_change_nothing(nb201: SearchSpace, data: tuple, fitted: GraphEnsemble) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        for _ in range(2):
            again = fit_ensemble(nb201, *data, seed=1)
            assert np.array_equal(again.held_out.mean, fitted.held_out.mean)
    finally:
        torch.set_num_threads(threads)


def test_members_differ_and_the_prediction_is_their_mean(
    nb201: SearchSpace, fitted: GraphEnsemble, draw_codes: Callable
) -> None:
    ops = draw_codes(nb201, 100, 5)
    members = member_predictions(fitted, ops)
    prediction = fitted.predict(ops)
    assert members.shape == (MEMBERS, len(ops))
    assert prediction.mean == pytest.approx(members.mean(axis=0))
    assert prediction.stddev == pytest.approx(members.std(axis=0, ddof=1) * fitted.inflation, abs=1e-4)
    for one in range(MEMBERS):
        for other in range(one):
            assert np.abs(members[one] - members[other]).max() > 0.05


def test_predictions_do_not_depend_on_the_company(fitted: GraphEnsemble, data: tuple) -> None:
    alone, together = [fitted.predict(data[0][[row]]) for row in range(5)], fitted.predict(data[0][:5])
    assert np.concatenate([one.mean for one in alone]) == pytest.approx(together.mean, abs=1e-4)
    assert np.concatenate([one.stddev for one in alone]) == pytest.approx(together.stddev, abs=1e-4)


@pytest.mark.slow
def test_held_out_predictions_know_nothing_of_the_target(
    nb201: SearchSpace, data: tuple, fitted: GraphEnsemble
) -> None:
    ops, y = data
    for row in (0, 17):
        changed = y.copy()
        changed[row] += 3
        other = fit_ensemble(nb201, ops, changed, seed=1)
        assert other.held_out.mean[row] == fitted.held_out.mean[row]
        # The change was noticed by the members that see this row, so by most other rows' held-out predictions.
        assert (other.held_out.mean != fitted.held_out.mean).mean() > 0.5


def test_held_out_predictions_come_from_the_members(fitted: GraphEnsemble, data: tuple) -> None:
    members = member_predictions(fitted, data[0])
    held_out = fitted.held_out.mean
    chosen = np.abs(members - held_out).argmin(axis=0)
    assert members[chosen, np.arange(ROWS)] == pytest.approx(held_out, abs=1e-5)
    # Every member is left out of an equal share of the rows.
    assert np.bincount(chosen, minlength=MEMBERS).tolist() == [ROWS // MEMBERS] * MEMBERS


@pytest.mark.numeric
def test_held_out_errors_are_as_large_as_the_spread_says(fitted: GraphEnsemble, data: tuple) -> None:
    mean, spread = fitted.held_out.mean, fitted.held_out.stddev
    if INFLATION_RANGE[0] < fitted.inflation < INFLATION_RANGE[1]:
        assert np.mean(((data[1] - mean) / spread) ** 2) == pytest.approx(1)
    else:
        assert fitted.inflation == INFLATION_RANGE[0]
        assert np.mean(((data[1] - mean) / spread) ** 2) <= 1


@pytest.mark.numeric
@pytest.mark.parametrize("rows", [80, 200])
def test_it_learns_nas_bench_201(
    nb201: SearchSpace, all_cells: np.ndarray, accuracies: Callable, draw_codes: Callable, rows: int
) -> None:
    ops = draw_codes(nb201, rows, 0)
    y = rank_gaussianise(accuracies("cifar10", ops))
    ensemble = fit_ensemble(nb201, ops, y, seed=0)
    rest = all_cells[::16]
    prediction = ensemble.predict(rest)
    truth = accuracies("cifar10", rest)
    assert kendalltau(prediction.mean, truth).statistic > 0.55
    assert (prediction.stddev > 0).all()
    # Left-out errors are like errors on new cells, not like errors on those that were fitted.
    assert kendalltau(ensemble.held_out.mean, y).statistic > 0.45


@pytest.mark.numeric
def test_edges_that_differ_are_seen(nb101: SearchSpace, draw_codes: Callable, flow: Callable) -> None:
    codes = draw_codes(nb101, ROWS, 0)
    ensemble = fit_ensemble(nb101, codes, rank_gaussianise(flow(nb101, codes)), seed=0)
    # The same operations under the edges of other cells.
    moved = np.concatenate([codes[:, :7], np.roll(codes[:, 7:], 1, axis=0)], axis=1)
    differ = (codes[:, 7:] != moved[:, 7:]).any(axis=1)
    assert differ.sum() > ROWS / 2
    assert (np.abs(ensemble.predict(codes).mean - ensemble.predict(moved).mean)[differ] > 1e-3).all()


def test_too_few_architectures_are_refused(nb201: SearchSpace, data: tuple) -> None:
    few = 2 * MEMBERS - 1
    with pytest.raises(ValueError, match=f"at least {2 * MEMBERS} architectures, got {few}"):
        fit_ensemble(nb201, data[0][:few], data[1][:few], seed=0)


@pytest.mark.slow
def test_it_leaves_no_files_behind(tmp_path: Path) -> None:
    program = """
import numpy as np
from bonag.predictors.ensemble import fit_ensemble
from search_spaces import get_space

space = get_space("nb201")
ops = space.codes(space.sample(20, np.random.default_rng(0)))
fit_ensemble(space, ops, np.linspace(-1, 1, 20), seed=0)
"""
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"TMPDIR": str(tmp_path)}, check=True, timeout=120)
    assert list(tmp_path.rglob("*.py")) == []
