"""How many queries sources spare, by the trials of two contests, one without and one with sources.

python saved.py nb201 cifar100 ../search/nb201-cifar100 cifar10-cifar100: writes a row of saved.csv, with medians over
the seeds that both have, and p of Wilcoxon's signed-rank test of the difference, paired by seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from bonag.evaluators import make_evaluator
from bonag.evaluators.batch import BatchEvaluator
from search_spaces import get_space

HERE = Path(__file__).parent
OUTPUT = HERE / "saved.csv"
# Of a run that does not come so far; later than any that does.
NEVER = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space")
    parser.add_argument("task")
    parser.add_argument("cold", type=Path, help="folder of the contest without sources")
    parser.add_argument("transferred", type=Path, help="folder of the one with sources")
    parser.add_argument("--top", type=float, default=0.0, help="share of the table that is looked for, 0 for the best")
    options = parser.parse_args()
    bar = threshold(options.space, options.task, options.top)
    cold, warm = queries(options.cold, bar), queries(options.transferred, bar)
    seeds = sorted(cold.index.intersection(warm.index))
    difference = cold[seeds] - warm[seeds]
    row = {
        "space": options.space,
        "target": options.task,
        "contest": options.transferred.name,
        "accuracy looked for": round(bar, 3),
        "seeds": len(seeds),
        "queries without": cold[seeds].median(),
        "queries with": warm[seeds].median(),
        "found with": int((warm[seeds] < NEVER).sum()),
        "p": f"{wilcoxon(difference).pvalue:.1g}" if difference.any() else "1",
    }
    rows = pd.read_csv(OUTPUT).to_dict("records") if OUTPUT.exists() else []
    rows = [one for one in rows if one["contest"] != row["contest"]]
    pd.DataFrame([*rows, row]).to_csv(OUTPUT, index=False)
    print(pd.DataFrame([row]).to_string(index=False))


def threshold(name: str, task: str, top: float) -> float:
    """The accuracy from which an architecture is among that share of the table."""
    space = get_space(name)
    architectures = space.all()
    assert architectures is not None
    evaluator = cast(BatchEvaluator, make_evaluator(space, "table", task))
    values = np.sort(evaluator.evaluate_many(architectures)["accuracy"])
    return float(values[-max(1, round(top * len(values)))])


def queries(folder: Path, bar: float) -> pd.Series:
    """By seed, how many queries it takes ``bonag`` to reach the bar."""
    table = pd.read_parquet(folder / "trials.parquet")
    found = table[(table.strategy == "bonag") & (table.accuracy >= bar - 1e-9)].groupby("seed").trial.min() + 1
    return found.reindex(range(table.seed.max() + 1), fill_value=NEVER)


if __name__ == "__main__":
    main()
