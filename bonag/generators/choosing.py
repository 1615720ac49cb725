"""Which generator is meant: a file, a name, an object, or the one that a space has."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bonag.generators.artifact import generator_path, load_generator, no_generator, training_record
from bonag.generators.independent import independent_generator
from bonag.generators.trained import TrainedGenerator
from loops.protocols import Generator
from search_spaces import SearchSpace
from search_spaces.errors import UserError

SUFFIX = ".safetensors"
# The generator of the space itself.
TRAINED = "trained"


@dataclass(frozen=True)
class Loaded:
    """A generator, where it comes from, and the record of its training.

    path: its file, None where nothing had to be learnt. record: empty there.
    """

    generator: TrainedGenerator
    path: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)


def make_generator(part: object, space: SearchSpace, device: str = "cpu") -> Generator:
    """The generator that guides a search; raises UserError.

    part: a file that ``bonag train-generator`` wrote, a name of ``bonag.roles.GENERATORS``, a generator, or what makes
    one. None, like ``trained``, is the one of the space: see ``find_generator``.
    """
    from bonag.roles import GENERATORS

    if isinstance(part, str | os.PathLike) and names_file(part):
        return guidable(find_generator(space, Path(part), device=device))
    return GENERATORS.make(TRAINED if part is None else part, {"space": lambda: space, "device": lambda: device})


def trained_generator(space: SearchSpace, device: str = "cpu") -> Generator:
    """The discrete generator of the space; raises UserError where it has none."""
    return guidable(find_generator(space, device=device))


def find_generator(
    space: SearchSpace, path: Path | None = None, family: str = "discrete", device: str = "cpu"
) -> Loaded:
    """The generator in a file, else the one of that family that comes with the space, else the exact one.

    Only a space with ``independent_sites`` has an exact one. Raises UserError.
    """
    path = path or generator_path(space, family)
    if path is not None:
        return Loaded(load_generator(space, path, device), path, training_record(path))
    exact = independent_generator(space, device) if space.independent_sites else None
    if exact is None or exact.family != family:
        raise no_generator(space, family)
    return Loaded(exact)


def guidable(loaded: Loaded) -> Generator:
    """The generator as a search guides it; raises UserError where its family cannot be guided by an acquisition."""
    generator = loaded.generator
    if not hasattr(generator, "guided_sample"):
        raise UserError(
            f"{loaded.path} holds a {generator.family} generator, which no acquisition can guide: a search needs a "
            "discrete one"
        )
    return generator


def names_file(part: str | os.PathLike[str]) -> bool:
    """Whether a file is meant, and no name: a path, or a text that ends like one or is the name of a file only."""
    from bonag.roles import GENERATORS

    if not isinstance(part, str) or part.endswith(SUFFIX):
        return True
    return part not in GENERATORS.names() and Path(part).exists() and not Path(part).is_dir()
