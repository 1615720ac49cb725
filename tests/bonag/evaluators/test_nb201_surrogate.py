"""The nb201 surrogate keeps what its card says, and equal networks have equal values."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import nb201_surrogate as fitting
import numpy as np
import pytest
from cell_network import Ensemble, forward, train
from quality import quality

from bonag.evaluators import make_evaluator, task_names
from bonag.evaluators.artifact import artifact_path, load_artifact
from bonag.evaluators.nb201_surrogate import NAME, TASKS, edge_indices, edge_vectors, is_connected, predict
from search_spaces import get_space

SPACE = get_space("nb201")
Rows = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def rows(data_dir: Path) -> Rows:
    """Edge operations and accuracies on both data sets."""
    return fitting.read_rows(data_dir)


def accuracy_of(text: str, task: str = "cifar10") -> float:
    return make_evaluator(SPACE, "surrogate", task).evaluate(SPACE.parse(text), 0)["accuracy"]


@pytest.mark.parametrize("task", TASKS)
def test_stated_quality_meets_the_bars(task: str) -> None:
    facts = load_artifact(NAME).facts
    held_out = facts["held_out"][task]
    assert held_out["rows"] == 15625
    assert held_out["tau"] >= 0.93
    assert 0.85 < held_out["z_sd"] < 1.15
    assert abs(held_out["inside_80"] - 0.80) < 0.06
    assert abs(held_out["inside_95"] - 0.95) < 0.03
    assert facts["held_out_classes"][task]["tau"] > 0.9


@pytest.mark.numeric
@pytest.mark.parametrize("task", TASKS)
def test_stated_quality_is_met_on_the_table(rows: Rows, task: str) -> None:
    facts = load_artifact(NAME).facts
    column = TASKS.index(task)
    evaluator = make_evaluator(SPACE, "surrogate", task)
    cells = SPACE.all()
    labels = {tuple(ops): label for ops, label in zip(rows[0].tolist(), rows[1][:, column], strict=True)}
    truth = np.array([labels[tuple(op - 2 for op in cell.ops)] for cell in cells])
    found = evaluator.evaluate_many(cells)
    measured = quality(truth, found["accuracy"], np.maximum(found["accuracy_sd"], 1.0))
    assert measured["tau"] >= facts["held_out"][task]["tau"]
    # The error on what it was fitted on stays above the spread of equal networks' labels: it is no copy of the table.
    assert measured["rmse"] > facts["twin_sd"][task]
    assert measured["mae"] > 0.7 * facts["held_out"][task]["mae"]
    best = int(found["accuracy"].argmax())
    assert truth[best] > np.quantile(truth, 0.99)


def test_classes_are_networks_that_compute_the_same(rows: Rows) -> None:
    import torch

    ops = np.array([list(cell.ops) for cell in SPACE.sample(400, np.random.default_rng(0))]) - 2
    classes = fitting.network_classes(ops)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 4, 6, 6, generator=generator, dtype=torch.float64)
    kernels = {
        2: torch.randn(4, 4, 1, 1, generator=generator, dtype=torch.float64),
        3: torch.randn(4, 4, 3, 3, generator=generator, dtype=torch.float64),
    }

    def value(row: list[int]) -> torch.Tensor:
        nodes, edges = [image], iter(row)
        for target in (1, 2, 3):
            total = torch.zeros_like(image)
            for tail in range(target):
                op, x = next(edges), nodes[tail]
                if op == 1:
                    total = total + x
                elif op in kernels:
                    # Convolutions of one kind share weights here, so that what is computed counts, and not where. Their
                    # tanh stands for ReLU and batch norm: unlike a ReLU alone, it tells x from twice x.
                    total = total + torch.nn.functional.conv2d(torch.tanh(x), kernels[op], padding=op // 3)
                elif op == 4:
                    total = total + torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            nodes.append(total)
        return nodes[3]

    values = torch.stack([value(row).flatten() for row in ops.tolist()])
    distances = torch.cdist(values, values, compute_mode="donot_use_mm_for_euclid_dist")
    equal = (distances < 1e-9 * (1 + values.norm(dim=1))).numpy()
    np.testing.assert_array_equal(classes[:, None] == classes, equal)


@pytest.mark.slow
def test_equal_networks_have_equal_values() -> None:
    cells = SPACE.all()
    classes = fitting.network_classes(np.array([cell.ops for cell in cells]) - 2)
    for task in TASKS:
        found = make_evaluator(SPACE, "surrogate", task).evaluate_many(cells)
        for name in ("accuracy", "accuracy_sd"):
            low, high = np.full(classes.max() + 1, np.inf), np.full(classes.max() + 1, -np.inf)
            np.minimum.at(low, classes, found[name])
            np.maximum.at(high, classes, found[name])
            assert (high - low).max() < 1e-3


@pytest.mark.slow
def test_extremes() -> None:
    dead = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"
    for task, chance in (("cifar10", 10.0), ("cifar100", 1.0)):
        metrics = make_evaluator(SPACE, "surrogate", task).evaluate(SPACE.parse(dead), 0)
        assert (metrics["accuracy"], metrics["accuracy_sd"]) == (chance, 0.0)
        found = make_evaluator(SPACE, "surrogate", task).evaluate_many(SPACE.all())
        assert (found["accuracy"] >= 0.9 * chance).all()
        assert found["accuracy"].max() < {"cifar10": 94.6, "cifar100": 74.0}[task]
    full = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    pools = "|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|"
    assert accuracy_of(full) > 93.5
    assert accuracy_of(pools) < 60.0
    assert accuracy_of(full, "cifar100") > 70.0


def test_it_is_less_sure_of_cells_unlike_the_others() -> None:
    evaluator = make_evaluator(SPACE)
    pools = "|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|"
    usual = np.median(evaluator.evaluate_many(SPACE.all())["accuracy_sd"])
    assert evaluator.evaluate(SPACE.parse(pools), 0)["accuracy_sd"] > 3 * usual


def test_numpy_computes_what_was_trained() -> None:
    import torch

    arrays = load_artifact(NAME).arrays
    ops = np.array([cell.ops for cell in SPACE.sample(500, np.random.default_rng(1))]) - 2
    ops = ops[is_connected(ops)]
    weights = {name: torch.tensor(array) for name, array in arrays.items()}
    both = forward(weights, torch.tensor(np.stack(edge_indices(ops)))).double().numpy()
    means, variances = both[..., :2], np.exp(both[..., 2:])
    mean = arrays["log_error_centre"] + arrays["log_error_scale"] * means.mean(axis=0)
    variance = arrays["log_error_scale"] ** 2 * (variances.mean(axis=0) + means.var(axis=0))
    error = np.exp(mean + variance / 2)
    got_mean, got_sd = predict(arrays, edge_vectors(arrays), ops)
    np.testing.assert_allclose(got_mean, 100 - error, atol=1e-3)
    np.testing.assert_allclose(got_sd, error * np.sqrt(np.expm1(variance)), rtol=1e-3)


@pytest.mark.numeric
def test_a_short_fit_without_a_fifth_of_the_cells_predicts_it(rows: Rows) -> None:
    ops, accuracy = rows
    inside, outside = next(iter(fitting.folds(len(ops), 5, seed=3)))
    mean, sd = fitting.held_out(
        ops, accuracy, [(inside, outside)], Ensemble(members=2, width=16, readout=32, epochs=15)
    )
    assert np.isnan(mean[inside]).all()
    for column in range(len(TASKS)):
        measured = quality(accuracy[outside, column], mean[outside, column], np.maximum(sd[outside, column], 0.1))
        assert measured["tau"] > 0.85


def test_folds_of_classes_keep_equal_networks_together() -> None:
    classes = np.random.default_rng(0).integers(40, size=300)
    classes = np.unique(classes, return_inverse=True)[1]
    held_out = []
    for inside, outside in fitting.class_folds(classes, 10, seed=0):
        assert not set(classes[inside]) & set(classes[outside])
        held_out += outside.tolist()
    assert sorted(held_out) == list(range(300))


def test_one_by_one_equals_all_together() -> None:
    for task in task_names("nb201", "surrogate"):
        evaluator = make_evaluator(SPACE, "surrogate", task)
        copy = pickle.loads(pickle.dumps(evaluator))  # noqa: S301 - our own bytes
        cells = SPACE.sample(20, np.random.default_rng(3))
        together = evaluator.evaluate_many(cells)
        assert tuple(together) == evaluator.metrics
        for number, cell in enumerate(cells):
            alone = evaluator.evaluate(cell, 0)
            assert alone == {name: values[number] for name, values in together.items()}
            assert alone == copy.evaluate(cell, 1)
            costs = SPACE.costs(cell, num_classes=int(task.removeprefix("cifar")))
            assert (alone["params"], alone["macs"]) == (costs.params, costs.macs)
    assert all(len(values) == 0 for values in evaluator.evaluate_many([]).values())


def test_the_artifact_is_small() -> None:
    assert artifact_path(NAME).stat().st_size < 2_000_000


def test_it_needs_neither_data_nor_torch() -> None:
    code = (
        "import sys; from bonag.evaluators import make_evaluator; from search_spaces import get_space; "
        "s = get_space('nb201'); make_evaluator(s).evaluate(s.all()[0], 0); "
        "print([m for m in ('torch', 'pandas', 'pyarrow', 'scipy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert result.stdout.strip() == "[]"


def test_the_card_is_that_of_the_artifact() -> None:
    assert artifact_path(NAME).with_suffix(".md").read_text() == fitting.card(load_artifact(NAME))


@pytest.mark.slow
def test_the_shipped_artifact_is_the_fit(rows: Rows) -> None:
    ops, accuracy = rows
    artifact = load_artifact(NAME)
    works = is_connected(ops)
    chosen = next(each for each in fitting.CANDIDATES if each.width == artifact.facts["width"])
    again = train(ops[works], accuracy[works], chosen, artifact.facts["seed"])
    mean, _ = fitting.estimate(again, ops)
    shipped, _ = fitting.estimate(artifact.arrays, ops)
    # Training carries another machine's last bits far, but a median difference stays below the labels' own noise.
    for column, task in enumerate(TASKS):
        assert np.median(np.abs(mean - shipped)[:, column]) < artifact.facts["twin_sd"][task]
