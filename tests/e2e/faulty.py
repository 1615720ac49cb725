"""An evaluator that takes its time and leaves marks of what it did."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch

STEPS = 4


def measure(architecture: Any, trial: Any) -> dict[str, float]:
    """Four steps of MARKS_SECONDS / 4, each reported; a line in MARKS for each start."""
    with open(Path(os.environ["MARKS"]) / "starts", "a", encoding="utf-8") as file:
        file.write(f"{trial.index} {os.getpid()}\n")
    value = sum(map(ord, str(architecture))) * 2654435761 % 1009
    state = trial.load() or {"steps": torch.tensor(0)}
    for epoch in trial.epochs(STEPS):
        time.sleep(float(os.environ["MARKS_SECONDS"]) / STEPS)
        state["steps"] += 1
        trial.report(accuracy=value * (epoch + 1) / STEPS)
        trial.save(state)
    return {"accuracy": float(value), "steps": float(state["steps"])}
