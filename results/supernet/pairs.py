"""``python results/supernet/pairs.py mine.safetensors --macs 8e6``: is it worth to train what a search finds?

So many searches of the supernet under ``macs<=...``, each with its own seed; the best network of each is trained alone,
and so is a random network of the same MACs. What is known is not computed again, and runs are gone on with.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from networks import SPACE, Alone

import bonag
from bonag.evaluators.supernet import SupernetEvaluator
from bonag.whole_file import whole_file
from search_spaces import Architecture, SearchSpace

HERE = Path(__file__).parent
# MACs that count as the same, as a share of the found network's.
NEAR = 0.01


def same_cost(space: SearchSpace, macs: float, rng: np.random.Generator) -> Architecture:
    """A random network of nearly so many MACs."""
    while True:
        for architecture in space.sample(200, rng):
            if abs(space.costs(architecture).macs / macs - 1) < NEAR:
                return architecture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("supernet", type=Path)
    parser.add_argument("--macs", type=float, required=True, help="bound of the searches")
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--hyperparameter", action="append", default=["validation_images=none"])
    parser.add_argument("--alone", type=Path, default=HERE / "alone.jsonl", help="accuracies that are known")
    parser.add_argument("--runs", type=Path, default=Path("results/supernet-runs"))
    parser.add_argument("-o", "--output", type=Path, default=HERE / "pairs.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)

    file = SupernetEvaluator(SPACE, str(options.supernet), dataset=options.dataset)
    width, space = file.file().supernet.width, SPACE.at(file.network_size)
    alone = Alone(options.alone, options.dataset, options.preset, [f"width={width:g}", *options.hyperparameter])
    rows = []
    for seed in range(options.pairs):
        best = search(options, seed)
        cost = space.costs(best).macs
        other = same_cost(space, cost, np.random.default_rng([seed, 7]))
        row = {
            "seed": seed,
            "found": str(best),
            "random": str(other),
            "macs found": cost,
            "macs random": space.costs(other).macs,
        }
        # The same training seed of both: it decides the order of the images.
        row |= {f"accuracy {name}": alone.accuracy(one, seed) for name, one in (("found", best), ("random", other))}
        rows.append(row)
        print(row, flush=True)
    with whole_file(options.output) as temporary, temporary.open("w", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    gains = np.array([row["accuracy found"] - row["accuracy random"] for row in rows])
    print(f"better in {(gains > 0).sum()} of {len(gains)} pairs, by {gains.mean():.2f} points on average")


def search(options: argparse.Namespace, seed: int) -> Architecture:
    """The best network of the run of that seed."""
    folder = options.runs / f"pairs-{seed}"
    if folder.exists():
        result = bonag.resume(folder)
    else:
        result = bonag.search(
            space="mbv3", evaluator="supernet", supernet=str(options.supernet), dataset=options.dataset, seed=seed,
            constraints=[f"macs<={options.macs:g}"], budget=options.budget, cpus_per_trial=1, name=f"pairs-{seed}",
            out=str(options.runs),
        )  # fmt: skip
    assert result.best is not None
    return result.best.architecture


if __name__ == "__main__":
    main()
