"""Networks cut out of the file of a supernet."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bonag.safe_reading import check_regular
from bonag.training.weights import TrainedNetwork
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError
from search_spaces.mbv3 import MBV3Architecture

if TYPE_CHECKING:
    from search_spaces.mbv3.supernet import Supernet

# Of the channels of ImageNet's images, for which supernets are that do not say what they are for.
IMAGENET_MEAN, IMAGENET_STDDEV = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class SupernetFile:
    """A supernet with what its file says of itself.

    name: of the file. digest: the first digits of its SHA-256. dataset, epochs: what it was trained on and for how
    long, None where it does not say. image_size: pixels, None where it does not say. mean, stddev: as in
    ``TrainedNetwork``.
    """

    name: str
    digest: str
    supernet: Supernet
    dataset: str | None
    epochs: int | None
    image_size: int | None
    mean: tuple[float, ...]
    stddev: tuple[float, ...]

    @property
    def num_classes(self) -> int:
        """How many classes its networks tell apart."""
        return self.supernet.num_classes

    @property
    def arguments(self) -> dict[str, float]:
        """Further arguments of ``space.build`` for its networks."""
        return {} if self.supernet.width == 1 else {"width": self.supernet.width}

    def cut(self, space: SearchSpace, architecture: Architecture, image_size: int | None = None) -> TrainedNetwork:
        """The network of an architecture with the supernet's weights and batch norm statistics; raises UserError.

        image_size: of the images that it is for; by default the supernet's, or the space's.
        """
        from search_spaces.mbv3.supernet import subnet_state

        if not isinstance(architecture, MBV3Architecture):
            raise UserError("weights can be cut from a supernet for the space 'mbv3' only; leave them out")
        known = {"dataset": self.dataset, "epochs": None if self.epochs is None else str(self.epochs)}
        return TrainedNetwork(
            space=space,
            architecture=architecture,
            num_classes=self.num_classes,
            image_size=image_size or self.image_size or space.image_size,
            arguments=self.arguments,
            mean=self.mean,
            stddev=self.stddev,
            state=subnet_state(architecture, self.supernet),
            facts={"supernet": self.name, **{name: value for name, value in known.items() if value is not None}},
        )

    def describe(self) -> str:
        """Name, width, classes and digest in words."""
        width = f"width {self.supernet.width:g}, {self.num_classes:,} classes"
        return f"the supernet {self.name} ({width}, SHA-256 {self.digest})"


def read_supernet(path: Path) -> SupernetFile:
    """The supernet in a file, of which nothing can run; raises UserError.

    The file is a PyTorch checkpoint, or safetensors that may say ``dataset``, ``epochs``, ``image_size``, ``mean`` and
    ``stddev`` (three numbers each) beside the weights, as that of ``bonag train-supernet`` does.
    """
    try:
        check_regular(path)
        found = path.stat()
        return _read(path, found.st_size, found.st_mtime_ns)
    except ValueError as error:
        raise UserError(f"cannot take weights from '{path}': {error}") from error
    except OSError as error:
        raise UserError(f"cannot read weights '{path}': {error.strerror or error}") from error


# Once in a process, as long as the file is what it was.
@lru_cache(maxsize=1)
def _read(path: Path, size: int, changed: int) -> SupernetFile:
    from search_spaces.mbv3.supernet import load_supernet

    supernet = load_supernet(path)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    said = {name: _said(supernet.facts, name) for name in ("epochs", "image_size")}
    return SupernetFile(
        name=path.name,
        digest=digest,
        supernet=supernet,
        dataset=supernet.facts.get("dataset"),
        mean=_three(supernet.facts, "mean", IMAGENET_MEAN),
        stddev=_three(supernet.facts, "stddev", IMAGENET_STDDEV),
        **said,
    )


def _said(facts: Any, name: str) -> int | None:
    if name not in facts:
        return None
    if not facts[name].isdecimal() or not 0 < int(facts[name]) < 10**9:
        raise ValueError(f"its '{name}' must be a whole number, not '{facts[name]}'")
    return int(facts[name])


def _three(facts: Any, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    if name not in facts:
        return default
    try:
        found = tuple(float(value) for value in json.loads(facts[name]))
    except (ValueError, TypeError):
        found = ()
    if len(found) != 3 or not all(math.isfinite(value) for value in found) or (name == "stddev" and min(found) <= 0):
        raise ValueError(f"its '{name}' must be three numbers, not '{facts[name]}'")
    return found
