"""Sums of regression trees that XGBoost or LightGBM fitted and pickled, read without either, and running nothing.

A pickle is a program that can run anything. Here it only builds inert values: nothing but ``bytearray`` is looked up,
all other classes become placeholders, and the model is then read from the bytes or the text that they hold.
"""

from __future__ import annotations

import json
import pickle
import struct
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

# Nodes that are looked at together: rows times trees.
CHUNK = 1_000_000
# What an XGBoost of 2020 (1.0 to 1.2) writes: a mark, the length of the model, the model, settings as JSON.
MARK = b"CONFIG-offset:"
MODEL_START = b"binf"
LEARNER, BOOSTER, TREE = struct.Struct("<fIi124x"), struct.Struct("<i4xi148x"), struct.Struct("<4xi12xi124x")
NODE = np.dtype([("parent", "<i4"), ("left", "<i4"), ("right", "<i4"), ("split", "<u4"), ("value", "<f4")])
NODE_STATISTICS = 16
IDENTITY_OBJECTIVES = ("reg:squarederror", "reg:linear")


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of T binary trees, whose N nodes stand one tree after the other.

    feature, left, right: (N,) the feature that is compared and the next node where it is below the threshold, and
    where it is not; a leaf leads to itself. threshold: (N,), in the precision of the comparison. value: (N,) of leaves.
    roots: (T,). base: what is added to the sum. num_features: F.
    """

    feature: np.ndarray
    left: np.ndarray
    right: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    base: float
    num_features: int

    def __post_init__(self) -> None:
        ends = np.append(self.roots[1:], len(self.left))
        first, last = (np.repeat(edge, ends - self.roots) for edge in (self.roots, ends))
        for child in (self.left, self.right):
            if np.any((child < first) | (child >= last)):
                raise ValueError("a branch of a tree leads out of it")
        if np.any((self.feature < 0) | (self.feature >= self.num_features)):
            raise ValueError(f"a tree asks for more than the {self.num_features} features")

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The sums for the features x: (B, F) -> (B,) float64."""
        x = np.asarray(x, dtype=self.threshold.dtype)
        sums = np.empty(len(x))
        step = max(1, CHUNK // max(1, len(self.roots)))
        for start in range(0, len(x), step):
            sums[start : start + step] = self._chunk(x[start : start + step])
        return sums

    def _chunk(self, x: np.ndarray) -> np.ndarray:
        rows = np.arange(len(x))[:, None]
        nodes = np.tile(self.roots, (len(x), 1))
        # No path is longer than the largest tree has nodes, unless it is a circle.
        longest = int(np.diff(self.roots, append=len(self.left)).max(initial=0))
        for _ in range(longest + 1):
            below = x[rows, self.feature[nodes]] < self.threshold[nodes]
            following = np.where(below, self.left[nodes], self.right[nodes])
            if np.array_equal(following, nodes):
                return self.base + self.value[nodes].sum(axis=1, dtype=np.float64)
            nodes = following
        raise ValueError("the branches of a tree run in a circle")


def read_trees(path: Path) -> Trees:
    """The trees of a file that ``pickle.dump`` wrote of a Booster; raises ValueError in one line, or OSError."""
    booster = _unpickle(path.read_bytes())
    origin, state = getattr(type(booster), "origin", type(booster).__name__), getattr(booster, "__dict__", {})
    handle = state.get("handle")
    try:
        if origin == "xgboost.core.Booster" and isinstance(handle, bytes | bytearray):
            return _xgboost(bytes(handle))
        if origin == "lightgbm.basic.Booster" and isinstance(handle, str):
            best = state.get("best_iteration")
            return _lightgbm(handle, best if isinstance(best, int) and best > 0 else None)
    except (KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        raise ValueError(f"its model of {origin.split('.')[0]} is damaged: {type(error).__name__}: {error}") from error
    raise ValueError(f"it holds no model of XGBoost or LightGBM, but a {origin}")


class _Inert:
    """Stands for an object of any class: takes all that a pickle can do to it, and does nothing."""

    origin = ""

    def __new__(cls, *arguments: object, **named: object) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *arguments: object, **named: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        pass

    def extend(self, values: object) -> None:
        pass

    def add(self, value: object) -> None:
        pass


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if (module, name) in {("builtins", "bytearray"), ("__builtin__", "bytearray")}:
            return bytearray
        return type(name.rsplit(".", 1)[-1], (_Inert,), {"origin": f"{module}.{name}"})


def _unpickle(data: bytes) -> object:
    try:
        return _InertUnpickler(BytesIO(data)).load()
    except Exception as error:  # a damaged pickle can raise anything
        reason = str(error).splitlines()
        raise ValueError(f"it is not a pickle: {reason[0] if reason else type(error).__name__}") from error


def _xgboost(handle: bytes) -> Trees:
    if handle.startswith(MARK):
        start = len(MARK) + 8
        return _xgboost_binary(handle[start : start + struct.unpack_from("<q", handle, len(MARK))[0]])
    try:
        document = json.loads(handle)
    except ValueError as error:
        raise ValueError("its XGBoost model is in none of the forms of XGBoost 1.0 to 1.5 (binary, JSON)") from error
    return _xgboost_json(document.get("Model", document))


def _xgboost_binary(data: bytes) -> Trees:
    place = len(MODEL_START) if data.startswith(MODEL_START) else 0
    base, num_features, classes = LEARNER.unpack_from(data, place)
    place += LEARNER.size
    names = []
    for _ in range(2):
        (length,) = struct.unpack_from("<Q", data, place)
        names.append(data[place + 8 : place + 8 + length].decode("ascii", "replace"))
        place += 8 + length
    _check_xgboost(names[0], names[1], classes)
    count, _ = BOOSTER.unpack_from(data, place)
    place += BOOSTER.size
    trees = []
    for _ in range(count):
        size, leaf_vector = TREE.unpack_from(data, place)
        if leaf_vector:
            raise ValueError("its XGBoost model has vectors as leaves")
        place += TREE.size
        trees.append(np.frombuffer(data, NODE, size, place))
        place += size * (NODE.itemsize + NODE_STATISTICS)
    nodes = np.concatenate([np.empty(0, NODE), *trees])
    feature = (nodes["split"] & 0x7FFFFFFF).astype(np.int64)  # the first bit says where missing values go
    sizes = [len(tree) for tree in trees]
    return _from_xgboost(nodes["left"], nodes["right"], feature, nodes["value"], sizes, base, num_features)


def _xgboost_json(document: dict[str, Any]) -> Trees:
    learner = document["learner"]
    booster, settings = learner["gradient_booster"], learner["learner_model_param"]
    _check_xgboost(learner["objective"]["name"], booster["name"], int(settings["num_class"]))
    trees = booster["model"]["trees"]
    left, right, feature, value = (
        np.concatenate([np.empty(0, kind), *(np.array(tree[name], dtype=kind) for tree in trees)])
        for name, kind in (
            ("left_children", np.int32),
            ("right_children", np.int32),
            ("split_indices", np.int64),
            ("split_conditions", np.float32),
        )
    )
    sizes = [len(tree["left_children"]) for tree in trees]
    return _from_xgboost(
        left, right, feature, value, sizes, float(settings["base_score"]), int(settings["num_feature"])
    )


def _check_xgboost(objective: str, booster: str, classes: int) -> None:
    if objective not in IDENTITY_OBJECTIVES or booster != "gbtree" or classes > 1:
        raise ValueError(
            f"its XGBoost model is a '{booster}' with the objective '{objective}', not a 'gbtree' with "
            f"'{IDENTITY_OBJECTIVES[0]}'"
        )


def _from_xgboost(
    left: np.ndarray,
    right: np.ndarray,
    feature: np.ndarray,
    value: np.ndarray,
    sizes: list[int],
    base: float,
    num_features: int,
) -> Trees:
    """Children are counted from the root of each tree, -1 in leaves; a value is a leaf's, else the threshold."""
    roots = _starts(sizes)
    offset, leaf, itself = np.repeat(roots, sizes), left < 0, np.arange(len(left))
    return Trees(
        feature=np.where(leaf, 0, feature).astype(np.int16),
        left=np.where(leaf, itself, left + offset).astype(np.int32),
        right=np.where(leaf, itself, right + offset).astype(np.int32),
        threshold=value.astype(np.float32),
        value=value.astype(np.float32),
        roots=roots.astype(np.int32),
        base=base,
        num_features=num_features,
    )


def _lightgbm(text: str, best_iteration: int | None) -> Trees:
    """Of a model's text: a tree has its inner nodes from 0 and its leaves as -1, -2, ..."""
    head, *parts = text.split("\nTree=")
    settings = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    if int(settings["num_tree_per_iteration"]) != 1 or "average_output" in head.splitlines():
        raise ValueError("its LightGBM model is not a sum of trees for one value")
    if not settings["objective"].startswith("regression"):
        raise ValueError(f"its LightGBM model has the objective '{settings['objective']}', not 'regression'")
    trees = [_lightgbm_tree(part) for part in parts[:best_iteration]]
    left, right, feature, threshold, value = (
        np.concatenate([np.empty(0), *(tree[column] for tree in trees)]) for column in range(5)
    )
    sizes = [len(tree[0]) for tree in trees]
    roots = _starts(sizes)
    offset = np.repeat(roots, sizes)
    return Trees(
        feature=feature.astype(np.int16),
        left=(left + offset).astype(np.int32),
        right=(right + offset).astype(np.int32),
        threshold=np.nextafter(threshold, np.inf),  # LightGBM goes left at the threshold too
        value=value,
        roots=roots.astype(np.int32),
        base=0.0,
        num_features=int(settings["max_feature_idx"]) + 1,
    )


def _lightgbm_tree(part: str) -> tuple[np.ndarray, ...]:
    """left, right, feature, threshold and value of the nodes of a tree, the inner ones first: (n,) float64 each."""
    settings = dict(line.split("=", 1) for line in part.split("\n\n", 1)[0].splitlines() if "=" in line)
    leaves = _numbers(settings["leaf_value"])
    inner = int(settings["num_leaves"]) - 1
    if len(leaves) != inner + 1:
        raise ValueError(f"a tree of its LightGBM model has {len(leaves)} leaves, not {inner + 1}")
    itself = np.arange(inner, 2 * inner + 1, dtype=np.float64)
    if inner == 0:
        return itself, itself, np.zeros(1), np.zeros(1), leaves
    kinds = _numbers(settings["decision_type"]).astype(np.int64)
    # Bit 0 marks a category, bits 2 and 3 what counts as missing: nothing, zero, nan.
    if np.any(kinds & 1) or np.any(((kinds >> 2) & 3) == 1) or settings.get("is_linear", "0") != "0":
        raise ValueError("its LightGBM model has categories, zeros as missing values or linear leaves")
    left, right = (
        np.where(child < 0, inner - 1 - child, child)
        for child in (_numbers(settings["left_child"]), _numbers(settings["right_child"]))
    )
    rest = np.zeros(inner + 1)
    return (
        np.concatenate([left, itself]),
        np.concatenate([right, itself]),
        np.concatenate([_numbers(settings["split_feature"]), rest]),
        np.concatenate([_numbers(settings["threshold"]), rest]),
        np.concatenate([np.zeros(inner), leaves]),
    )


def _numbers(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=np.float64)


def _starts(sizes: list[int]) -> np.ndarray:
    return np.cumsum([0, *sizes[:-1]], dtype=np.int64)[: len(sizes)]
