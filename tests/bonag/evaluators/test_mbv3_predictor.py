"""The published predictor, run forward as its authors' network."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from bonag.evaluators import make_evaluator
from search_spaces import get_space
from search_spaces.mbv3 import to_ofa

SPACE = get_space("mbv3")


def forward(data_dir: Path, architectures: list, size: int) -> np.ndarray:
    """The predictor in PyTorch, on inputs written out from Once-for-All's lists."""
    import torch
    from torch import nn

    network = nn.Sequential(
        nn.Linear(128, 400),
        nn.ReLU(),
        nn.Linear(400, 400),
        nn.ReLU(),
        nn.Linear(400, 400),
        nn.ReLU(),
        nn.Linear(400, 1),
    )
    with np.load(data_dir / "mbv3_imagenet_predictor.npz", allow_pickle=False) as file:
        network.load_state_dict({name: torch.from_numpy(file[name]) for name in file.files})
    inputs = []
    for architecture in architectures:
        kernels, expands, depths = to_ofa(architecture)
        runs = [position < depth for depth in depths for position in range(4)]
        x = [float(run and k == kernel) for k, run in zip(kernels, runs, strict=True) for kernel in (3, 5, 7)]
        x += [float(run and e == expand) for e, run in zip(expands, runs, strict=True) for expand in (3, 4, 6)]
        x += [float(size == each) for each in range(112, 225, 16)]
        inputs.append(x)
    with torch.inference_mode():
        return 100 * network(torch.tensor(inputs))[:, 0].double().numpy()


@pytest.mark.parametrize("size", [128, 160, 192, 224])
def test_equals_the_network(data_dir: Path, size: int) -> None:
    architectures = SPACE.sample(100, np.random.default_rng(size))
    evaluator = make_evaluator(SPACE, "predictor", f"imagenet{size}", data_dir)
    np.testing.assert_allclose(
        evaluator.evaluate_many(architectures)["accuracy"], forward(data_dir, architectures, size), atol=1e-4
    )


def test_random_architectures_have_the_known_mean_and_spread(data_dir: Path) -> None:
    evaluator = make_evaluator(SPACE, "predictor", None, data_dir)
    assert evaluator.task == "imagenet224"
    accuracy = evaluator.evaluate_many(SPACE.sample(2000, np.random.default_rng(0)))["accuracy"]
    assert accuracy.mean() == pytest.approx(82.3, abs=0.06)
    assert accuracy.std() == pytest.approx(0.42, abs=0.02)


def test_one_by_one_equals_all_together(data_dir: Path) -> None:
    evaluator = make_evaluator(SPACE, "predictor", "imagenet176", data_dir)
    architectures = SPACE.sample(20, np.random.default_rng(3))
    together = evaluator.evaluate_many(architectures)
    assert tuple(together) == evaluator.metrics
    copy = pickle.loads(pickle.dumps(evaluator))  # noqa: S301 - our own bytes
    for number, architecture in enumerate(architectures):
        alone = evaluator.evaluate(architecture, 0)
        assert alone == {name: values[number] for name, values in together.items()}
        assert alone == copy.evaluate(architecture, 1)
        costs = SPACE.costs(architecture, image_size=176)
        assert (alone["params"], alone["macs"]) == (costs.params, costs.macs)


def test_architectures_of_another_space_are_refused(data_dir: Path) -> None:
    cell = get_space("nb201").sample(1, np.random.default_rng(0))[0]
    with pytest.raises(TypeError):
        make_evaluator(SPACE, "predictor", None, data_dir).evaluate(cell, 0)
