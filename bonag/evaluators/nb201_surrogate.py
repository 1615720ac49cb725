"""A surrogate of NAS-Bench-201's accuracies, fitted by ``results/fitting/nb201_surrogate.py``.

A small network that computes as a cell does: each node of the cell has a vector, an edge turns its tail's vector by its
operation (skip: identity, none: nothing, average pooling: a linear map, convolutions: a layer of ReLUs each), and a
node adds up what its edges bring. So cells that are the same network, by dead edges, skips or symmetry, get the same
value. A readout of the output's vector gives mean and log variance of the logarithm of the error (%) on both data sets;
an ensemble of such networks gives a mixture, of which the moments are taken (Lakshminarayanan et al., NeurIPS 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bonag.evaluators.artifact import accuracy_moments, load_artifact
from bonag.evaluators.batch import DECIMALS, BatchEvaluator
from search_spaces import Architecture, NetworkSize, SearchSpace

NAME = "nb201_surrogate"
TASKS = ("cifar10", "cifar100")
NUM_CLASSES = {"cifar10": 10, "cifar100": 100}
# Operations of an edge, from 0: none, skip, 1x1 convolution, 3x3 convolution, average pooling.
FIRST_OP = 2
OPERATIONS = 5
NONE = 0


def task_names(data_dir: Path | None) -> list[str]:
    """``cifar10``, ``cifar100``."""
    return list(TASKS)


def make(space: SearchSpace, task: str, data_dir: Path | None) -> NB201Surrogate:
    """The shipped surrogate; it needs no data."""
    return NB201Surrogate(space, task)


class NB201Surrogate(BatchEvaluator):
    """Metrics ``accuracy`` and ``accuracy_sd`` (%), ``params``, ``macs``."""

    def __init__(self, space: SearchSpace, task: str) -> None:
        artifact = load_artifact(NAME)
        self.name, self.task, self.space = "surrogate", task, space
        self.metrics = ("accuracy", "accuracy_sd", "params", "macs")
        self.network_size = NetworkSize(NUM_CLASSES[task], space.image_size)
        self._arrays = artifact.arrays
        self._edges = edge_vectors(artifact.arrays)
        facts = artifact.facts
        random, twins = facts["held_out"][task], facts["held_out_classes"][task]
        self.description = (
            f"Accuracy is a surrogate's estimate of the mean top-1 test accuracy (%) on {task} after 200 epochs, as in "
            "the table of NAS-Bench-201: an ensemble of small networks fitted on the "
            f"{facts['connected_rows']:,} cells in which a path leads from input to output; the others get that "
            f"of chance. In {facts['folds']}-fold held-out tests its Kendall tau is {random['tau']:.3f} and its mean "
            f"absolute error {random['mae']:.2f} points ({twins['tau']:.3f} and {twins['mae']:.2f} where all cells "
            "that are the same network were left out together). accuracy_sd is its own uncertainty. No network is "
            "trained; the table itself (evaluator 'table') is exact. Params and MACs are exact counts."
        )

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        ops = self.space.codes(architectures)[:, 1:-1] - FIRST_OP
        column, classes = TASKS.index(self.task), NUM_CLASSES[self.task]
        mean, sd = predict(self._arrays, self._edges, ops)
        works = is_connected(ops)
        return {
            "accuracy": np.where(works, np.round(mean[:, column], DECIMALS), 100.0 / classes),
            "accuracy_sd": np.where(works, np.round(sd[:, column], DECIMALS), 0.0),
            **self.costs_many(architectures),
        }


def is_connected(ops: np.ndarray) -> np.ndarray:
    """Whether the output of (B, 6) edge operations depends on the input: (B,) bool."""
    first = ops[:, 0] != NONE
    second = (ops[:, 1] != NONE) | ((ops[:, 2] != NONE) & first)
    return (ops[:, 3] != NONE) | ((ops[:, 4] != NONE) & first) | ((ops[:, 5] != NONE) & second)


def node_states() -> tuple[np.ndarray, np.ndarray]:
    """The operations on which the cell's second node depends, (125, 3) in the order of their index, and which are live.

    Second: (5 + 125,) bool, whether the input reaches the first node (by its operation) and the second one.
    """
    second = np.stack(np.unravel_index(np.arange(OPERATIONS**3), (OPERATIONS,) * 3), axis=1)
    first_live = np.arange(OPERATIONS) != NONE
    second_live = (second[:, 1] != NONE) | ((second[:, 2] != NONE) & first_live[second[:, 0]])
    return second, np.concatenate([first_live, second_live])


def edge_indices(ops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the three edges into the output bring, as rows of the tables of ``edge_vectors``: (B,) each."""
    first = ops[:, 0] * OPERATIONS + ops[:, 4]
    second = ((ops[:, 0] * OPERATIONS + ops[:, 1]) * OPERATIONS + ops[:, 2]) * OPERATIONS + ops[:, 5]
    return ops[:, 3], first, second


def edge_vectors(arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All that the edges from the three earlier nodes to the output can bring: (M, 5, H), (M, 25, H), (M, 625, H)."""
    second, live = node_states()
    members = len(arrays["start"])
    from_input = _operations(arrays, arrays["start"][:, None], np.ones(1))
    into_first = from_input[:, 0]
    from_first = _operations(arrays, into_first, live[:OPERATIONS])
    into_second = into_first[:, second[:, 1]] + from_first[:, second[:, 0], second[:, 2]]
    from_second = _operations(arrays, into_second, live[OPERATIONS:])
    width = arrays["start"].shape[1]
    return (
        from_input.reshape(members, -1, width),
        from_first.reshape(members, -1, width),
        from_second.reshape(members, -1, width),
    )


def predict(
    arrays: Mapping[str, np.ndarray], edges: tuple[np.ndarray, np.ndarray, np.ndarray], ops: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of accuracy (%) of (B, 6) edge operations from 0, on both data sets: (B, 2) each."""
    output = sum(table[:, rows] for table, rows in zip(edges, edge_indices(ops), strict=True))
    hidden = np.maximum(output @ arrays["readout_weight"] + arrays["readout_bias"][:, None], 0.0)
    both = hidden @ arrays["head_weight"] + arrays["head_bias"][:, None]
    means, variances = both[..., : len(TASKS)], np.exp(both[..., len(TASKS) :])
    scale = arrays["log_error_scale"]
    mean = arrays["log_error_centre"] + scale * means.mean(axis=0)
    variance = scale**2 * (variances.mean(axis=0) + means.var(axis=0))
    return accuracy_moments(mean, variance)


def _operations(arrays: Mapping[str, np.ndarray], nodes: np.ndarray, live: np.ndarray) -> np.ndarray:
    """(M, S, H) vectors of nodes after each operation: (M, S, 5, H); a dead node brings nothing."""
    hidden = np.maximum(
        np.einsum("msh,mohk->mosk", nodes, arrays["hidden_weight"]) + arrays["hidden_bias"][:, :, None], 0.0
    )
    convolved = hidden @ arrays["out_weight"] + arrays["out_bias"][:, :, None]
    convolved = convolved * live[:, None]
    pooled = nodes @ arrays["pool_weight"]
    return np.stack([np.zeros_like(nodes), nodes, convolved[:, 0], convolved[:, 1], pooled], axis=2)
