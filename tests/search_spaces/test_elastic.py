"""The elastic network is, for each architecture, the network that is cut out of it, and trains that one's weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from search_spaces.mbv3 import MBV3, from_ofa
from search_spaces.mbv3.elastic import LARGEST, SMALLEST, ElasticMobileNetV3
from search_spaces.mbv3.network import within_reach
from search_spaces.mbv3.sorting import sort_channels
from search_spaces.mbv3.supernet import as_supernet, subnet_state, supernet_shapes

WIDTH, CLASSES = 0.35, 7
RANDOM = MBV3().sample(3, np.random.default_rng(5))


@pytest.fixture
def elastic():
    """A network all of whose vectors and matrices differ from what they begin as."""
    torch.manual_seed(0)
    network = ElasticMobileNetV3(CLASSES, WIDTH)
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point() and tensor.ndim < 4:
                tensor.add_(0.1 * torch.rand_like(tensor))
    return network


def images(n=3, side=28):
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(1))


def cut_out(elastic, architecture):
    network = MBV3().build(architecture, CLASSES, width=WIDTH)
    network.load_state_dict(subnet_state(architecture, as_supernet(elastic.state_dict())))
    return network


@pytest.mark.parametrize("architecture", [SMALLEST, LARGEST, *RANDOM], ids=str)
def test_its_outputs_are_those_of_the_network_that_is_cut_out(elastic, architecture):
    with torch.inference_mode():
        own, static = elastic.eval()(images(), architecture), cut_out(elastic, architecture).eval()(images())
    assert own.shape == (3, CLASSES)
    assert own.equal(static)


def test_with_the_weights_of_the_reference_it_computes_what_the_original_code_does(ofa_reference, supernet_state):
    network = ElasticMobileNetV3(1000)
    network.load_state_dict(supernet_state)
    (subnet,) = [subnet for subnet in ofa_reference["subnets"] if subnet["name"] == "rand0"]
    run = min(subnet["runs"], key=lambda run: run["H"])
    x = torch.randn(2, 3, run["H"], run["H"], generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = network.eval()(x, from_ofa(subnet["ks"], subnet["e"], subnet["d"]))
    for own, expected in zip(logits, run["images"], strict=True):
        assert own[:10].tolist() == pytest.approx(expected["dynamic_first10"], abs=3e-6 * expected["l2_dynamic"])


def test_its_state_is_a_supernet(elastic):
    state = elastic.state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == supernet_shapes(WIDTH, CLASSES)
    supernet = as_supernet(state)
    assert (supernet.width, supernet.num_classes) == (WIDTH, CLASSES)


def test_fresh_weights_make_blocks_with_a_residual_do_nothing_yet():
    network = ElasticMobileNetV3(CLASSES, WIDTH).train()
    shallow = from_ofa([7] * 20, [6] * 20, [2] * 5)
    assert network(images(), LARGEST).equal(network(images(), shallow))
    static = MBV3().build(LARGEST, CLASSES, width=WIDTH).train()
    residual = [block for block in static.blocks if block.has_residual]
    assert len(residual) == 16
    for block in residual:
        x = torch.randn(2, block.project.conv.out_channels, 4, 4)
        assert block(x).equal(x)
    assert not network(images(), LARGEST).equal(network(images(), from_ofa([5] * 20, [6] * 20, [2] * 5)))


@pytest.mark.parametrize("architecture", RANDOM, ids=str)
def test_in_training_outputs_and_gradients_are_those_of_the_network_that_is_cut_out(elastic, architecture):
    static, x, labels = cut_out(elastic, architecture).train(), images(8), torch.arange(8) % CLASSES
    before = {key: buffer.clone() for key, buffer in elastic.named_buffers()}
    own = elastic.train()(x, architecture)
    assert torch.allclose(own, static(x), atol=1e-4)
    for network, logits in ((elastic, own), (static, static(x))):
        network.zero_grad()
        functional.cross_entropy(logits, labels).backward()
    for one, other in (("first_conv.conv", "stem.conv"), ("final_expand_layer.conv", "head.conv")):
        expected = static.get_parameter(f"{other}.weight").grad
        assert torch.allclose(elastic.get_parameter(f"{one}.weight").grad, expected, rtol=1e-3, atol=1e-5)
    assert all(buffer.equal(before[key]) for key, buffer in elastic.named_buffers()), "statistics of one are for none"


def test_gradients_reach_what_the_architecture_uses_and_nothing_else(elastic):
    first = "|".join(["k5e3-k7e6"] + ["k3e4-k3e4"] * 4)
    elastic.train()(images(8), MBV3().parse(first)).square().sum().backward()
    grads = {key: tensor.grad for key, tensor in elastic.named_parameters()}
    used = {f"blocks.{1 + 4 * stage + place}." for stage in range(5) for place in range(2)}
    for key, grad in grads.items():
        if key.startswith("blocks.") and not key.startswith("blocks.0."):
            assert (grad is None) == (not key.startswith(tuple(used)) or (key.endswith("matrix") and grad is None)), key
    project = grads["blocks.1.conv.point_linear.conv.conv.weight"]
    mid = project.shape[1] // 2
    assert project[:, :mid].abs().sum() > 0 == project[:, mid:].abs().sum()
    depthwise = "blocks.{}.conv.depth_conv.conv.{}"
    assert grads[depthwise.format(1, "7to5_matrix")] is not None
    assert grads[depthwise.format(1, "5to3_matrix")] is None
    assert grads[depthwise.format(2, "7to5_matrix")] is None
    assert grads[depthwise.format(5, "5to3_matrix")] is not None


@pytest.mark.parametrize(
    ("kernel", "side", "stride"), [(7, 1, 1), (7, 2, 1), (7, 3, 2), (7, 4, 2), (5, 2, 2), (3, 1, 1)]
)
def test_weights_out_of_reach_are_those_that_change_nothing(kernel, side, stride):
    kernels = torch.randn(5, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    x = torch.randn(2, 5, side, side, dtype=torch.float64)
    near = within_reach(kernels, side)
    assert near.shape[-1] == min(kernel, 2 * side - 1)
    results = []
    for some in (kernels, near):
        y = functional.conv2d(x, some, stride=stride, padding=some.shape[-1] // 2, groups=5)
        (grad,) = torch.autograd.grad(y.square().sum(), kernels)
        results.append((y, grad))
    (whole, grad), (cut, cut_grad) = results
    assert torch.allclose(whole, cut, rtol=0, atol=1e-12)
    assert torch.allclose(grad, cut_grad, rtol=0, atol=1e-12)


def test_sorted_channels_leave_the_largest_network_as_it_is_and_the_best_ones_first(elastic):
    elastic.eval()
    with torch.inference_mode():
        largest, smallest = (elastic(images(), one) for one in (LARGEST, SMALLEST))
        sort_channels(elastic.state_dict())
        assert torch.allclose(elastic(images(), LARGEST), largest, rtol=0, atol=1e-5)
        assert not torch.allclose(elastic(images(), SMALLEST), smallest, rtol=0, atol=1e-3)
    for name in ("blocks.3.conv.point_linear.conv.conv.weight", "blocks.6.conv.depth_conv.se.fc.expand.weight"):
        importance = elastic.get_parameter(name).abs().sum((0, 2, 3))
        assert (importance.diff() <= 0).all()


def test_channels_that_smaller_networks_were_trained_with_stay_theirs(elastic):
    elastic.eval()
    middle = from_ofa([7] * 20, [4] * 20, [4] * 5)
    with torch.inference_mode():
        before = [elastic(images(), one) for one in (LARGEST, middle)]
        state = {key: tensor.clone() for key, tensor in elastic.state_dict().items()}
        sort_channels(elastic.state_dict(), (4, 6))
        for one, logits in zip((LARGEST, middle), before, strict=True):
            assert torch.allclose(elastic(images(), one), logits, rtol=0, atol=1e-5)
    assert not all(tensor.equal(state[key]) for key, tensor in elastic.state_dict().items())


@pytest.mark.slow
def test_it_takes_over_the_statistics_of_the_largest_network(elastic):
    static = cut_out(elastic, LARGEST)
    for number, norm in enumerate(module for module in static.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.running_mean.fill_(number)
        norm.running_var.fill_(number + 0.5)
    elastic.set_statistics(static)
    taken = subnet_state(LARGEST, as_supernet(elastic.state_dict()))
    assert all(tensor.equal(static.state_dict()[key]) for key, tensor in taken.items())
