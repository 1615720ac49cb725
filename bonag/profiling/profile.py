"""Profiling: sampled networks are measured on this machine, and a model of their latency is fitted and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bonag.names import SpaceName
from bonag.profiling.kept import PREFIX, model_path, save_model
from bonag.profiling.latency_model import LatencyModel, fit_latency
from bonag.profiling.machine import machine_facts
from bonag.profiling.measurements import Measurements
from bonag.profiling.process import MeasuringProcess
from bonag.profiling.runtimes import choose_runtime, runtime_version
from search_spaces import Architecture, SearchSpace, get_space
from search_spaces.errors import UserError
from search_spaces.registry import PYTHON, space_name

FEWEST_SAMPLES = 10
# Times that a network is measured again while the machine is not calm, and networks to choose a reference from.
AGAIN, CANDIDATES = 2, 9
_DRAWN = 64
PATIENCE = 4.0


@dataclass(frozen=True)
class Progress:
    """How far measuring is: networks done, in this round; again: whether it is one of those measured again."""

    done: int
    total: int
    again: bool


@dataclass(frozen=True)
class Profile:
    """What came of profiling. metric: its name for objectives and constraints. disturbed: networks never timed in calm.

    slowed: by what factor other jobs slowed the machine at worst.
    """

    model: LatencyModel
    path: Path
    metric: str
    disturbed: int
    slowed: float


def profile(
    space: SpaceName | str | SearchSpace,
    name: str,
    samples: int = 200,
    runtime: str | None = None,
    threads: int = 1,
    image_size: int | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    patience: float = PATIENCE,
    show: Callable[[Progress], None] = lambda progress: None,
) -> Profile:
    """Measure networks on this machine's CPU, one image at a time, and keep a model of their latency in ms.

    ``latency_<name>`` is then a metric of every evaluator of the space. Networks that were measured before, by the same
    call or by one that was interrupted, are not measured again.

    space: one that can be imported by its name. runtime: ``onnxruntime`` or ``torch``; by default the first that is
    installed. image_size (pixels), num_classes: the space's defaults where None. seed: of the networks drawn.
    patience: seconds for which a network is timed at most; a busy machine needs more. show: told after each. Raises
    UserError.
    """
    space = get_space(space)
    setup = _setup(space, runtime, threads, image_size, num_classes, seed)
    if samples < FEWEST_SAMPLES:
        raise UserError(f"a latency model needs at least {FEWEST_SAMPLES} samples, not {samples}")
    if not patience > 0:
        raise UserError(f"patience must be more than 0 seconds, not {patience:g}")
    path = model_path(space.name, name)
    architectures = _draw(space, samples, seed)
    setup["reference"] = str(_reference(space, architectures, setup))
    try:
        found = Measurements.open(path.with_suffix(".jsonl"), setup)
        _measure(found, architectures, {**setup, "patience": patience}, show)
    except OSError as error:
        raise UserError(f"cannot keep timings in '{path.parent}': {error.strerror or error}") from error
    ms = np.array([found.milliseconds(str(one)) for one in architectures])
    facts = {key: value for key, value in setup.items() if key not in ("space", "reference")}
    facts |= {
        "samples": len(ms),
        "fastest": float(ms.min()),
        "median": float(np.median(ms)),
        "slowest": float(ms.max()),
    }
    facts |= {"date": datetime.now(UTC).isoformat(timespec="seconds"), "bonag": version("bonag")}
    model = fit_latency(space, architectures, ms, facts)
    save_model(model, path)
    timings = [found.timings[str(one)] for one in architectures]
    return Profile(
        model,
        path,
        f"{PREFIX}{name}",
        disturbed=sum(not any(map(found.is_calm, visits)) for visits in timings),
        slowed=found.slowed,
    )


def _setup(
    space: SearchSpace, runtime: str | None, threads: int, image_size: int | None, num_classes: int | None, seed: int
) -> dict[str, Any]:
    named = space_name(space)
    if not space.builds:
        raise UserError(f"space '{space.name}' builds no networks, so there is nothing to measure")
    if not space.takes_images:
        takes = " and ".join(space.input_names)
        raise UserError(f"the networks of space '{space.name}' take {takes}, and what is measured here takes images")
    if named.startswith(PYTHON):
        raise UserError(f"space '{space.name}' is measured in another process: put its class into a module")
    for what, value in (("threads", threads), ("pixels", image_size), ("classes", num_classes)):
        if value is not None and value < 1:
            raise UserError(f"there must be at least 1 of {what}, not {value}")
    runtime = choose_runtime(runtime)
    return {
        "space": named,
        "runtime": runtime,
        "version": runtime_version(runtime),
        "threads": threads,
        "image_size": space.image_size if image_size is None else image_size,
        "num_classes": space.num_classes if num_classes is None else num_classes,
        "seed": seed,
        **machine_facts(),
    }


def _draw(space: SearchSpace, samples: int, seed: int) -> list[Architecture]:
    """Distinct random architectures, all if there are no more; more samples begin with the same ones."""
    rng = np.random.default_rng(seed)
    drawn: dict[Architecture, None] = {}
    while len(drawn) < min(samples, space.size):
        drawn |= dict.fromkeys(space.sample(_DRAWN, rng))
    return list(drawn)[:samples]


def _reference(space: SearchSpace, architectures: list[Architecture], setup: dict[str, Any]) -> Architecture:
    """One of the first few architectures, of medium cost."""
    try:
        costs = {one: space.costs(one, setup["num_classes"], setup["image_size"]) for one in architectures[:CANDIDATES]}
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"no network of space '{space.name}' for these images: {error}") from error
    return sorted(costs, key=lambda one: costs[one].macs)[len(costs) // 2]


def _measure(
    found: Measurements, architectures: list[Architecture], setup: dict[str, Any], show: Callable[[Progress], None]
) -> None:
    texts = [str(one) for one in architectures]
    with MeasuringProcess(setup) as process:
        for text, progress in _rounds(found, texts):
            found.add(text, process.time(text))
            show(progress)


def _rounds(found: Measurements, texts: list[str]) -> Iterator[tuple[str, Progress]]:
    """What to measure next: first each network once, then again those that were never timed in calm."""
    for visit in range(1 + AGAIN):
        missing = [text for text in texts if len(found.timings.get(text, ())) <= visit and not _done(found, text)]
        for number, text in enumerate(missing):
            done = len(texts) - len(missing) + number + 1
            yield text, Progress(done, len(texts), visit > 0)


def _done(found: Measurements, text: str) -> bool:
    return any(map(found.is_calm, found.timings.get(text, ())))
