"""What a network costs, counted from the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from search_spaces.architecture import Architecture, Costs

if TYPE_CHECKING:
    import torch
    from torch import nn


class Builder(Protocol):
    """What makes networks: a space."""

    @property
    def build_arguments(self) -> Mapping[str, Any]:
        """Further arguments of ``build``."""
        ...

    @property
    def build(self) -> Callable[..., nn.Module]:
        """The network of an architecture."""
        ...

    def example_inputs(self, n: int, image_size: int | None = None) -> tuple[torch.Tensor, ...]:
        """What its networks take."""
        ...


@lru_cache(maxsize=50_000)
def counted_costs(space: Builder, architecture: Architecture, num_classes: int, image_size: int | None) -> Costs:
    """The costs of the network that ``space.build`` makes with the space's ``build_arguments``.

    image_size: the side of its images in pixels. Raises ValueError where the network does not take them.
    """
    return network_costs(*tried_network(space, architecture, num_classes, image_size))


def tried_network(
    space: Builder, architecture: Architecture, num_classes: int, image_size: int | None, n: int = 1
) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A network, and n examples that it takes, on PyTorch's meta device, where nothing is computed.

    On another one only where the space's examples have to be there.
    """
    import torch

    with torch.device("meta"):
        inputs = space.example_inputs(n, image_size)
    with inputs[0].device:
        return space.build(architecture, num_classes, **space.build_arguments), inputs


def network_costs(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Costs:
    """Trainable parameters, and the MACs of convolutions and matrix products, found in one pass.

    inputs: one example, as the network takes it. Raises ValueError where the network does not.
    """
    from torch.utils.flop_counter import FlopCounterMode

    training = network.training
    try:
        # Gradients are on: without them attention may take a fused way, of which nothing is counted.
        with FlopCounterMode(display=False) as counter:
            network.eval()(*inputs)
    except Exception as error:  # any of its layers may refuse, each in its own way
        shapes = " and ".join(" x ".join(map(str, one.shape)) for one in inputs)
        raise ValueError(f"the network takes no input of {shapes}: {error}") from error
    finally:
        network.train(training)
    params = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    return Costs(params=params, macs=counter.get_total_flops() // 2)
