"""The training loop of all generators: AdamW, one cycle, moving average, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bonag.whole_file import whole_file
from search_spaces.errors import UserError

EMA_DECAY = 0.998
WARM_UP = 0.1
# Sites of a batch, all graphs together, and the sizes of batches that keep to it.
SITES, FEWEST_GRAPHS, MOST_GRAPHS = 7168, 32, 256
SECONDS_BETWEEN_CHECKPOINTS = 20.0


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how fast.

    steps: batches at most. minutes: time at most, or None; the learning rate falls to zero at whichever end is nearer,
    so only a training that ``steps`` ends is repeatable.
    """

    steps: int = 4000
    minutes: float | None = None
    batch_size: int = MOST_GRAPHS
    learning_rate: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.minutes is not None and not self.minutes > 0:
            raise UserError(f"minutes must be more than 0, not {self.minutes}")


def batch_size_of(sites: int) -> int:
    """Graphs of a batch, by how many sites each has: every site is an example, and costs time as one."""
    return max(FEWEST_GRAPHS, min(MOST_GRAPHS, SITES // sites))


@dataclass(frozen=True)
class Progress:
    """Where a training is: batches done, the share of the way, seconds, and the mean loss of late."""

    step: int
    share: float
    seconds: float
    loss: float


@dataclass(frozen=True)
class Checkpoint:
    """Where a training that may be killed keeps its state, and what it trains: another training does not take it up."""

    path: Path
    identity: dict[str, Any]
    resume: bool = False

    def refuse_unfinished(self) -> None:
        """Raises UserError where there is a training to go on with, and nobody said so."""
        if self.path.is_file() and not self.resume:
            raise UserError(f"{self.path} holds an unfinished training: go on with it by --resume, or delete it")


def fit_network(
    network: nn.Module,
    loss: Callable[[int], Tensor],
    schedule: Schedule,
    checkpoint: Checkpoint | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Progress:
    """Minimise the loss; the network's weights end as their moving average.

    loss: of batch number k, a pure function of k and the weights, so that a resumed training sees the same batches.
    Interrupted by KeyboardInterrupt, it leaves a checkpoint.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.learning_rate, weight_decay=1e-4)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    state = Progress(0, 0.0, 0.0, math.nan)
    if checkpoint is not None and checkpoint.path.is_file():
        state = _restore(checkpoint, schedule, network, optimiser, average)
    before, started = state.seconds, time.monotonic()
    saved = started
    network.train()
    whole = True
    try:
        while state.share < 1:
            for group in optimiser.param_groups:
                group["lr"] = schedule.learning_rate * _one_cycle(state.share)
            value = loss(state.step)
            optimiser.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            whole = False
            optimiser.step()
            decay = min(EMA_DECAY, (1 + state.step) / (10 + state.step))
            for name, weight in network.state_dict().items():
                if weight.dtype.is_floating_point:
                    average[name].lerp_(weight, 1 - decay)
            now = time.monotonic()
            state = _advance(state, schedule, before + now - started, value.item())
            whole = True
            if checkpoint is not None and now - saved > SECONDS_BETWEEN_CHECKPOINTS:
                _save(checkpoint, schedule, network, optimiser, average, state)
                saved = now
            if report is not None:
                report(state)
    except KeyboardInterrupt:
        # An update that was cut in its middle is worth nothing; then the checkpoint before it stays.
        if checkpoint is not None and whole:
            _save(checkpoint, schedule, network, optimiser, average, state)
        raise
    network.load_state_dict(average)
    network.eval()
    return state


def _advance(state: Progress, schedule: Schedule, seconds: float, loss: float) -> Progress:
    share = (state.step + 1) / schedule.steps
    if schedule.minutes is not None:
        share = max(share, seconds / 60 / schedule.minutes)
    recent = loss if math.isnan(state.loss) else state.loss + 0.02 * (loss - state.loss)
    return Progress(state.step + 1, min(share, 1.0), seconds, recent)


def _one_cycle(share: float) -> float:
    """The learning rate's factor: a linear rise, then half a cosine down to zero."""
    if share < WARM_UP:
        return 0.05 + 0.95 * share / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))


def _save(
    checkpoint: Checkpoint,
    schedule: Schedule,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
    state: Progress,
) -> None:
    content = {
        "identity": checkpoint.identity,
        "schedule": _comparable(schedule),
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "average": average,
        "state": asdict(state),
    }
    try:
        with whole_file(checkpoint.path) as file:
            torch.save(content, file)
    except OSError as error:
        raise UserError(f"cannot write {checkpoint.path}: {error.strerror}") from error


def _restore(
    checkpoint: Checkpoint,
    schedule: Schedule,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
) -> Progress:
    """Take the state up where it was left; raises UserError where it is not this training's."""
    path = checkpoint.path
    checkpoint.refuse_unfinished()
    try:
        content = torch.load(path, weights_only=True, map_location=next(network.parameters()).device)
        same = content["identity"] == checkpoint.identity and content["schedule"] == _comparable(schedule)
        state = Progress(**content["state"])
        if same:
            network.load_state_dict(content["network"])
            optimiser.load_state_dict(content["optimiser"])
            average.update(content["average"])
    except Exception as error:  # a damaged file can raise anything
        raise UserError(f"{path} is not a readable checkpoint: {' '.join(str(error).split())[:200]}") from error
    if not same:
        raise UserError(f"{path} is the checkpoint of a training with other settings: give those, or delete it")
    return replace(state, share=min(state.share, 1.0))


def _comparable(schedule: Schedule) -> dict[str, Any]:
    return asdict(schedule)
