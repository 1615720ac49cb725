"""Trained generators on disk: safetensors with what was done to train them."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from bonag.generators.conditions import MetricScale
from bonag.generators.denoiser import Denoiser
from bonag.generators.diffusion import Transition
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.score import ScoreGenerator
from bonag.generators.sde import SDE, VE, VP, SubVP
from bonag.whole_file import whole_file
from search_spaces import SearchSpace
from search_spaces.errors import UserError

FORMAT = "bonag-generator-2"
FAMILIES = ("discrete", "score")
Generator = DiscreteGenerator | ScoreGenerator
_SDES: dict[str, type[SDE]] = {"VE": VE, "VP": VP, "SubVP": SubVP}


def save_generator(generator: Generator, record: dict[str, Any], path: Path) -> None:
    """Write the generator and the record of its training; raises UserError where the file cannot be written."""
    tensors = _prefixed("denoiser", generator.denoiser)
    metadata = {"format": FORMAT, "space": generator.space.name, "op_names": json.dumps(generator.space.op_names)}
    if isinstance(generator, DiscreteGenerator):
        metadata["family"] = "discrete"
        tensors["marginals"] = generator.transition.marginals
        metadata["scales"] = json.dumps([scale.name for scale in generator.scales])
        tensors |= {f"scale.{scale.name}": torch.from_numpy(scale.quantiles) for scale in generator.scales}
    else:
        metadata["family"] = "score"
        tensors["marginals"] = generator.marginals
        metadata["sde"] = json.dumps({"name": type(generator.sde).__name__} | asdict(generator.sde))  # type: ignore[call-overload]
    try:
        with whole_file(path) as file:
            file.write_bytes(save(tensors, metadata | {"training": json.dumps(record)}))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def load_generator(
    space: SearchSpace, path: Path | None = None, device: str = "cpu", family: str = "discrete"
) -> Generator:
    """The generator in the file, or the one of that family that comes with the space; raises UserError.

    A file holds a generator of one family, which ``family`` does not change.
    """
    path = path or shipped_path(space, family)
    metadata, tensors = _contents(path)
    if metadata.get("format") != FORMAT or not {"space", "op_names", "family"} <= metadata.keys():
        raise UserError(f"{path} is not a generator of format {FORMAT}")
    if metadata["space"] != space.name or metadata["op_names"] != json.dumps(space.op_names):
        raise UserError(f"{path} generates architectures of space '{metadata['space']}', not of '{space.name}'")
    try:
        return _generator(space, metadata, tensors, device)
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"{path} does not hold a generator of graphs like those of '{space.name}': {why}") from None


def family_of(generator: Generator) -> str:
    """One of ``FAMILIES``."""
    return "discrete" if isinstance(generator, DiscreteGenerator) else "score"


def training_record(path: Path) -> dict[str, Any]:
    """What was done to train the generator in a file: steps, seconds, samples, labels; raises UserError."""
    record = json.loads(_contents(path)[0].get("training", "{}"))
    assert isinstance(record, dict)
    return record


def generator_path(space: SearchSpace, family: str = "discrete") -> Path | None:
    """The file of the generator of that family that comes with a space, or None."""
    if family == "discrete" and space.generator is not None:
        return space.generator
    suffix = "" if family == "discrete" else f"-{family}"
    shipped = Path(str(resources.files("bonag.generators") / "artifacts" / f"{space.name}{suffix}.safetensors"))
    return shipped if shipped.is_file() else None


def shipped_path(space: SearchSpace, family: str = "discrete") -> Path:
    """As ``generator_path``; raises UserError where there is none."""
    path = generator_path(space, family)
    if path is None:
        raise UserError(
            f"no trained {family} generator comes with space '{space.name}': train one by `bonag train-generator "
            f"--space {space.name} --generator {family} -o FILE`"
        )
    return path


def _contents(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is not a readable generator: {error}") from None


def _generator(space: SearchSpace, metadata: dict[str, str], tensors: dict[str, Tensor], device: str) -> Generator:
    marginals = tensors["marginals"]
    if marginals.shape != (space.num_sites, int(space.site_classes.max())):
        raise ValueError(f"marginals of the shape {tuple(marginals.shape)}")
    state = _own(tensors, "denoiser")
    names = json.loads(metadata.get("scales", "[]"))
    # The first weights are random, and replaced at once: nobody else's random numbers are spent on them.
    with torch.random.fork_rng(devices=[]):
        denoiser = Denoiser(space, len(names), *_shape(state))
    denoiser.load_state_dict(state)
    denoiser = denoiser.to(device).eval()
    if metadata["family"] == "discrete":
        scales = tuple(MetricScale(name, tensors[f"scale.{name}"].numpy()) for name in names)
        return DiscreteGenerator(space, denoiser, Transition(marginals), scales)
    options = json.loads(metadata["sde"])
    return ScoreGenerator(space, denoiser, _SDES[options.pop("name")](**options), marginals)


def _shape(state: dict[str, Tensor]) -> tuple[int, int, int]:
    """Width, heads and layers of the transformer with these weights."""
    layers = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    return state["position"].shape[1], state["blocks.0.bias.weight"].shape[1], layers


def _prefixed(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value.cpu().contiguous() for name, value in network.state_dict().items()}


def _own(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
