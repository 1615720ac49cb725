"""The networks of BANANAS: an ensemble of multilayer perceptrons, trained side by side."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

MEMBERS, LAYERS, WIDTH = 5, 10, 20
EPOCHS, BATCH, RATE, BETAS = 150, 32, 0.01, (0.9, 0.99)


def ensemble_predictions(X: np.ndarray, y: np.ndarray, queries: np.ndarray, seed: int) -> np.ndarray:
    """What each member, trained to y at X, says of the queries: (n, P), (n,), (m, P) -> (MEMBERS, m).

    Ten layers of twenty rectified units; 150 epochs of Adam at 0.01 in batches of 32; each member has its own weights
    (Glorot) and order of the data; the loss is the mean absolute error, as in the authors' naszilla. (The mean absolute
    percentage error of an earlier version of the paper needs a lower bound of the errors, and did worse here.)
    """
    generator = torch.Generator().manual_seed(seed)
    widths = [X.shape[1], *[WIDTH] * LAYERS, 1]
    parameters = []
    for fan_in, fan_out in pairwise(widths):
        limit = math.sqrt(6 / (fan_in + fan_out))
        weight = (2 * torch.rand(MEMBERS, fan_in, fan_out, generator=generator) - 1) * limit
        parameters += [weight.requires_grad_(), torch.zeros(MEMBERS, 1, fan_out).requires_grad_()]
    optimiser = torch.optim.Adam(parameters, lr=RATE, betas=BETAS)
    inputs, targets = torch.from_numpy(X.astype(np.float32)), torch.from_numpy(y.astype(np.float32))
    for _ in range(EPOCHS):
        order = torch.rand(MEMBERS, len(y), generator=generator).argsort(dim=1)
        for rows in order.split(BATCH, dim=1):
            predicted = _forward(inputs[rows], parameters)
            loss = (predicted - targets[rows]).abs().mean(dim=1).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        every = torch.from_numpy(queries.astype(np.float32)).expand(MEMBERS, *queries.shape)
        return _forward(every, parameters).double().numpy()


def _forward(x: Tensor, parameters: list[Tensor]) -> Tensor:
    """(MEMBERS, B, P) -> (MEMBERS, B)."""
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = torch.baddbmm(bias, x, weight).relu()
    return torch.baddbmm(parameters[-1], x, parameters[-2])[..., 0]
