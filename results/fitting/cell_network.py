"""The ensemble behind the nb201 surrogate, trained in PyTorch: all members at once, on the same rows in the same order.

As in ``bonag.evaluators.nb201_surrogate``, whose arrays these are. The second node of a cell has only 125 states, so
each step computes all of them once and gathers what the cells of the batch need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bonag.evaluators.nb201_surrogate import OPERATIONS, TASKS, edge_indices, node_states

LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 0.01, 0.01, 0.1
BATCH = 512
# Each loss is weighted by the predicted sd to this power, held constant (beta-NLL, Seitzer et al., ICLR 2022).
BETA = 0.5
LOG_VARIANCE_RANGE = (-8.0, 4.0)


@dataclass(frozen=True)
class Ensemble:
    """members: how many networks. width: channels of a node's vector. readout: of the hidden layer after the output."""

    members: int
    width: int
    readout: int
    epochs: int


def train(ops: np.ndarray, accuracy: np.ndarray, ensemble: Ensemble, seed: int) -> dict[str, np.ndarray]:
    """The arrays of an ensemble fitted to (n, 6) operations from 0, all connected, and (n, 2) accuracies (%)."""
    log_error = np.log(100.0 - accuracy)
    centre, scale = log_error.mean(axis=0), log_error.std(axis=0)
    targets = torch.tensor((log_error - centre) / scale, dtype=torch.float32)
    indices = torch.tensor(np.stack(edge_indices(ops)))
    weights = _start(ensemble, torch.Generator().manual_seed(seed))
    steps = len(ops) // BATCH
    optimiser = torch.optim.AdamW(list(weights.values()), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=ensemble.epochs * steps, pct_start=WARM_UP
    )
    rng = np.random.default_rng(seed)
    for _ in range(ensemble.epochs):
        order = torch.tensor(rng.permutation(len(ops)))
        for rows in order[: steps * BATCH].split(BATCH):
            both = forward(weights, indices[:, rows])
            mean, log_variance = both[..., : len(TASKS)], both[..., len(TASKS) :].clamp(*LOG_VARIANCE_RANGE)
            loss = 0.5 * ((targets[rows] - mean) ** 2 * torch.exp(-log_variance) + log_variance)
            loss = (loss * torch.exp(BETA * log_variance.detach())).mean((1, 2)).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    arrays = {name: weight.detach().numpy() for name, weight in weights.items()}
    return arrays | {"log_error_centre": centre, "log_error_scale": scale}


def forward(weights: dict[str, Tensor], indices: Tensor) -> Tensor:
    """Standardised means and log variances of log error, (M, B, 4), of ``edge_indices``, (3, B)."""
    second, live = (torch.tensor(array) for array in node_states())
    from_input = _operations(weights, weights["start"][:, None], torch.ones(1, dtype=torch.bool))
    into_first = from_input[:, 0]
    from_first = _operations(weights, into_first, live[:OPERATIONS])
    into_second = into_first[:, second[:, 1]] + from_first[:, second[:, 0], second[:, 2]]
    from_second = _operations(weights, into_second, live[OPERATIONS:])
    tables = (from_input, from_first, from_second)
    brought = [table.flatten(1, 2)[:, rows] for table, rows in zip(tables, indices, strict=True)]
    output = brought[0] + brought[1] + brought[2]
    hidden = torch.relu(torch.baddbmm(weights["readout_bias"][:, None], output, weights["readout_weight"]))
    return torch.baddbmm(weights["head_bias"][:, None], hidden, weights["head_weight"])


def _operations(weights: dict[str, Tensor], nodes: Tensor, live: Tensor) -> Tensor:
    hidden = torch.relu(nodes[:, None] @ weights["hidden_weight"] + weights["hidden_bias"][:, :, None])
    convolved = (hidden @ weights["out_weight"] + weights["out_bias"][:, :, None]) * live[:, None]
    pooled = nodes @ weights["pool_weight"]
    return torch.stack([torch.zeros_like(nodes), nodes, convolved[:, 0], convolved[:, 1], pooled], dim=2)


def _start(ensemble: Ensemble, generator: torch.Generator) -> dict[str, Tensor]:
    members, width, readout = ensemble.members, ensemble.width, ensemble.readout
    shapes = {
        "start": ((width,), 1.0),
        "hidden_weight": ((2, width, width), math.sqrt(2 / width)),
        "hidden_bias": ((2, width), 0.1),
        "out_weight": ((2, width, width), math.sqrt(1 / width)),
        "out_bias": ((2, width), 0.1),
        "pool_weight": ((width, width), math.sqrt(1 / width)),
        "readout_weight": ((width, readout), math.sqrt(2 / width)),
        "readout_bias": ((readout,), 0.1),
        "head_weight": ((readout, 2 * len(TASKS)), 0.3 / math.sqrt(readout)),
        "head_bias": ((2 * len(TASKS),), 0.0),
    }
    return {
        name: (spread * torch.randn((members, *shape), generator=generator)).requires_grad_()
        for name, (shape, spread) in shapes.items()
    }
