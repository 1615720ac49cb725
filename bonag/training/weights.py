"""The files of trained networks: safetensors, with all that it takes to build the network and to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bonag.safe_reading import check_regular, read_tensors
from bonag.whole_file import whole_file
from loops.trial_folder import trial_folder
from search_spaces import Architecture, InvalidArchitectureError, SearchSpace
from search_spaces.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import nn

FILE = "network.safetensors"
TRAINED = "trained"


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network's weights, and what they need.

    arguments: further ones of ``space.build``. mean, stddev: of the three channels of images from 0 to 1, which are
    (x - mean) / stddev where they enter the network. facts: how it was trained, in texts
    (dataset, preset, epochs, ...; supernet, where it was trained as a part of one; vocabulary of a text). Of a network
    that takes no images, image_size is None, and mean and stddev are empty.
    """

    space: SearchSpace
    architecture: Architecture
    num_classes: int
    image_size: int | None
    arguments: Mapping[str, float]
    mean: tuple[float, ...]
    stddev: tuple[float, ...]
    state: Mapping[str, torch.Tensor]
    facts: Mapping[str, str]

    def build(self) -> nn.Module:
        """The network, on the CPU, in evaluation mode; raises UserError where the weights do not fit it."""
        network = self.space.build(self.architecture, self.num_classes, **self.arguments).eval()
        try:
            network.load_state_dict(dict(self.state))
        except RuntimeError as error:
            raise UserError(f"the weights do not fit the network of {self.architecture}: {_line(error)}") from error
        return network

    def _origin(self) -> str:
        if "supernet" in self.facts:
            return f"cut from {self.facts['supernet']}"
        return f"{self.facts['epochs']} epochs on {self.facts['dataset']}"

    def metadata(self) -> dict[str, str]:
        """What the file says beside its weights."""
        return {
            "bonag": version("bonag"),
            "space": self.space.name,
            "architecture": str(self.architecture),
            "num_classes": str(self.num_classes),
            "weights": f"{TRAINED}, {self._origin()}",
            "build": json.dumps(dict(self.arguments)),
            **({} if self.image_size is None else self._of_images()),
            **self.facts,
        }

    def _of_images(self) -> dict[str, str]:
        return {
            "image_size": str(self.image_size),
            "mean": json.dumps(self.mean),
            "stddev": json.dumps(self.stddev),
        }


def trial_file(run: Path, index: int) -> Path:
    """Where the trained network of a run's trial is, if there is one."""
    return trial_folder(run, index) / FILE


def save_trained(trained: TrainedNetwork, path: Path) -> None:
    """Write the file, whole or not at all; raises OSError."""
    from safetensors.torch import save

    state = {name: tensor.contiguous() for name, tensor in trained.state.items()}
    with whole_file(path) as temporary:
        temporary.write_bytes(save(state, metadata=trained.metadata()))


def is_trained(path: Path) -> bool:
    """Whether the file is one that ``save_trained`` wrote."""
    return path.is_file() and _metadata(path).get("weights", "").startswith(TRAINED)


def read_trained(path: Path, space: SearchSpace) -> TrainedNetwork:
    """The network in the file, of which nothing can run; raises UserError."""
    said = _metadata(path)
    if not said.get("weights", "").startswith(TRAINED):
        raise UserError(f"{path} holds no network that bonag trained")
    if said.get("space") != space.name:
        raise UserError(f"{path} holds a network of space '{said.get('space')}', not of '{space.name}'")
    _, state = read_tensors(path, "pt")
    own = ("bonag", "space", "architecture", "num_classes", "image_size", "weights", "build", "mean", "stddev")
    images = space.takes_images
    try:
        return TrainedNetwork(
            space=space,
            architecture=space.parse(said["architecture"]),
            num_classes=int(said["num_classes"]),
            image_size=int(said["image_size"]) if images else None,
            arguments={str(name): _number(value) for name, value in json.loads(said["build"]).items()},
            mean=_three(said["mean"]) if images else (),
            stddev=_three(said["stddev"]) if images else (),
            state=state,
            facts={name: value for name, value in said.items() if name not in own},
        )
    except (InvalidArchitectureError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged: {_line(error)}") from error


def _metadata(path: Path) -> Mapping[str, str]:
    """What a safetensors file says beside its weights, nothing where it is no such file; raises UserError."""
    from safetensors import SafetensorError, safe_open

    check_regular(path)
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except SafetensorError:
        return {}
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _three(text: str) -> tuple[float, ...]:
    values = tuple(float(value) for value in json.loads(text))
    if len(values) != 3:
        raise ValueError(f"{len(values)} channels")
    return values


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise ValueError(f"'{value}' is no number")
    return value


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
