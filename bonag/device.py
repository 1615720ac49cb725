"""Where PyTorch computes."""

from __future__ import annotations

from search_spaces.errors import UserError


def resolve_device(device: str) -> str:
    """``cpu`` or ``cuda``, of which ``auto`` is the second where there is one; raises UserError where there is none."""
    if device == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise UserError("there is no device 'cuda': PyTorch finds none here (a new run may take cpu or auto)")
    return "cpu"
