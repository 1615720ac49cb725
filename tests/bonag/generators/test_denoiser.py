"""What the denoiser sees: the noise level, the neighbours, the edges, and where a node stands."""

from __future__ import annotations

import pytest
import torch

from bonag.generators.denoiser import Denoiser

NODES, OPS = 6, 4
CHAIN = torch.diag(torch.ones(NODES - 1), diagonal=1).bool()


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    torch.manual_seed(0)
    return Denoiser(CHAIN, OPS, width=16, heads=2, layers=2).eval()


@pytest.fixture(scope="module")
def z() -> torch.Tensor:
    return torch.randint(OPS, (5, NODES), generator=torch.Generator().manual_seed(1))


def level(t: float, n: int = 5) -> torch.Tensor:
    return torch.full((n,), t)


def test_one_logit_per_operation_of_every_node(denoiser: Denoiser, z: torch.Tensor) -> None:
    assert denoiser(z, level(0.5)).shape == (5, NODES, OPS)


def test_graphs_of_a_batch_do_not_see_each_other(denoiser: Denoiser, z: torch.Tensor) -> None:
    t = torch.linspace(0.1, 0.9, 5)
    together = denoiser(z, t)
    for row in range(5):
        torch.testing.assert_close(denoiser(z[row : row + 1], t[row : row + 1])[0], together[row])


def test_the_noise_level_matters(denoiser: Denoiser, z: torch.Tensor) -> None:
    # Close levels look alike, far ones do not, and no two of a fine grid look the same.
    fine = torch.stack([denoiser(z, level(t)) for t in torch.linspace(0, 1, 21).tolist()])
    steps = (fine[1:] - fine[:-1]).abs().amax(dim=(1, 2, 3))
    assert steps.min() > 1e-4
    assert (denoiser(z, level(0.5)) - denoiser(z, level(0.5001))).abs().max() < steps.min()


@pytest.mark.parametrize("changed", range(NODES))
def test_every_node_sees_every_other(denoiser: Denoiser, z: torch.Tensor, changed: int) -> None:
    other = z.clone()
    other[:, changed] = (other[:, changed] + 1) % OPS
    difference = (denoiser(other, level(0.3)) - denoiser(z, level(0.3))).abs().amax(dim=(0, 2))
    assert difference.min() > 1e-5


def test_position_tells_equal_nodes_apart(denoiser: Denoiser) -> None:
    logits = denoiser(torch.zeros(1, NODES, dtype=torch.int64), level(0.5, 1))[0]
    for one in range(NODES):
        for other in range(one):
            assert not torch.allclose(logits[one], logits[other])


def test_edges_and_their_direction_matter(denoiser: Denoiser, z: torch.Tensor) -> None:
    outputs = [denoiser(z, level(0.5))]
    for adjacency in (torch.zeros_like(CHAIN), CHAIN.T):
        same_weights = Denoiser(adjacency, OPS, width=16, heads=2, layers=2).eval()
        same_weights.load_state_dict(denoiser.state_dict())
        outputs.append(same_weights(z, level(0.5)))
    for one in range(3):
        for other in range(one):
            assert (outputs[one] - outputs[other]).abs().max() > 1e-4


def test_every_weight_gets_a_gradient(denoiser: Denoiser, z: torch.Tensor) -> None:
    denoiser(z, level(0.5)).square().sum().backward()
    for name, parameter in denoiser.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
