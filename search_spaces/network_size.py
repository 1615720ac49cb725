"""Which networks the architectures of a space stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class NetworkSize:
    """What decides, beside an architecture, which network it stands for, and so what that network costs.

    num_classes: that the network tells apart. image_size: the side of its images in pixels, None where it takes none.
    arguments: further ones of ``space.build``, by name; numbers, truth values or texts.
    """

    num_classes: int
    image_size: int | None
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("num_classes", "image_size"):
            value = getattr(self, name)
            if value is None and name == "image_size":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
        for name, value in self.arguments.items():
            if not isinstance(name, str) or not isinstance(value, int | float | str):
                raise ValueError(f"argument {name!r} must be a number or a text, not {value!r}")

    def __str__(self) -> str:
        """``10 classes, images of 32 px, channels 8``."""
        further = "".join(f", {name} {value}" for name, value in self.arguments.items())
        images = "" if self.image_size is None else f", images of {self.image_size} px"
        return f"{self.num_classes} classes{images}{further}"
