"""What a network costs, counted from the network."""

from __future__ import annotations

import math
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


@lru_cache(maxsize=50_000)
def counted_costs(space: Builder, architecture: Architecture, num_classes: int, image_size: int) -> Costs:
    """The costs of the network that ``space.build`` makes, on PyTorch's meta device, where nothing is computed.

    It is made with the space's ``build_arguments``.

    image_size: the side of its images in pixels. Raises ValueError where the network does not take them.
    """
    import torch

    with torch.device("meta"):
        network = space.build(architecture, num_classes, **space.build_arguments)
    return network_costs(network, image_size)


def network_costs(network: nn.Module, image_size: int) -> Costs:
    """Trainable parameters, and the MACs of convolutions and linear layers, found in one pass of one image.

    image_size: the side of the image in pixels. Raises ValueError where the network does not take it.
    """
    import torch
    from torch import nn

    macs = 0

    def count(layer: nn.Module, _: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal macs
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        macs += math.prod(output.shape[1:]) * math.prod(weight.shape[1:])

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, image_size, image_size, device=device))
    except Exception as error:  # any of its layers may refuse, each in its own way
        raise ValueError(f"the network takes no images of {image_size} x {image_size} pixels: {error}") from error
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    params = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    return Costs(params=params, macs=macs)
