"""``python results/early_stopping/contest.py``: searches with and without early stopping, on the same epochs.

Every arm is the default strategy with one rule of ``--stop-early``; all arms of a seed begin with the same designs. A
run ends once it has spent the epochs. It is written when it has ended; curves are written epoch by epoch, so after
whatever ended the contest the same command goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from cached_curves import CachedCurves

from bonag.api.parts import make_parts
from bonag.whole_file import whole_file
from loops.config import RunConfig
from loops.history import Trial
from loops.loop import Ended, Event, Loop
from loops.memory_record import MemoryRecord
from search_spaces import get_space
from search_spaces.registry import name_of

HERE = Path(__file__).parent
# A narrow network and few small images: an epoch takes half a second of one core.
FASHION = ("epochs=12", "channels=8", "cells=1", "images=3000", "validation_images=4000", "image_size=8")
DIGITS = ("epochs=12", "channels=8", "cells=1")
EPOCHS = 240
ARMS = ("none", "asha", "median")


def run_arm(curves: CachedCurves, arm: str, seed: int, epochs: int) -> list[dict[str, object]]:
    """The trials of one run in the order in which they ended, each with the epochs that were spent by then."""
    config = RunConfig(
        space="nb201", evaluator=name_of(curves), name=f"{arm}-{seed}", seed=seed, stop_early=arm, device="cpu",
        budget=epochs, executor="in-process", max_failures=10**6,
    )  # fmt: skip
    parts = make_parts(config, {"evaluator": curves})
    curves.epochs = 0
    rows: list[dict[str, object]] = []

    def note(event: Event) -> None:
        if isinstance(event, Ended):
            rows.append(_row(event.trial, curves.epochs))

    Loop(
        config, parts.strategy, parts.evaluator, parts.executor, MemoryRecord(), notify=note, rule=parts.rule,
        stop=lambda: curves.epochs >= epochs,
    ).run()  # fmt: skip
    return rows


def _row(trial: Trial, spent: int) -> dict[str, object]:
    return {
        "trial": trial.index,
        "architecture": str(trial.architecture),
        "status": str(trial.status),
        "accuracy": trial.metrics.get("accuracy"),
        "curve": [point.metrics["accuracy"] for point in trial.curve],
        "spent": spent,
        "origin": trial.provenance.get("origin"),
        "proposal_seconds": round(trial.proposal_seconds or 0.0, 3),
    }


def main() -> None:
    """Run what is missing, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="fashion-mnist", choices=("fashion-mnist", "digits"))
    parser.add_argument("--arms", default=",".join(ARMS[:2]))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--curves", type=Path, default=HERE / "curves")
    parser.add_argument("-o", "--out", type=Path, default=HERE / "runs")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    fashion = chosen.dataset == "fashion-mnist"
    space = get_space("nb201")
    folder = chosen.curves / chosen.dataset
    curves = CachedCurves(space, chosen.dataset, 8 if fashion else None, FASHION if fashion else DIGITS, folder)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
        for arm in chosen.arms.split(","):
            file = chosen.out / f"{chosen.dataset}-{arm}-{seed}.jsonl"
            if file.exists():
                continue
            rows = run_arm(curves, arm, seed, chosen.epochs)
            with whole_file(file) as temporary:
                temporary.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
            best = max(row["accuracy"] for row in rows if row["status"] == "completed")  # type: ignore[type-var]
            print(f"{file.stem}: {len(rows)} trials, {rows[-1]['spent']} epochs, best {best:.2f}", flush=True)


if __name__ == "__main__":
    main()
