"""Write the first trials of a contest's runs as CSV files, which other contests take as sources.

python runs.py ../search/nb201-cifar10 cifar10 writes runs/cifar10-0.csv, runs/cifar10-1.csv, ...: for each seed of a
contest to come, the first 100 trials of ``bonag`` with another seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd


def main() -> None:
    """Read trials.parquet of the contest, and write a file for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contest", type=Path)
    parser.add_argument("name")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs"))
    arguments = parser.parse_args()
    table = pd.read_parquet(arguments.contest / "trials.parquet")
    runs = [run for _, run in table[table.strategy == "bonag"].groupby("seed")]
    arguments.output.mkdir(exist_ok=True)
    for seed in range(len(runs)):
        run = runs[(seed + len(runs) // 2) % len(runs)].sort_values("trial").head(arguments.trials)
        run[["architecture", "accuracy"]].to_csv(arguments.output / f"{arguments.name}-{seed}.csv", index=False)


if __name__ == "__main__":
    main()
