"""What an experiment that bonag did not make has in place of architectures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AxArm:
    """An arm of an Ax experiment: its name, and its parameters in the order of the search space."""

    name: str
    parameters: tuple[tuple[str, str | int | float | bool | None], ...]

    def __str__(self) -> str:
        """``name=value, ...``."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters)
