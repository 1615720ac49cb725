"""Weights of an architecture cut out of a Once-for-All supernet (Cai et al., ICLR 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import torch

from search_spaces.mbv3.architecture import EXPANDS, KERNELS, SLOTS_PER_STAGE, STAGES, MBV3Architecture
from search_spaces.mbv3.layout import scaled_layout, squeeze_width
from search_spaces.near_miss import suggestion

NORM_VECTORS = ("weight", "bias", "running_mean", "running_var")
WHAT = "not the state dict of an OFA MobileNetV3 supernet"


@dataclass(frozen=True)
class Supernet:
    """The weights of all networks of a width at once.

    state: by today's key names of the original code. width: times the channels of the usual network. facts: the texts
    that its file holds beside the weights, such as what it was trained on.
    """

    state: dict[str, torch.Tensor]
    width: float
    num_classes: int
    facts: Mapping[str, str] = field(default_factory=dict)


def load_supernet(path: Path) -> Supernet:
    """Read a supernet, from safetensors or a PyTorch checkpoint; its state dict may lie under the key ``state_dict``.

    No code of the file runs. Raises OSError if it cannot be read, ValueError if it is not a supernet's.
    """
    content, facts = _read_safetensors(path) if path.suffix == ".safetensors" else (_read_checkpoint(path), {})
    if isinstance(content, Mapping) and "state_dict" in content:
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise ValueError(f"'{path}' holds no state dict")
    return as_supernet(content, facts)


def _read_checkpoint(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a broken file can fail anywhere in the unpickler
        raise ValueError(f"'{path}' is not a PyTorch checkpoint of plain tensors") from error


def _read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"'{path}' is not a file of safetensors") from error


def subnet_state(architecture: MBV3Architecture, supernet: Supernet) -> dict[str, torch.Tensor]:
    """The state dict of the static network of an architecture, of the supernet's width and classes.

    A block takes the first channels of the supernet's block, and its kernel from the centre of the larger one by the
    learnt matrices 7 -> 5 -> 3. Batch norm statistics are those of the supernet; they must be
    recalibrated before accuracy is measured.
    """
    weights = supernet.state
    state: dict[str, torch.Tensor] = {}

    def conv_norm(target: str, kernel: torch.Tensor, norm: str) -> None:
        state[f"{target}.conv.weight"] = kernel
        for vector in NORM_VECTORS:
            state[f"{target}.norm.{vector}"] = weights[f"{norm}.{vector}"][: len(kernel)]
        state[f"{target}.norm.num_batches_tracked"] = weights[f"{norm}.num_batches_tracked"]

    def fixed(target: str, source: str) -> None:
        conv_norm(target, weights[f"{source}.conv.weight"], f"{source}.bn")

    fixed("stem", "first_conv")
    fixed("blocks.0.depthwise", "blocks.0.conv.depth_conv")
    fixed("blocks.0.project", "blocks.0.conv.point_linear")
    fixed("head", "final_expand_layer")
    state["mix.weight"] = weights["feature_mix_layer.conv.weight"]
    state["classifier.weight"] = weights["classifier.linear.weight"]
    state["classifier.bias"] = weights["classifier.linear.bias"]

    block = 0
    for number, (layout, stage) in enumerate(
        zip(scaled_layout(supernet.width).stages, architecture.stages, strict=True)
    ):
        for position, (kernel, expand) in enumerate(stage):
            block += 1
            source, target = f"blocks.{1 + SLOTS_PER_STAGE * number + position}.conv", f"blocks.{block}"
            mid = (layout.out_width if position else layout.in_width) * expand
            for name, part, cut in (
                ("expand", "inverted_bottleneck", weights[f"{source}.inverted_bottleneck.conv.conv.weight"][:mid]),
                ("depthwise", "depth_conv", depthwise_kernels(weights, f"{source}.depth_conv.conv", mid, kernel)),
                ("project", "point_linear", weights[f"{source}.point_linear.conv.conv.weight"][:, :mid]),
            ):
                conv_norm(f"{target}.{name}", cut, f"{source}.{part}.bn.bn")
            if layout.squeeze_excite:
                gate, squeezed = f"{source}.depth_conv.se.fc", squeeze_width(mid)
                state[f"{target}.squeeze_excite.reduce.weight"] = weights[f"{gate}.reduce.weight"][:squeezed, :mid]
                state[f"{target}.squeeze_excite.reduce.bias"] = weights[f"{gate}.reduce.bias"][:squeezed]
                state[f"{target}.squeeze_excite.expand.weight"] = weights[f"{gate}.expand.weight"][:mid, :squeezed]
                state[f"{target}.squeeze_excite.expand.bias"] = weights[f"{gate}.expand.bias"][:mid]
    # Copies: a slice would keep the whole supernet in memory, and in a file.
    return {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}


def supernet_shapes(width: float = 1.0, num_classes: int = 1000) -> dict[str, tuple[int, ...]]:
    """Every key of a supernet's state dict with its shape, in its order."""
    return dict(_shapes(width, num_classes))


def _shapes(width: float, num_classes: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    fixed = scaled_layout(width)

    def norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield from ((f"{name}.{vector}", (width,)) for vector in NORM_VECTORS)
        yield f"{name}.num_batches_tracked", ()

    yield "first_conv.conv.weight", (fixed.stem, 3, 3, 3)
    yield from norm("first_conv.bn", fixed.stem)
    yield "blocks.0.conv.depth_conv.conv.weight", (fixed.stem, 1, 3, 3)
    yield from norm("blocks.0.conv.depth_conv.bn", fixed.stem)
    yield "blocks.0.conv.point_linear.conv.weight", (fixed.stem, fixed.stem, 1, 1)
    yield from norm("blocks.0.conv.point_linear.bn", fixed.stem)
    largest = KERNELS[-1]
    for number, layout in enumerate(fixed.stages):
        for position in range(SLOTS_PER_STAGE):
            name = f"blocks.{1 + SLOTS_PER_STAGE * number + position}.conv"
            width = layout.out_width if position else layout.in_width
            mid = width * EXPANDS[-1]
            yield f"{name}.inverted_bottleneck.conv.conv.weight", (mid, width, 1, 1)
            yield from norm(f"{name}.inverted_bottleneck.bn.bn", mid)
            yield f"{name}.depth_conv.conv.5to3_matrix", (9, 9)
            yield f"{name}.depth_conv.conv.7to5_matrix", (25, 25)
            yield f"{name}.depth_conv.conv.conv.weight", (mid, 1, largest, largest)
            yield from norm(f"{name}.depth_conv.bn.bn", mid)
            if layout.squeeze_excite:
                squeezed = squeeze_width(mid)
                yield f"{name}.depth_conv.se.fc.reduce.weight", (squeezed, mid, 1, 1)
                yield f"{name}.depth_conv.se.fc.reduce.bias", (squeezed,)
                yield f"{name}.depth_conv.se.fc.expand.weight", (mid, squeezed, 1, 1)
                yield f"{name}.depth_conv.se.fc.expand.bias", (mid,)
            yield f"{name}.point_linear.conv.conv.weight", (layout.out_width, mid, 1, 1)
            yield from norm(f"{name}.point_linear.bn.bn", layout.out_width)
    yield "final_expand_layer.conv.weight", (fixed.head, fixed.stages[-1].out_width, 1, 1)
    yield from norm("final_expand_layer.bn", fixed.head)
    yield "feature_mix_layer.conv.weight", (fixed.features, fixed.head, 1, 1)
    yield "classifier.linear.weight", (num_classes, fixed.features)
    yield "classifier.linear.bias", (num_classes,)


def as_supernet(state: Mapping[str, torch.Tensor], facts: Mapping[str, str] = MappingProxyType({})) -> Supernet:
    """A state dict as a supernet; raises ValueError unless it is exactly one's.

    Keys may be of either generation of the original code, ``blocks.N.conv.`` or ``blocks.N.mobile_inverted_conv.``.
    """
    weights = {str(key).replace(".mobile_inverted_conv.", ".conv."): value for key, value in state.items()}
    width = _width(weights)
    num_classes = _rows(weights, "classifier.linear.weight") or 1000
    shapes = supernet_shapes(width, num_classes)
    missing = [key for key in shapes if key not in weights]
    unknown = [key for key in weights if key not in shapes]
    if unknown and len(unknown) < len(weights):
        raise ValueError(
            f"{WHAT}: unknown key '{unknown[0]}' ({len(unknown)} in all), {suggestion(unknown[0], shapes)}"
        )
    if missing:
        raise ValueError(f"{WHAT}: key '{missing[0]}' is missing ({len(missing)} of {len(shapes)} in all)")
    for key, shape in shapes.items():
        if not isinstance(weights[key], torch.Tensor) or tuple(weights[key].shape) != shape:
            found = tuple(weights[key].shape) if isinstance(weights[key], torch.Tensor) else type(weights[key]).__name__
            raise ValueError(f"{WHAT}: '{key}' must be a tensor of shape {shape}, not {found}")
    return Supernet(weights, width, num_classes, facts)


def _width(weights: Mapping[str, object]) -> float:
    """The width, in hundredths, whose networks have as many channels; 1 where none has."""
    outer = ["first_conv", *(f"blocks.{SLOTS_PER_STAGE * stage + 1}.conv.point_linear.conv" for stage in range(STAGES))]
    outer += ["final_expand_layer", "feature_mix_layer"]
    found = [_rows(weights, f"{name}.conv.weight") for name in outer]
    for width in (hundredths / 100 for hundredths in range(5, 1001)):
        fixed = scaled_layout(width)
        if found == [fixed.stem, *(stage.out_width for stage in fixed.stages), fixed.head, fixed.features]:
            return width
    return 1.0


def _rows(weights: Mapping[str, object], name: str) -> int:
    """The output channels of a layer; 0 where it is not there."""
    weight = weights.get(name)
    return len(weight) if isinstance(weight, torch.Tensor) and weight.ndim else 0


def depthwise_kernels(weights: Mapping[str, torch.Tensor], name: str, channels: int, kernel: int) -> torch.Tensor:
    """(channels, 1, kernel, kernel): the stored 7x7 kernels, shrunk step by step to the size wanted."""
    filters = weights[f"{name}.conv.weight"][:channels]
    for larger, smaller in ((7, 5), (5, 3)):
        if kernel < larger:
            centre = filters[:, :, 1:-1, 1:-1].reshape(channels, smaller**2)
            matrix = weights[f"{name}.{larger}to{smaller}_matrix"]
            filters = (centre @ matrix.T).reshape(channels, 1, smaller, smaller)
    return filters
