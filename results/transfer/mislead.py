"""Write sources that mislead, made of those that runs.py wrote.

python mislead.py cifar10 writes for each runs/cifar10-0.csv three files: runs/cifar10-shuffled-0.csv, in which the
accuracies are dealt out anew among the architectures; runs/cifar10-negated-0.csv, in which the worst is the best; and
runs/cifar10-macs-0.csv, which says the MACs (in millions) of the cells instead.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from search_spaces import get_space


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--space", default="nb201")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    space = get_space(options.space)
    for path in sorted(options.runs.glob(f"{options.name}-[0-9]*.csv")):
        seed = int(path.stem.rpartition("-")[2])
        true = pd.read_csv(path)
        accuracy = true["accuracy"].to_numpy()
        macs = [space.costs(space.parse(text)).macs / 1e6 for text in true["architecture"]]
        shuffled = np.random.default_rng(seed).permutation(accuracy)
        for kind, values in {"shuffled": shuffled, "negated": 100 - accuracy, "macs": macs}.items():
            target = options.runs / f"{options.name}-{kind}-{seed}.csv"
            true.assign(accuracy=values).to_csv(target, index=False)


if __name__ == "__main__":
    main()
