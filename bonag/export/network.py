"""Writes the network of an architecture to a file that works without bonag."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bonag.export.loading import loading_lines
from bonag.export.source import python_source
from bonag.training.cutting import read_supernet
from bonag.training.weights import TrainedNetwork, is_trained, read_trained
from bonag.whole_file import whole_file
from search_spaces import Architecture, NetworkSize, SearchSpace
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Exported:
    """random: whether no trained weights are there for it. loading: lines of Python to use the file."""

    random: bool
    loading: list[str]


FORMATS = ("state-dict", "onnx", "python")
FRESH_SEED = 0
# More than any network has classes and any image pixels along a side, and less than fills a computer's memory.
MOST_CLASSES, LARGEST_IMAGE = 100_000, 4096


def export_network(
    space: SearchSpace,
    architecture: Architecture,
    format: str,
    path: Path,
    num_classes: int | None = None,
    image_size: int | None = None,
    weights: Path | None = None,
) -> Exported:
    """Write the network to ``path``, whole or not at all.

    format:
        ``state-dict``: a safetensors file for ``space.build(architecture, num_classes).load_state_dict``;
        ``onnx``: a graph from ``images`` (batch, 3, image_size, image_size) to ``logits`` (batch, num_classes), or from
            what else the space's networks take;
        ``python``: a module of plain PyTorch with ``build()``, which needs nothing of bonag and can be run as a script.
    weights: a file of trained weights of this network (a trial's, or of ``bonag test``), which then decides classes,
        width and, unless it is given, image size; or that of a supernet, from which the network of an mbv3 architecture
        is cut and which decides the same; without one they are fresh, from seed 0. The files say which, in their
        metadata; a python file has no weights, but the size of the trained network.
    num_classes, image_size (pixels): the space's where None, as are the further arguments of ``build``: that of a run
        is at the size of the networks that were evaluated.
    Raises UserError for what cannot be exported or written.
    """
    if format not in FORMATS:
        raise UserError(f"unknown export format '{format}': {suggestion(format, FORMATS)}")
    _check_sizes(space, num_classes, image_size)
    trained = None if weights is None else _trained(weights, space, architecture)
    if trained is not None:
        _check_trained(trained, architecture, num_classes)
        num_classes, image_size = trained.num_classes, image_size or trained.image_size
    num_classes = space.num_classes if num_classes is None else num_classes
    image_size = space.network_size.image_size if image_size is None else image_size
    arguments = trained.arguments if trained is not None else space.build_arguments
    try:
        space = space.at(NetworkSize(num_classes, image_size, arguments))
        space.costs(architecture)
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"no network of space '{space.name}' for these images: {error}") from error

    try:
        with whole_file(path) as temporary:
            metadata = _metadata(space, architecture, trained)
            if format == "python":
                inputs = space.example_inputs(1)
                content = python_source(lambda: space.build(architecture, num_classes, **arguments), metadata, inputs)
            else:
                network = trained.build() if trained else _fresh(space, architecture)
                content = _state_dict(network, metadata) if format == "state-dict" else _onnx(space, network, metadata)
            temporary.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror or error}") from error
    return Exported(
        random=trained is None, loading=loading_lines(space, architecture, format, path, num_classes, arguments)
    )


def _metadata(
    space: SearchSpace,
    architecture: Architecture,
    trained: TrainedNetwork | None,
) -> dict[str, str]:
    """What the file says of itself."""
    if trained is not None:
        return {**trained.metadata(), **({"image_size": str(space.image_size)} if space.takes_images else {})}
    side = space.network_size.image_size
    return {
        "bonag": version("bonag"),
        "space": space.name,
        "architecture": str(architecture),
        "num_classes": str(space.num_classes),
        **({} if side is None else {"image_size": str(side)}),
        **({"build": json.dumps(dict(space.build_arguments))} if space.build_arguments else {}),
        "weights": f"fresh, seed {FRESH_SEED}",
    }


def _check_sizes(space: SearchSpace, num_classes: int | None, image_size: int | None) -> None:
    if image_size is not None and not space.takes_images:
        takes = " and ".join(space.input_names)
        raise UserError(f"the networks of space '{space.name}' take {takes}, no images: leave the size of images out")
    if num_classes is not None and not 1 <= num_classes <= MOST_CLASSES:
        raise UserError(f"the number of classes must be at least 1 and at most {MOST_CLASSES:,}, not {num_classes}")
    if image_size is not None and not image_size <= LARGEST_IMAGE:
        raise UserError(f"the size of images must be at most {LARGEST_IMAGE:,} pixels, not {image_size}")


def _check_trained(trained: TrainedNetwork, architecture: Architecture, num_classes: int | None) -> None:
    if trained.architecture != architecture:
        raise UserError(f"the trained weights are of another architecture: {trained.architecture}")
    if num_classes not in (None, trained.num_classes):
        raise UserError(
            f"the trained network tells {trained.num_classes} classes apart, not {num_classes}: leave the number out"
        )


def _trained(weights: Path, space: SearchSpace, architecture: Architecture) -> TrainedNetwork:
    """The network with its weights: the one in the file, or one that is cut from the supernet in the file."""
    if is_trained(weights):
        return read_trained(weights, space)
    return read_supernet(weights).cut(space, architecture)


def _fresh(space: SearchSpace, architecture: Architecture) -> nn.Module:
    """The network with fresh weights, on the CPU, in evaluation mode."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(FRESH_SEED)
        return space.build(architecture, space.num_classes, **space.build_arguments).eval()


def _state_dict(network: nn.Module, metadata: Mapping[str, str]) -> bytes:
    from safetensors.torch import save

    return save(network.state_dict(), metadata=dict(metadata))


def _onnx(space: SearchSpace, network: nn.Module, metadata: Mapping[str, str]) -> bytes:
    import torch

    inputs = space.example_inputs(2)  # a batch of one would be taken for a constant
    # The exporter warns that torchvision is absent, and about its own use of deprecated functions; where it fails it
    # prints all that it had done.
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                inputs,
                input_names=list(space.input_names),
                output_names=["logits"],
                dynamic_shapes=_growing(space),
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise UserError(
            f"PyTorch cannot write the network of {metadata['architecture']} as onnx: choose state-dict or python"
        ) from error
    finally:
        log.setLevel(level)
    assert program is not None
    program.model.metadata_props.update(metadata)
    serialised: bytes = program.model_proto.SerializeToString()
    return serialised


def _growing(space: SearchSpace) -> tuple[dict[int, Any], ...]:
    """The axes along which inputs grow with the number of examples, as the exporter wants them."""
    import torch

    pairs = zip(space.example_inputs(2), space.example_inputs(3), space.input_names, strict=True)
    return tuple(
        {
            axis: torch.export.Dim("batch" if space.takes_images else f"{name}_length")
            for axis, (two, three) in enumerate(zip(few.shape, more.shape, strict=True))
            if two != three
        }
        for few, more, name in pairs
    )
