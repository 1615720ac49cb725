"""Leave one out on NAS-Bench-Graph: what bonag's runs on eight data sets spare on the ninth.

python nbgraph.py: reads the contests of ``search/nbgraph-TASK`` (without sources) and ``nbgraph-TASK`` here (with
them), and writes nbgraph.csv: for each data set the median queries to one of the best 0.1 % of its table, and p of
Wilcoxon's signed-rank test of the difference, paired by seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from bonag.evaluators import make_evaluator
from search_spaces import get_space

HERE = Path(__file__).parent
SHARE = 0.001
# Of a run that does not come so far; later than any that does.
NEVER = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["arxiv", "photo", "computers", "cs", "physics"])
    parser.add_argument("--cold", type=Path, default=HERE.parent / "search")
    parser.add_argument("--transferred", type=Path, default=HERE)
    options = parser.parse_args()
    rows = []
    for task in options.tasks:
        bar = threshold(task)
        cold, warm = (
            queries(folder / f"nbgraph-{task}" / "trials.parquet", bar)
            for folder in (options.cold, options.transferred)
        )
        seeds = sorted(cold.index.intersection(warm.index))
        difference = cold[seeds] - warm[seeds]
        rows.append(
            {
                "task": task,
                "accuracy of the best 0.1 %": round(bar, 3),
                "seeds": len(seeds),
                "cold": cold[seeds].median(),
                "with sources": warm[seeds].median(),
                "cold, found": int((cold[seeds] < NEVER).sum()),
                "with sources, found": int((warm[seeds] < NEVER).sum()),
                "p": wilcoxon(difference).pvalue if difference.any() else 1.0,
            }
        )
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "nbgraph.csv", index=False, float_format="%.4g")
    print(table.to_string(index=False))


def threshold(task: str) -> float:
    """The accuracy from which an architecture is among the best 0.1 % of the table."""
    space = get_space("nbgraph")
    values = np.sort(make_evaluator(space, "table", task).evaluate_many(space.all())["accuracy"])
    return float(values[-max(1, round(SHARE * len(values)))])


def queries(path: Path, bar: float) -> pd.Series:
    """By seed, how many queries it takes to reach the bar."""
    table = pd.read_parquet(path)
    found = table[(table.strategy == "bonag") & (table.accuracy >= bar - 1e-9)].groupby("seed").trial.min() + 1
    return found.reindex(range(table.seed.max() + 1), fill_value=NEVER)


if __name__ == "__main__":
    main()
