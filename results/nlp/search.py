"""Fifteen recurrent cells on 100 kB of text: what a search finds beside the best of as many random cells.

    python results/nlp/search.py

trains every cell on the first 100,000 characters of the topics of Python's own help (``pydoc_data.topics``), preset
quick, and writes ``search.csv`` beside it: by strategy and seed the lowest validation perplexity, that of the same
network on the test part, how many trainings diverged, and seconds from start to end. What is there is not done again.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from pydoc_data.topics import topics
from tempfile import TemporaryDirectory

import bonag
from bonag.api.testing import test

CHARACTERS = 100_000
COLUMNS = ("strategy", "seed", "perplexity", "test_perplexity", "diverged", "seconds", "architecture")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", type=int, default=15)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("search.csv"))
    options = parser.parse_args()
    done = read_done(options.output)
    with TemporaryDirectory() as folder:
        text = Path(folder) / "topics.txt"
        text.write_text("\n".join(topics[name] for name in sorted(topics))[:CHARACTERS], encoding="utf-8")
        for seed in options.seeds:
            for strategy in ("bonag", "random"):
                if (strategy, seed) not in done:
                    write_row(options.output, search(text, strategy, seed, options.budget, options.workers))


def search(text: Path, strategy: str, seed: int, budget: int, workers: int) -> list[object]:
    """The row of one search."""
    started = time.perf_counter()
    result = bonag.search(
        space="nlp", evaluator="train", dataset=str(text), strategy=strategy, budget=budget, seed=seed,
        workers=workers, cpus_per_trial=1, out=text.parent,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    assert result.best is not None
    best = result.best.metrics["perplexity"], test(result.path).value
    diverged = int((result.trials["status"] == "failed").sum())
    return [strategy, seed, *(f"{value:.4f}" for value in best), diverged, round(seconds), result.best.architecture]


def read_done(path: Path) -> set[tuple[str, int]]:
    """Strategy and seed of the rows that are there."""
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        return {(row["strategy"], int(row["seed"])) for row in csv.DictReader(file)}


def write_row(path: Path, row: list[object]) -> None:
    """Add it to the file; where there is none, below the names of the columns."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerows([COLUMNS, row] if new else [row])
    print(*row, flush=True)


if __name__ == "__main__":
    main()
