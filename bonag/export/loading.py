"""How an exported file is put to use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from search_spaces import Architecture, SearchSpace


def loading_lines(
    space: SearchSpace,
    architecture: Architecture,
    format: str,
    path: Path,
    num_classes: int,
    arguments: Mapping[str, float],
) -> list[str]:
    """Python that makes the network of the file; numbers of ``space.build`` are those of the export."""
    load = f"network.load_state_dict(safetensors.torch.load_file({str(path)!r}))"
    if format == "onnx":
        given = ", ".join(f"{name!r}: {name}" for name in space.input_names)
        return [f"session = onnxruntime.InferenceSession({str(path)!r})", f"session.run(None, {{{given}}})"]
    if format == "python":
        module = f"network = runpy.run_path({str(path)!r})['build']()"
        return [module, load.replace(repr(str(path)), "'WEIGHTS.safetensors'")]
    numbers = "".join(f", {name}={value!r}" for name, value in arguments.items())
    made = f"space.build(space.parse({str(architecture)!r}), num_classes={num_classes}{numbers})"
    return [f"space = search_spaces.get_space({space.name!r})", f"network = {made}", load]


# Said wherever weights are fresh ones.
RANDOM = (
    "note: the weights are RANDOM, the network has learnt nothing: search with --evaluator train, or load weights of "
    "yours by --weights"
)
