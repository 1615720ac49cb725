"""Trained generators on disk: safetensors with what was done to train them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from bonag.generators.denoiser import FIXED_RELATIONS, FREE_RELATIONS, Denoiser
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.score import ScoreGenerator
from bonag.generators.sde import SDE, VE, VP, SubVP
from bonag.generators.trained import TrainedGenerator
from bonag.safe_reading import read_tensors, reading
from bonag.whole_file import whole_file
from search_spaces import SearchSpace
from search_spaces.errors import UserError

FORMAT = "bonag-generator-2"
# By which the probabilities of a site may differ from 1 in sum.
TOLERANCE = 1e-3
FAMILIES = (DiscreteGenerator.family, ScoreGenerator.family)
_SDES: dict[str, type[SDE]] = {"VE": VE, "VP": VP, "SubVP": SubVP}


def save_generator(generator: TrainedGenerator, record: Mapping[str, Any], path: Path) -> None:
    """Write the generator and the record of its training; raises UserError where the file cannot be written."""
    state = generator.denoiser.state_dict()
    tensors = {f"denoiser.{name}": value.cpu().contiguous() for name, value in state.items()}
    tensors |= {"marginals": generator.marginals}
    tensors |= {f"scale.{name}": torch.from_numpy(values) for name, values in generator.quantiles.items()}
    metadata = {
        "format": FORMAT,
        "space": generator.space.name,
        "op_names": json.dumps(generator.space.op_names),
        "family": generator.family,
        "scales": json.dumps(list(generator.quantiles)),
        **generator.settings,
    }
    try:
        with whole_file(path) as file:
            file.write_bytes(save(tensors, metadata | {"training": json.dumps(record)}))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def load_generator(
    space: SearchSpace, path: Path | None = None, device: str = "cpu", family: str = "discrete"
) -> TrainedGenerator:
    """The generator in the file, or the one of that family that comes with the space; raises UserError.

    A file holds a generator of one family, which ``family`` does not change.
    """
    path = path or shipped_path(space, family)
    metadata, tensors = _contents(path)
    if metadata.get("format") != FORMAT or not {"space", "op_names", "family"} <= metadata.keys():
        raise UserError(f"{path} is not a generator of format {FORMAT}")
    if metadata["space"] != space.name:
        raise UserError(f"{path} generates architectures of space '{metadata['space']}', not of '{space.name}'")
    try:
        _check_operations(space, json.loads(metadata["op_names"]), path)
        return _generator(space, metadata, tensors, device)
    except UserError:
        raise
    except Exception as error:  # of a foreign file anything can be missing or of another kind
        why = " ".join(str(error).split())
        raise UserError(f"{path} does not hold a generator of graphs like those of '{space.name}': {why}") from None


def training_record(path: Path) -> dict[str, Any]:
    """What was done to train the generator in a file: steps, seconds, samples, labels; raises UserError."""
    text = _contents(path)[0].get("training", "{}")
    with reading(path):
        record = json.loads(text)
        labels = record.get("labels", 0) if isinstance(record, dict) else None
        if not isinstance(labels, int) or isinstance(labels, bool) or labels < 0:
            raise ValueError(f"its record of the training makes no sense: {text[:80]}")
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
        raise no_generator(space, family)
    return path


def no_generator(space: SearchSpace, family: str = "discrete") -> UserError:
    """What there is to say where a space has no generator: how to train one, and how to name it."""
    return UserError(
        f"no trained {family} generator comes with space '{space.name}': train one by `bonag train-generator "
        f"--space {space.name}{'' if family == 'discrete' else f' --generator {family}'} -o FILE`, then give it by "
        "--generator FILE"
    )


def _check_operations(space: SearchSpace, names: list[str], path: Path) -> None:
    """Raises UserError for a file of a space of the same name that has other operations."""
    if names == list(space.op_names):
        return
    raise UserError(
        f"{path} generates architectures of space '{space.name}' with the operations {', '.join(names)}; "
        f"this one has {', '.join(space.op_names)}"
    )


def _contents(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        return read_tensors(path, "pt")
    except UserError as error:
        raise UserError(f"{path} is not a readable generator: {error}") from None


def _generator(
    space: SearchSpace, metadata: dict[str, str], tensors: dict[str, Tensor], device: str
) -> TrainedGenerator:
    marginals = tensors["marginals"]
    if marginals.shape != (space.num_sites, int(space.site_classes.max())):
        raise ValueError(f"marginals of the shape {tuple(marginals.shape)}")
    if (marginals < 0).any() or (marginals.sum(dim=1) - 1).abs().max() > TOLERANCE:
        raise ValueError("marginals that are no probabilities")
    own = "denoiser."
    state = {name.removeprefix(own): value for name, value in tensors.items() if name.startswith(own)}
    names = json.loads(metadata.get("scales", "[]"))
    # The first weights are random, and replaced at once: nobody else's random numbers are spent on them.
    with torch.random.fork_rng(devices=[]):
        denoiser = Denoiser(space, len(names), *_shape(state))
    denoiser.load_state_dict(state)
    denoiser = denoiser.to(device).eval()
    if metadata["family"] == DiscreteGenerator.family:
        quantiles = {name: tensors[f"scale.{name}"].numpy() for name in names}
        return DiscreteGenerator(space, denoiser, marginals, quantiles=quantiles)
    options = json.loads(metadata["sde"])
    return ScoreGenerator(space, denoiser, marginals, _SDES[options.pop("name")](**options))


def _shape(state: dict[str, Tensor]) -> tuple[int, int, int, bool]:
    """Width, heads and layers of the transformer with these weights, and whether it knows siblings."""
    layers = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    relations, heads = state["blocks.0.bias.weight"].shape
    return state["position"].shape[1], heads, layers, relations > FIXED_RELATIONS + FREE_RELATIONS
