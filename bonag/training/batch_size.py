"""How many images go through a network at once when it is measured."""

from __future__ import annotations

import torch
from torch import nn

MOST = 500
# Bytes of activations on a CPU, where more of them only leave its caches; and the share of a GPU's memory.
CPU_BYTES, GPU_SHARE = 256_000_000, 0.25
# So many of the largest activations are there at once: what enters a layer, what leaves it, and the shortcut.
LIVE = 3


def images_at_once(network: nn.Module, image_size: int, device: str) -> int:
    """As many as the memory of the machine, not what happens to be free, allows: the same at each time, 1 to 500."""
    total = CPU_BYTES
    if device != "cpu":
        total = int(GPU_SHARE * torch.cuda.get_device_properties(device).total_memory)
    return max(1, min(MOST, total // (LIVE * largest_activation(network, image_size))))


def largest_activation(network: nn.Module, image_size: int) -> int:
    """Bytes of what the widest layer puts out for one image; the network is left in evaluation mode."""
    sizes = []

    def see(layer: nn.Module, inputs: object, output: torch.Tensor) -> None:
        sizes.append(output.numel() * output.element_size())

    hooks = [layer.register_forward_hook(see) for layer in network.modules() if not list(layer.children())]
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, 3, image_size, image_size, device=next(network.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return max(sizes)
