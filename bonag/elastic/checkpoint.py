"""What an unfinished training of a supernet keeps, so that the same command goes on with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bonag.whole_file import whole_file
from search_spaces.errors import UserError


@dataclass(frozen=True)
class Checkpoint:
    """The file, and what the training is of: another one does not take it up."""

    path: Path
    identity: Mapping[str, Any]

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep the state, whole or not at all; raises UserError where there is no room."""
        try:
            with whole_file(self.path) as file:
                torch.save({"identity": dict(self.identity), "state": dict(state)}, file)
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}") from error

    def load(self) -> dict[str, Any] | None:
        """What was kept last, on the CPU, or None; raises UserError where it is damaged or another training's."""
        if not self.path.is_file():
            return None
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
            identity, state = dict(content["identity"]), dict(content["state"])
        except Exception as error:  # a damaged file can raise anything
            raise UserError(
                f"{self.path} is not a readable checkpoint: {' '.join(str(error).split())[:200]}"
            ) from error
        for name, value in self.identity.items():
            if identity.get(name) != value:
                raise UserError(
                    f"{self.path} is the checkpoint of a training with {name} {identity.get(name)}, not {value}: give "
                    "those settings, or delete it"
                )
        return state

    def forget(self) -> None:
        """Delete it: the training is over."""
        self.path.unlink(missing_ok=True)
