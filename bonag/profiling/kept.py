"""Where latency models are kept: files of the user, one for each space and name, never a pickle."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import numpy as np

from bonag.profiling.latency_model import LatencyModel
from bonag.whole_file import whole_file
from search_spaces import SearchSpace
from search_spaces.errors import UserError

VARIABLE = "BONAG_HOME"
PREFIX = "latency_"
_SUFFIX = ".safetensors"
# The facts are one JSON text under this key of the file's metadata.
_KEY = "bonag"
_NAME = re.compile(r"\w[\w.-]*")


def home() -> Path:
    """The user's folder of bonag: that of the environment variable BONAG_HOME, else the platform's for user data."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    from platformdirs import user_data_path

    return user_data_path("bonag")


def model_path(space_name: str, name: str) -> Path:
    """The file of the model of that name; raises UserError for what is no name."""
    if not _NAME.fullmatch(name):
        raise UserError(f"'{name}' cannot be the name of a latency: take letters, digits, '_', '-' and '.'")
    return _folder(space_name) / f"{name}{_SUFFIX}"


def profiled_metrics(space_name: str) -> tuple[str, ...]:
    """The metrics of the models that are kept for a space: ``latency_<name>`` of each, sorted."""
    files = sorted(_folder(space_name).glob(f"*{_SUFFIX}"))
    return tuple(f"{PREFIX}{path.name.removesuffix(_SUFFIX)}" for path in files if not path.name.startswith("."))


def load_metric(space: SearchSpace, metric: str) -> LatencyModel:
    """The model of one of ``profiled_metrics``; raises UserError where its file cannot be used."""
    return load_model(space, model_path(space.name, metric.removeprefix(PREFIX)))


def load_model(space: SearchSpace, path: Path) -> LatencyModel:
    """Read a model, once for as long as its file stays as it is; raises UserError where it is not one of the space."""
    try:
        return _read(space, path, path.stat().st_mtime_ns)
    except OSError as error:
        raise UserError(f"cannot read the latency model {path}: {error.strerror or error}") from None


def save_model(model: LatencyModel, path: Path) -> None:
    """Write a model, whole or not at all; raises UserError."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in sorted(model.arrays.items())}
    facts = {**model.facts, "space": model.space.name, "sites": _sites(model.space)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            temporary.write_bytes(save(arrays, metadata={_KEY: json.dumps(facts)}))
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror or error}") from error


@lru_cache(maxsize=32)
def _read(space: SearchSpace, path: Path, _: int) -> LatencyModel:
    from safetensors import SafetensorError, safe_open

    mend = "profile the space again, or remove the file"
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads(file.metadata()[_KEY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        if facts["sites"] != _sites(space):
            raise UserError(f"{path} is a latency model of another space that is called '{space.name}', too: {mend}")
        model = LatencyModel(space, arrays, facts)
        # A file that can be read may still lack something, or hold arrays that do not fit together.
        if not np.isfinite(model.predict(space.sample(1, np.random.default_rng(0)))).all():
            raise ValueError("it predicts no numbers")
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        raise UserError(f"{path} is not a readable latency model: {mend} ({error})") from None
    return model


def _sites(space: SearchSpace) -> list[list[str]]:
    """What tells spaces of the same name apart: the vocabulary, and which sites have which classes."""
    return [list(space.op_names), ["".join("01"[int(one)] for one in row) for row in space.allowed]]


def _folder(space_name: str) -> Path:
    return home() / "latency" / quote(space_name, safe="")
