"""The elastic MobileNetV3: one set of weights, of which every architecture uses a part (Cai et al., ICLR 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn import functional

from search_spaces.mbv3.architecture import (
    DEPTHS,
    EXPANDS,
    KERNELS,
    SLOTS,
    SLOTS_PER_STAGE,
    STAGES,
    MBV3Architecture,
    from_ofa,
)
from search_spaces.mbv3.layout import Stage, scaled_layout, squeeze_width
from search_spaces.mbv3.network import within_reach
from search_spaces.mbv3.supernet import depthwise_kernels, supernet_shapes

Activation = Callable[[torch.Tensor], torch.Tensor]
SMALLEST, LARGEST = (
    from_ofa([KERNELS[end]] * SLOTS, [EXPANDS[end]] * SLOTS, [DEPTHS[end]] * STAGES) for end in (0, -1)
)
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


class ElasticMobileNetV3(nn.Module):
    """Images (B, 3, H, W) and an architecture -> logits (B, num_classes), by the architecture's share of the weights.

    Its state dict is a supernet's (``supernet_shapes``). In evaluation mode it is the static network of
    ``subnet_state``. In training mode batch norms use the batch and leave the stored statistics alone, as these can be
    right for one architecture only: see ``set_statistics``. Made for channels last in memory.
    """

    def __init__(self, num_classes: int, width: float = 1.0) -> None:
        super().__init__()
        self.num_classes, self.width = num_classes, width
        self.layout = scaled_layout(width)
        for key, shape in supernet_shapes(width, num_classes).items():
            self._place(key, shape)
        self._initialise()

    def forward(self, x: torch.Tensor, architecture: MBV3Architecture) -> torch.Tensor:
        pass_ = _Pass({**dict(self.named_parameters()), **dict(self.named_buffers())}, self.training)
        x = pass_.conv_norm(x, "first_conv", functional.hardswish, stride=2)
        y = pass_.conv_norm(x, "blocks.0.conv.depth_conv", functional.relu, groups=self.layout.stem)
        x = x + pass_.conv_norm(y, "blocks.0.conv.point_linear")
        for number, (layout, stage) in enumerate(zip(self.layout.stages, architecture.stages, strict=True)):
            for position, (kernel, expand) in enumerate(stage):
                mid = (layout.out_width if position else layout.in_width) * expand
                stride = 1 if position else layout.stride
                y = pass_.block(x, _block(number, position), layout, stride, kernel, mid)
                x = x + y if has_residual(layout, position) else y
        x = pass_.conv_norm(x, "final_expand_layer", functional.hardswish)
        x = functional.conv2d(x.mean((2, 3), keepdim=True), pass_.weights["feature_mix_layer.conv.weight"])
        return functional.linear(
            functional.hardswish(x).flatten(1),
            pass_.weights["classifier.linear.weight"],
            pass_.weights["classifier.linear.bias"],
        )

    def set_statistics(self, static: nn.Module) -> None:
        """Take over the batch norm statistics of the static network of the largest architecture."""
        norms = [module for module in static.modules() if isinstance(module, nn.BatchNorm2d)]
        names = [key.removesuffix(".running_mean") for key in self.state_dict() if key.endswith(".running_mean")]
        # Both have them in the order in which they are passed.
        for name, norm in zip(names, norms, strict=True):
            for vector in ("running_mean", "running_var"):
                self.get_buffer(f"{name}.{vector}").copy_(getattr(norm, vector))

    def _place(self, key: str, shape: tuple[int, ...]) -> None:
        """Make the tensor of that key, in modules that have the names between its dots."""
        *path, name = key.split(".")
        module: nn.Module = self
        for step in path:
            if step not in module._modules:
                module.add_module(step, nn.Module())
            module = module.get_submodule(step)
        if name == "num_batches_tracked":
            module.register_buffer(name, torch.zeros(shape, dtype=torch.int64))
        elif name in BUFFERS:
            module.register_buffer(name, torch.full(shape, float(name == "running_var")))
        else:
            module.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    @torch.no_grad()
    def _initialise(self) -> None:
        """As the static networks are; matrices that shrink kernels begin as the identity."""
        for key, tensor in self.named_parameters():
            if key.endswith("matrix"):
                nn.init.eye_(tensor)
            elif key == "classifier.linear.weight":
                nn.init.normal_(tensor, std=0.01)
            elif tensor.ndim == 4:
                fan_out = (1 if ".depth_conv.conv." in key else len(tensor)) * tensor[0, 0].numel()
                nn.init.normal_(tensor, std=(2 / fan_out) ** 0.5)
            elif key.endswith("weight"):
                nn.init.ones_(tensor)
        nn.init.zeros_(self.get_parameter("blocks.0.conv.point_linear.bn.weight"))
        for number, layout in enumerate(self.layout.stages):
            for position in range(SLOTS_PER_STAGE):
                if has_residual(layout, position):
                    nn.init.zeros_(self.get_parameter(f"{_block(number, position)}.point_linear.bn.bn.weight"))


def has_residual(layout: Stage, position: int) -> bool:
    """Whether the input of the block at that position of a stage is added to its output."""
    return position > 0 or (layout.stride == 1 and layout.in_width == layout.out_width)


def _block(stage: int, position: int) -> str:
    return f"blocks.{1 + SLOTS_PER_STAGE * stage + position}.conv"


class _Pass:
    """One way through the network. weights: all of it, by key. in_training: whether batch norms use the batch."""

    def __init__(self, weights: Mapping[str, torch.Tensor], in_training: bool) -> None:
        self.weights, self.in_training = weights, in_training

    def block(self, x: torch.Tensor, name: str, layout: Stage, stride: int, kernel: int, mid: int) -> torch.Tensor:
        """An inverted residual block without its residual, with the first ``mid`` channels between its layers."""
        weights = self.weights
        activation: Activation = functional.hardswish if layout.h_swish else functional.relu
        x = functional.conv2d(x, weights[f"{name}.inverted_bottleneck.conv.conv.weight"][:mid])
        x = activation(self.norm(x, f"{name}.inverted_bottleneck.bn.bn"))
        kernels = depthwise_kernels(weights, f"{name}.depth_conv.conv", mid, kernel)
        if self.in_training:
            kernels = within_reach(kernels, max(x.shape[2:]))
        x = functional.conv2d(x, kernels, stride=stride, padding=kernels.shape[-1] // 2, groups=mid)
        x = activation(self.norm(x, f"{name}.depth_conv.bn.bn"))
        if layout.squeeze_excite:
            x = x * self.gate(x, f"{name}.depth_conv.se.fc")
        x = functional.conv2d(x, weights[f"{name}.point_linear.conv.conv.weight"][:, :mid])
        return self.norm(x, f"{name}.point_linear.bn.bn")

    def gate(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """What squeeze-and-excitation scales channels by: (B, C, H, W) -> (B, C, 1, 1)."""
        mid = x.shape[1]
        squeezed = squeeze_width(mid)
        reduce, expand = self.weights[f"{name}.reduce.weight"], self.weights[f"{name}.expand.weight"]
        x = x.mean((2, 3), keepdim=True)
        x = functional.conv2d(x, reduce[:squeezed, :mid], self.weights[f"{name}.reduce.bias"][:squeezed]).relu()
        x = functional.conv2d(x, expand[:mid, :squeezed], self.weights[f"{name}.expand.bias"][:mid])
        return functional.hardsigmoid(x)

    def conv_norm(
        self, x: torch.Tensor, name: str, activation: Activation | None = None, stride: int = 1, groups: int = 1
    ) -> torch.Tensor:
        """A layer that is the same in all networks."""
        kernel = self.weights[f"{name}.conv.weight"]
        x = functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2, groups=groups)
        x = self.norm(x, f"{name}.bn")
        return x if activation is None else activation(x)

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Batch norm with the first entries of its vectors."""
        weight, bias, mean, var = (
            self.weights[f"{name}.{vector}"][: x.shape[1]] for vector in ("weight", "bias", *BUFFERS[:2])
        )
        if self.in_training:
            return functional.batch_norm(x, None, None, weight, bias, training=True)
        return functional.batch_norm(x, mean, var, weight, bias)
