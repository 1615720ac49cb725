"""How long generators take: to sample, unguided and guided, and to be trained."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from bonag.bench.generator_lab import Lab, Source
from bonag.bench.generator_plan import Plan
from bonag.bench.generator_rows import Block
from bonag.generators.artifact import save_generator, training_record
from bonag.generators.fitting import Schedule
from bonag.generators.training import train_generator
from bonag.on_demand.beliefs import directions_of, fit_beliefs
from bonag.on_demand.guidance import UNGUIDED, Guidance, make_guidance
from search_spaces import SearchSpace

WISH = "accuracy>=top5%"
# Milliseconds per architecture, guided, on a processor.
BARS = {"nb201": "<=2", "mbv3": "<=5"}
TRAINING_BAR = "<=300"


def sampling_blocks(plan: Plan, lab: Lab, space: str) -> Iterator[Block]:
    """Milliseconds per valid architecture in a batch, and the seconds of the fits that come before."""
    source = Source(space)
    lab.evaluator(source)
    for family in plan.families:
        for method in (UNGUIDED, *lab.generator(space, family).methods):
            bars = {"ms_per_architecture": BARS[space]} if space in BARS and method != UNGUIDED else {}
            yield Block(
                "sampling", space, family, method, f"batch={plan.sizes.batch}",
                partial(_sampling, lab, source, family, method, plan.sizes.batch, plan.sizes.labels),
                plan.seeds, bars,
            )  # fmt: skip


def training_blocks(plan: Plan, lab: Lab, space: str) -> Iterator[Block]:
    """Steps and seconds of a training: of the generator that comes with the space, or of one that is trained now."""
    for family in plan.families:
        if plan.train:
            yield Block(
                "training", space, family, "unconditional", "trained here",
                partial(_training, lab.space(space), family, plan.sizes.schedule), 1, {"seconds": TRAINING_BAR},
            )  # fmt: skip
        else:
            yield Block(
                "training", space, family, "unconditional", "as recorded",
                partial(_read_record, lab, space, family), 1, {"seconds": TRAINING_BAR},
            )  # fmt: skip


def seconds_each(space: SearchSpace, guidance: Guidance, n: int, rng: np.random.Generator) -> float:
    """Wall seconds per valid architecture when n are sampled together."""
    started = time.perf_counter()
    raw = guidance.raw_sample(n, rng)
    made = space.nearest(raw)
    return (time.perf_counter() - started) / len(made)


def _sampling(
    lab: Lab, source: Source, family: str, method: str, n: int, count: int, seed: int, rng: np.random.Generator
) -> dict[str, float]:
    space, generator = lab.space(source.space), lab.generator(source.space, family)
    # What only the first call costs is no part of it.
    lab.once(("warm", source.space, family), lambda: generator.raw_sample(1, np.random.default_rng(0)))
    if method == UNGUIDED:
        guidance = make_guidance(generator, method, (), {})
        return {"ms_per_architecture": 1000 * seconds_each(space, guidance, n, rng)}
    labels, wishes = lab.labels(source, count, seed), lab.wishes(source, count, seed, [WISH])
    started = time.perf_counter()
    beliefs = fit_beliefs(space, labels, directions_of(wishes))
    guidance = make_guidance(generator, method, wishes, {}, beliefs, seed)
    fit_seconds = time.perf_counter() - started
    each = seconds_each(space, guidance, n, rng)
    return {"ms_per_architecture": 1000 * each, "fit_seconds": fit_seconds, "labels": labels.count}


def _training(
    space: SearchSpace, family: str, schedule: Schedule, seed: int, rng: np.random.Generator
) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "generator.safetensors"
        generator, record = train_generator(space, family, schedule, checkpoint=path.with_suffix(".checkpoint"))
        save_generator(generator, record, path)
        return _figures(training_record(path))


def _read_record(lab: Lab, space: str, family: str, seed: int, rng: np.random.Generator) -> dict[str, float]:
    return _figures(lab.record(space, family))


def _figures(record: dict[str, float]) -> dict[str, float]:
    return {name: float(record[name]) for name in ("seconds", "steps", "loss", "samples", "labels")}
