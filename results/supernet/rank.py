"""``python results/supernet/rank.py mine.safetensors``: does the supernet rank networks as trainings of their own do?

Random sub-networks of all sizes are measured with the supernet's weights (`--evaluator supernet`) and trained alone
(`--evaluator train`) from so many seeds, on the same validation images. What is known is not computed again.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import torch
from networks import SPACE, Alone, draw
from scipy.stats import kendalltau

from bonag.evaluators.supernet import SupernetEvaluator
from bonag.running_trial import RunningTrial
from bonag.whole_file import whole_file

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("supernet", type=Path)
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--networks", type=int, default=16)
    parser.add_argument("--draw", type=int, default=2026, help="seed that draws the networks")
    parser.add_argument("--repeats", type=int, default=2, help="trainings of each network alone")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--hyperparameter", action="append", default=["validation_images=none"])
    parser.add_argument("--alone", type=Path, default=HERE / "alone.jsonl", help="accuracies that are known")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "rank.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)

    supernet = SupernetEvaluator(SPACE, str(options.supernet), dataset=options.dataset)
    width = supernet.file().supernet.width
    alone = Alone(options.alone, options.dataset, options.preset, [f"width={width:g}", *options.hyperparameter])
    rows = []
    for number, architecture in enumerate(draw(options.networks, options.draw)):
        shared = supernet.evaluate(architecture, RunningTrial())["accuracy"]
        own = [alone.accuracy(architecture, 1000 * repeat + number) for repeat in range(options.repeats)]
        cost = SPACE.at(supernet.network_size).costs(architecture).macs
        row = {"architecture": str(architecture), "macs": cost, "supernet": shared}
        rows.append(row | {f"alone {repeat}": one for repeat, one in enumerate(own)})
        print(json.dumps(rows[-1]), flush=True)
    with whole_file(options.output) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    trainings = np.array([[row[f"alone {repeat}"] for repeat in range(options.repeats)] for row in rows])
    mean = trainings.mean(axis=1)
    tau, p = kendalltau([row["supernet"] for row in rows], mean)
    by_size = kendalltau([row["macs"] for row in rows], mean).statistic
    print(f"Kendall's tau between supernet and training alone {tau:.3f} (p {p:.1g}); of MACs {by_size:.3f}")
    print(f"accuracy alone: mean {mean.mean():.2f} %, sd over networks {mean.std(ddof=1):.2f}", end="")
    if options.repeats > 1:
        within = trainings.var(axis=1, ddof=1).mean() ** 0.5
        between = kendalltau(trainings[:, 0], trainings[:, 1]).statistic
        print(f", sd of a repeat {within:.2f}; tau between the first two repeats {between:.3f}", end="")
    print()


if __name__ == "__main__":
    main()
