"""Trained generators on disk: safetensors with what was done to train them."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from bonag.generators.denoiser import Denoiser
from bonag.generators.diffusion import Transition
from bonag.generators.generator import DiffusionGenerator
from bonag.whole_file import whole_file
from loops.errors import UserError
from search_spaces import SearchSpace

FORMAT = "bonag-generator-1"


def save_generator(generator: DiffusionGenerator, record: dict[str, Any], path: Path) -> None:
    """Write the generator and the record of its training; raises UserError where the file cannot be written."""
    tensors = {f"denoiser.{name}": value.contiguous() for name, value in generator.denoiser.state_dict().items()}
    tensors["marginals"] = generator.transition.marginals
    space = generator.space
    metadata = {"format": FORMAT, "space": space.name, "op_names": json.dumps(space.op_names)}
    try:
        with whole_file(path) as file:
            file.write_bytes(save(tensors, metadata | {"training": json.dumps(record)}))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def load_generator(space: SearchSpace, path: Path | None = None, device: str = "cpu") -> DiffusionGenerator:
    """The generator in the file, or the one that comes with the space; raises UserError where there is none."""
    path = path or space.generator
    if path is None:
        shipped = resources.files("bonag.generators") / "artifacts" / f"{space.name}.safetensors"
        path = Path(str(shipped))
        if not path.is_file():
            raise UserError(
                f"no trained generator comes with space '{space.name}': train one by "
                f"`python -m bonag.generators.training --space {space.name} --output FILE`, "
                "and let the space's attribute `generator` be the path of that file"
            )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is not a readable generator: {error}") from None
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path} is not a generator of format {FORMAT}")
    if metadata["space"] != space.name or tuple(json.loads(metadata["op_names"])) != space.op_names:
        raise UserError(f"{path} generates architectures of space '{metadata['space']}', not of '{space.name}'")
    try:
        denoiser = _denoiser(space, tensors)
        transition = Transition(tensors["marginals"])
        if transition.marginals.shape != (space.num_sites, int(space.site_classes.max())):
            raise ValueError(f"marginals of the shape {tuple(transition.marginals.shape)}")
    except (KeyError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"{path} does not hold a generator of graphs like those of '{space.name}': {why}") from None
    return DiffusionGenerator(space, denoiser.to(device).eval(), transition)


def _denoiser(space: SearchSpace, tensors: dict[str, torch.Tensor]) -> Denoiser:
    """The network of the shape that the tensors have, with them as its weights."""
    state = {name.removeprefix("denoiser."): value for name, value in tensors.items() if name != "marginals"}
    layers = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    denoiser = Denoiser(
        space,
        width=state["readout.weight"].shape[1],
        heads=state["blocks.0.bias.weight"].shape[1],
        layers=layers,
    )
    denoiser.load_state_dict(state)
    return denoiser
