"""What runs a network on this machine's CPU: PyTorch as it is, or ONNX Runtime, with which networks are deployed."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    import torch
    from torch import nn

RUNTIMES = ("onnxruntime", "torch")
IMAGES, LOGITS = "images", "logits"
SEED = 0


def choose_runtime(name: str | None = None) -> str:
    """The runtime of that name; where None, ONNX Runtime if it is installed, else PyTorch. Raises UserError."""
    installed = find_spec("onnxruntime") is not None
    if name is None:
        return "onnxruntime" if installed else "torch"
    if name not in RUNTIMES:
        raise UserError(f"unknown runtime '{name}': {suggestion(name, RUNTIMES)}")
    if name == "onnxruntime" and not installed:
        raise UserError("the runtime 'onnxruntime' is not installed: pip install 'bonag[onnxruntime]', or take torch")
    return name


def runtime_version(name: str) -> str:
    """The version of the runtime's package."""
    try:
        return version(name)
    except PackageNotFoundError:  # another build of it, under another name
        return "unknown"


# Runs a network once.
Run = Callable[[], object]


def make_loader(network: nn.Module, image_size: int, runtime: str, threads: int) -> Callable[[], Run]:
    """A function that loads the network anew, in evaluation mode, to be run on one random image of that side in pixels.

    threads: those of ONNX Runtime; PyTorch has the process's. Raises what the network, or its export, raises.
    """
    import torch

    images = torch.rand(1, 3, image_size, image_size, generator=torch.Generator().manual_seed(SEED))
    network = network.eval()
    if runtime == "torch":
        return lambda: partial(_run_torch, copy.deepcopy(network), images)

    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    written, given = _onnx(network, images), {IMAGES: images.numpy()}

    def load() -> Run:
        session = onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, given)

    return load


def _run_torch(network: nn.Module, images: torch.Tensor) -> object:
    import torch

    with torch.inference_mode():
        return network(images)


def _onnx(network: nn.Module, images: torch.Tensor) -> bytes:
    """The network as ONNX, for exactly these images, by PyTorch's tracing exporter.

    Its newer exporter takes 7 to 11 s for a MobileNetV3, this one 0.5 s, and there are hundreds of networks to measure.
    """
    import torch

    written: Any = BytesIO()  # which is taken, whatever the exporter's annotations say
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter is deprecated, and says so at every call
        torch.onnx.export(
            network, (images,), written, input_names=[IMAGES], output_names=[LOGITS], dynamo=False, verbose=False
        )
    return written.getvalue()
