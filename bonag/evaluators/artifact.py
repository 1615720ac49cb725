"""What this package fitted and ships: arrays and the figures measured with them, as safetensors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bonag.safe_reading import read_tensors, reading
from bonag.whole_file import whole_file

FOLDER = Path(__file__).parent / "artifacts"
# The figures are one JSON text under this key of the file's metadata.
KEY = "bonag"


@dataclass(frozen=True)
class Artifact:
    """arrays: the fitted parameters by name. facts: rows, seed, command and held-out figures (JSON values)."""

    arrays: dict[str, np.ndarray]
    facts: dict


def artifact_path(name: str) -> Path:
    """Where the artifact of that name is shipped."""
    return FOLDER / f"{name}.safetensors"


@cache
def load_artifact(name: str) -> Artifact:
    """The shipped artifact of that name, read once; raises UserError."""
    path = artifact_path(name)
    metadata, arrays = read_tensors(path, "numpy")
    with reading(path):
        return Artifact(arrays, json.loads(metadata[KEY]))


def save_artifact(artifact: Artifact, path: Path) -> None:
    """Write an artifact; the same one gives the same bytes."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in sorted(artifact.arrays.items())}
    with whole_file(path) as file:
        file.write_bytes(save(arrays, metadata={KEY: json.dumps(artifact.facts)}))


def accuracy_moments(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (%) of an accuracy 100 - exp(g), where g, the log error, is Gaussian."""
    error = np.exp(mean + variance / 2)
    return 100.0 - error, error * np.sqrt(np.expm1(variance))
