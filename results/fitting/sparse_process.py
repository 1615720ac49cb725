"""The variational sparse Gaussian process behind the mbv3 surrogate, fitted in PyTorch (double precision).

Titsias, "Variational Learning of Inducing Variables in Sparse Gaussian Processes" (AISTATS 2009), with the additive
part of the kernel kept exact: phi(x) = [additive features, whitened residual kernel at the pseudo-inputs] has a
standard normal weight vector, and the bound pays for what the pseudo-inputs leave out by the trace term.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import torch
from torch import Tensor

from bonag.evaluators.mbv3_surrogate import SIZES, STEPS, Features, LogErrorModel, features
from search_spaces.mbv3.architecture import SKIP, SLOTS, SLOTS_PER_STAGE, STAGES

STEPS_PER_SLOT = STEPS.shape[1]
# Log-hyperparameters and where they start: prior variances of slots' effects for each step, of totals' effects and of
# their change with size; noise variance by size; amplitude of the residual; its inverse squared length for size.
HYPERPARAMETERS = {
    "slots": [-4.0, -8.0, -8.0, -6.0, -6.0],
    "totals": [2.5],
    "sizes": [-4.0],
    "noise": [-5.0, -2.1, -2.4, -2.0],
    "amplitude": [-0.5],
    "size_inverse_square": [-2.0],
}
# A summary of a stage starts as the mean of its slots' steps, each over a length of its own, and may move from there by
# about so much a weight.
SUMMARY_STEPS = (0.55, 0.19, 0.08, 0.21, 0.26)
SUMMARY_SD = 0.045
# A weak pull of the log-hyperparameters to 0 keeps those that the data do not tell from running away.
PULL = 0.005
# Log errors of the top-1 range over about 0.03 within an image size: in this unit everything is of order 1.
UNIT = 0.03
SIZE_PRIOR_SD = 10.0
JITTER = 1e-6


def log_error(accuracy: np.ndarray) -> np.ndarray:
    """The logarithm of the error (%) of accuracies (%)."""
    return np.log(100.0 - accuracy)


def fit_process(x: Features, accuracy: np.ndarray, pseudo_inputs: int, seed: int, iterations: int) -> LogErrorModel:
    """Maximise the bound over hyperparameters and pseudo-inputs, which start at random architectures of no data row."""
    y = log_error(accuracy)
    # The constant: log error's mean, taken off before and added to the weights of the one-hot size, which sum to one.
    constant = float(y.mean())
    target = torch.tensor((y - constant) / UNIT)
    centre = x.additive.mean(axis=0)
    centre[-len(SIZES) :] = 0.0
    additive, stages, size = torch.tensor(x.additive - centre), torch.tensor(x.stages), torch.tensor(x.relative_size)
    one_hot = additive[:, -len(SIZES) :]

    names, start = list(HYPERPARAMETERS), list(chain.from_iterable(HYPERPARAMETERS.values()))
    lengths = [len(HYPERPARAMETERS[name]) for name in names]
    logs = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    first = torch.tensor(np.stack([np.kron(np.ones((SLOTS_PER_STAGE, 1)), np.diag(SUMMARY_STEPS))] * STAGES))
    first = first / SLOTS_PER_STAGE
    summaries = first.clone().requires_grad_()
    start_length = float(np.exp(HYPERPARAMETERS["size_inverse_square"][0] / 2))
    pseudo = _inputs(*_random_networks(pseudo_inputs, seed), first, start_length).requires_grad_()

    def bound() -> tuple[Tensor, tuple[Tensor, ...]]:
        values = dict(zip(names, torch.split(logs.exp(), lengths), strict=True))
        scale = _scale(values)
        length = values["size_inverse_square"].sqrt()
        among = _kernel(pseudo, pseudo, values["amplitude"])
        factor = torch.linalg.cholesky(among + JITTER * values["amplitude"] * torch.eye(len(pseudo)))
        cross = _kernel(pseudo, _inputs(stages, size, summaries, length), values["amplitude"])
        projection = torch.linalg.solve_triangular(factor, cross, upper=False).T
        unexplained = (values["amplitude"] - (projection**2).sum(1)).clamp_min(0.0)
        phi = torch.cat([additive * scale, projection], dim=1)
        noise = one_hot @ values["noise"]
        weighted = phi / noise.sqrt()[:, None]
        precision = torch.linalg.cholesky(torch.eye(phi.shape[1]) + weighted.T @ weighted)
        right = torch.linalg.solve_triangular(precision, weighted.T @ (target / noise.sqrt())[:, None], upper=False)
        loss = 0.5 * ((target**2 / noise).sum() - (right**2).sum() + noise.log().sum() + (unexplained / noise).sum())
        loss = loss + precision.diagonal().log().sum() + PULL * (logs**2).sum()
        loss = loss + 0.5 * (((summaries - first) / SUMMARY_SD) ** 2).sum()
        return loss, (scale, length, values["amplitude"], factor, precision, right[:, 0], values["noise"])

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss, _ = bound()
        loss.backward()
        return loss

    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        optimiser = torch.optim.LBFGS(
            [logs, pseudo, summaries], max_iter=iterations, history_size=20, line_search_fn="strong_wolfe"
        )
        optimiser.step(closure)
        with torch.no_grad():
            scale, length, amplitude, factor, precision, right, noise = bound()[1]
            root = torch.linalg.solve_triangular(precision, torch.eye(len(precision)), upper=False)
            whitener = torch.linalg.solve_triangular(factor, torch.eye(len(factor)), upper=False)
            weights = root.T @ right
            sizes = slice(additive.shape[1] - len(SIZES), additive.shape[1])
            weights[sizes] += constant / (UNIT * scale[sizes])
    finally:
        torch.set_default_dtype(default)
    return LogErrorModel(
        centre=centre,
        scale=UNIT * scale.numpy(),
        summaries=summaries.detach().numpy(),
        size_length=length.numpy(),
        pseudo_inputs=pseudo.detach().numpy(),
        amplitude=UNIT**2 * amplitude.numpy(),
        whitener=whitener.numpy() / UNIT,
        weights=weights.numpy(),
        root=root.numpy(),
        noise=UNIT**2 * noise.numpy(),
        usual=np.full(len(SIZES), np.inf),
    )


def _scale(values: dict[str, Tensor]) -> Tensor:
    """Prior standard deviations of the additive features' weights, in their order."""
    return torch.cat(
        [
            values["slots"].sqrt().repeat(SLOTS),
            values["totals"].sqrt().expand(STEPS_PER_SLOT),
            values["sizes"].sqrt().expand(STEPS_PER_SLOT),
            torch.full((len(SIZES),), SIZE_PRIOR_SD),
        ]
    )


def _inputs(stages: Tensor, size: Tensor, summaries: Tensor, length: Tensor | float) -> Tensor:
    """What the residual's kernel sees: (n, 26)."""
    return torch.cat([torch.einsum("bsi,sij->bsj", stages, summaries).flatten(1), size * length], dim=1)


def _kernel(a: Tensor, b: Tensor, amplitude: Tensor) -> Tensor:
    return amplitude * torch.exp(-((a**2).sum(1)[:, None] - 2.0 * a @ b.T + (b**2).sum(1)))


def _random_networks(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """The steps by stage and the relative sizes of n random architectures (uniform depths and blocks) and sizes."""
    rng = np.random.default_rng(seed)
    ops = rng.integers(SKIP, size=(n, STAGES, SLOTS_PER_STAGE))
    depths = rng.integers(2, SLOTS_PER_STAGE + 1, size=(n, STAGES))
    ops[np.arange(SLOTS_PER_STAGE) >= depths[:, :, None]] = SKIP
    x = features(ops.reshape(n, SLOTS), rng.choice(SIZES, size=n))
    return torch.tensor(x.stages), torch.tensor(x.relative_size)
