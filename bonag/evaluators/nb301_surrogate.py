"""NAS-Bench-301's own surrogate models of DARTS networks (Zela et al., ICLR 2022), read from its released folders.

The accuracy is that of its ensemble of gradient boosted trees by XGBoost, the training time that of its LightGBM one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np

from bonag.evaluators.batch import DECIMALS, BatchEvaluator
from bonag.evaluators.boosted_trees import Trees, read_trees
from bonag.evaluators.data_files import data_folder, missing_data
from search_spaces import Architecture, SearchSpace
from search_spaces.darts.architecture import CELL_NAMES, FIRST_FREE, DARTSArchitecture, source_pairs
from search_spaces.darts.layout import INPUTS, NODES
from search_spaces.errors import UserError

TASK = "cifar10"
ACCURACY_FOLDER, TIME_FOLDER = "xgb_v1.0", "lgb_runtime_v1.0"
# The folder that the release unpacks to, and what its package renames that to.
PARENTS = (".", "nb_models", "nb_models_1.0")
MEMBER = "surrogate_model.model"
NEED = (
    f"evaluator 'nasbench301' of space 'darts' needs the folder {ACCURACY_FOLDER} of the NAS-Bench-301 models v1.0, "
    "figshare.com/articles/software/nasbench301_models_v1_0_zip/13061510"
)
INACTIVE = -1.0
EDGES = sum(INPUTS + node for node in range(NODES))

# The features are the hyperparameters of the benchmark's configuration space as ConfigSpace 0.4 puts them in a vector:
# those without conditions first, each group in the alphabetical order of its names. All but the architecture is what
# every network of the benchmark was trained with. A categorical one is the index of its choice (the index 0 below is
# also that of constants), a number its place in its range.


def _integer(value: float, low: float, high: float, log: bool = False) -> float:
    """An integer's place from 0 to 1 in its range, of which each end has almost half a unit more."""
    return _number(value, low - 0.49999, high + 0.49999, log)


def _number(value: float, low: float, high: float, log: bool = False) -> float:
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)


DARTS = "NetworkSelectorDatasetInfo:darts:"
FIXED = {
    "CreateImageDataLoader:batch_size": _integer(96, 64, 128, log=True),
    "ImageAugmentation:augment": 0.0,
    "ImageAugmentation:autoaugment": 0.0,
    "ImageAugmentation:cutout": 0.0,
    "ImageAugmentation:cutout_holes": _integer(1, 1, 3),
    "ImageAugmentation:cutout_length": _integer(16, 1, 50),
    "ImageAugmentation:fastautoaugment": 0.0,
    "LossModuleSelectorIndices:loss_module": 0.0,
    f"{DARTS}auxiliary": 0.0,
    f"{DARTS}drop_path_prob": 0.0,
    f"{DARTS}init_channels": _integer(32, 1, 10_000),
    f"{DARTS}layers": _integer(8, 1, 10_000),
    "NetworkSelectorDatasetInfo:network": 0.0,
    "OptimizerSelector:optimizer": 0.0,
    "OptimizerSelector:sgd:learning_rate": math.log(0.025),
    "OptimizerSelector:sgd:momentum": _number(0.9, 0.1, 0.99),
    "OptimizerSelector:sgd:weight_decay": math.log(0.0003),
    "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": _integer(100, 1, 10_000),
    "SimpleLearningrateSchedulerSelector:cosine_annealing:eta_min": _number(1e-8, 0.0, 10_000.0),
    "SimpleLearningrateSchedulerSelector:lr_scheduler": 0.0,
    "SimpleTrainNode:batch_loss_computation_technique": 0.0,
    "SimpleTrainNode:mixup:alpha": _number(0.2, 0.01, 0.7, log=True),
}


@cache
def feature_names() -> tuple[str, ...]:
    """The names of the 56 features, in order: edges are counted over all sources of all nodes of a cell."""
    first = [f"{DARTS}edge_{cell}_{edge}" for cell in CELL_NAMES for edge in range(INPUTS)]
    inputs = [f"{DARTS}inputs_node_{cell}_{INPUTS + node}" for cell in CELL_NAMES for node in range(1, NODES)]
    conditional = [f"{DARTS}edge_{cell}_{edge}" for cell in CELL_NAMES for edge in range(INPUTS, EDGES)]
    return (*sorted([*FIXED, *first, *inputs]), *sorted(conditional))


def features(architectures: Sequence[DARTSArchitecture]) -> np.ndarray:
    """The features that the models see of B architectures: (B, 56) float64; inactive ones are -1."""
    names = {name: column for column, name in enumerate(feature_names())}
    x = np.full((len(architectures), len(names)), INACTIVE)
    for name, value in FIXED.items():
        x[:, names[name]] = value
    edges = np.array([a.cells for a in architectures], dtype=np.int64).reshape(len(x), len(CELL_NAMES), NODES, 2, 2)
    rows = np.arange(len(x))
    for cell, name in enumerate(CELL_NAMES):
        start = 0
        for node in range(NODES):
            choices = INPUTS + node
            columns = np.array([names[f"{DARTS}edge_{name}_{start + source}"] for source in range(choices)])
            start += choices
            operations, sources = edges[:, cell, node, :, 0], edges[:, cell, node, :, 1]
            x[rows[:, None], columns[sources]] = operations - FIRST_FREE
            if node:  # the first node has no choice
                indices = np.full((choices, choices), -1)
                indices[tuple(np.array(source_pairs(node)).T)] = np.arange(len(source_pairs(node)))
                x[:, names[f"{DARTS}inputs_node_{name}_{choices}"]] = indices[sources[:, 0], sources[:, 1]]
    return x


def task_names(data_dir: Path | None) -> list[str]:
    """``cifar10``; raises UserError where the models of the accuracy are not there."""
    _accuracy_folder(data_dir)
    return [TASK]


def make(space: SearchSpace, task: str, data_dir: Path | None) -> NB301Surrogate:
    """Read the ensembles from the folders of the release, that of the time where it is there; raises UserError."""
    accuracy = _ensemble(_accuracy_folder(data_dir))
    time = _folder(data_dir, TIME_FOLDER)
    return NB301Surrogate(space, accuracy, None if time is None else _ensemble(time))


class NB301Surrogate(BatchEvaluator):
    """Metrics ``accuracy`` and ``accuracy_sd`` (%), ``training_time`` (s) with a model of it, ``params``, ``macs``.

    accuracy, training_time: the members of the ensembles, on the features of ``feature_names``.
    """

    def __init__(self, space: SearchSpace, accuracy: Sequence[Trees], training_time: Sequence[Trees] | None) -> None:
        self.name, self.task, self.space = "nasbench301", TASK, space
        self.metrics = ("accuracy", "accuracy_sd", *(["training_time"] if training_time else []), "params", "macs")
        self._accuracy = accuracy
        self._training_time = training_time
        self.description = (
            "Accuracy is what NAS-Bench-301's own surrogate predicts for top-1 validation accuracy (%) on CIFAR-10 "
            "after 100 epochs of training with 32 channels at first, eight cells and an auxiliary head: the mean, "
            f"without noise, over its {len(accuracy)} XGBoost model(s) {ACCURACY_FOLDER}; accuracy_sd is their spread. "
            + (
                f"Training time (s) is the mean over its {len(training_time)} LightGBM model(s) {TIME_FOLDER}. "
                if training_time
                else ""
            )
            + "The release holds its models as pickles; here they are read without running what is in them. It has no "
            "test accuracy, and a search will find where a surrogate is too hopeful. No network is trained. Params and "
            "MACs are exact counts of the network without the auxiliary head."
        )

    def evaluate_many(self, architectures: Sequence[Architecture]) -> dict[str, np.ndarray]:
        costs = self.costs_many(architectures)  # refuses what is not of the space
        x = features(cast("Sequence[DARTSArchitecture]", architectures))
        accuracies = np.stack([trees.predict(x) for trees in self._accuracy])
        metrics = {"accuracy": accuracies.mean(axis=0), "accuracy_sd": accuracies.std(axis=0)}
        if self._training_time:
            metrics["training_time"] = np.mean([trees.predict(x) for trees in self._training_time], axis=0)
        return {name: np.round(values, DECIMALS) for name, values in metrics.items()} | costs


def _accuracy_folder(data_dir: Path | None) -> Path:
    folder = _folder(data_dir, ACCURACY_FOLDER)
    if folder is None:
        raise missing_data(data_dir, NEED, ", or that holds its parent nb_models")
    return folder


def _folder(data_dir: Path | None, name: str) -> Path | None:
    """The folder of an ensemble in the data folder, or in the folder that the release unpacks to there."""
    folders = [data_folder(data_dir, NEED) / parent / name for parent in PARENTS]
    return next((folder for folder in folders if folder.is_dir()), None)


def _ensemble(folder: Path) -> list[Trees]:
    """The models in a folder, in the order of their paths; raises UserError."""
    paths = sorted(folder.rglob(f"*{MEMBER}"))
    if not paths:
        raise UserError(f"the folder {folder} holds no model: it must have files */{MEMBER}, as it was released")
    members = []
    for path in paths:
        try:
            members.append(read_trees(path))
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise UserError(f"cannot read {path}: {error}") from error
        if members[-1].num_features != len(feature_names()):
            raise UserError(
                f"{path} was fitted on {members[-1].num_features} features, NAS-Bench-301 has {len(feature_names())}"
            )
    return members
