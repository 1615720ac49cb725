"""The fixed part of the networks of NAS-Bench-Graph: what stands around the tree of layers."""

from __future__ import annotations

# Of the benchmark's networks for Cora, its first data set: features of a graph's node, classes, width, and the linear
# layers before the tree and after it.
FEATURES, CLASSES, HIDDEN, BEFORE, AFTER = 1433, 7, 256, 0, 1
HEADS = 2
# Weight matrices of each operation, from what it reads to its width.
MATRICES = {"gat": 1, "gcn": 1, "gin": 1, "cheb": 2, "sage": 2, "arma": 2, "graph": 2, "fc": 1, "skip": 0}
