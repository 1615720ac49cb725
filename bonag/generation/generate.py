"""From wishes to architectures that meet them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bonag.evaluators import make_evaluator
from bonag.generation import report
from bonag.generation.beliefs import fit_beliefs
from bonag.generation.guidance import CONDITIONAL, Guidance, choose_method, make_guidance
from bonag.generation.labels import Labels, draw_labels, measure
from bonag.generation.wishes import Wish, in_units, parse_wishes
from bonag.generators.artifact import Generator, generator_path, load_generator, training_record
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.split import training_pool
from loops.errors import UserError
from loops.protocols import Evaluator
from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True)
class Generated:
    """Generated architectures, and what is true of them.

    asked: the wishes as they were given. wishes: the same as bounds in units. values: (n,) of every metric that the
    evaluator measures, by table or surrogate. labels: evaluations that the guidance cost. trained_labels: those that
    the generator was trained with. seconds: of the sampling alone, for all.
    """

    space: SearchSpace
    family: str
    method: str
    asked: tuple[Wish, ...]
    wishes: tuple[Wish, ...]
    architectures: list[Architecture]
    raw: np.ndarray
    values: dict[str, np.ndarray]
    measured_by: str
    labels: int
    trained_labels: int
    seconds: float
    trained_on: set[bytes]

    @property
    def meets(self) -> np.ndarray:
        """(n,) bool: which architectures meet all wishes."""
        every = [wish.met(self.values[wish.metric]) for wish in self.wishes]
        return np.all(every, axis=0) if every else np.ones(len(self.architectures), dtype=bool)

    def summary(self) -> dict[str, Any]:
        """The figures: shares between 0 and 1, diversity in sites, seconds."""
        each, every = report.met_shares(self.wishes, self.values) if self.wishes else ({}, float("nan"))
        n = len(self.architectures)
        figures: dict[str, Any] = {
            "raw_validity": report.valid_share(self.space, self.raw),
            "validity": 1.0,
            "uniqueness": report.unique_share(self.architectures),
            "novelty": report.novel_share(self.architectures, self.trained_on, self.space),
            "held_out": report.held_out_share(self.architectures),
            "diversity": report.diversity(self.space.codes(self.architectures)),
            "seconds_per_architecture": self.seconds / n if n else float("nan"),
            "labels": self.labels,
            "labels_in_training": self.trained_labels,
        }
        if self.wishes:
            figures |= {"meets": {str(a): each[str(b)] for a, b in zip(self.asked, self.wishes, strict=True)}}
            figures |= {"meets_all": every}
        return figures


def generate(
    space: SearchSpace,
    n: int,
    where: Sequence[str] = (),
    strengths: Mapping[str, float] | None = None,
    family: str = "discrete",
    model: Path | None = None,
    method: str | None = None,
    evaluator: Evaluator | None = None,
    labels: int | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> Generated:
    """Generate n architectures that meet the wishes, as far as a few labels tell; raises UserError.

    where: wishes such as ``accuracy>=top5%`` or ``latency_pixel3<=8``. strengths: guidance by metric, dimensionless.
    family, model: the generator that comes with the space, or that in a file. method: by default ``classifier-free``
    where the generator was trained with all metrics that are wished for, else the first of its family's.
    labels: how many random architectures may be evaluated, by default 5 % of the space and at most 1,000.
    """
    if n < 1:
        raise UserError(f"n must be at least 1, not {n}")
    evaluator = evaluator or make_evaluator(space)
    asked = parse_wishes(where, evaluator.metrics)
    strengths = dict(strengths or {})
    for metric, strength in strengths.items():
        if metric not in {wish.metric for wish in asked}:
            raise UserError(f"guidance of '{metric}', for which there is no --where")
        if not (np.isfinite(strength) and strength >= 0):
            raise UserError(f"the guidance of '{metric}' must be 0 or more, not {strength}")
    generator = load_generator(space, model, device, family)
    path = model or generator_path(space, family)
    record = training_record(path) if path else {}
    method = choose_method(generator, asked, method)
    label_stream, sample_stream = np.random.SeedSequence(seed).spawn(2)
    guidance, wishes, paid = _prepared(
        space, generator, method, asked, strengths, evaluator, labels, np.random.default_rng(label_stream), seed
    )
    started = time.perf_counter()
    raw = guidance.raw_sample(n, np.random.default_rng(sample_stream))
    architectures = space.project(np.eye(space.site_classes.max())[raw])
    seconds = time.perf_counter() - started
    return Generated(
        space,
        "discrete" if isinstance(generator, DiscreteGenerator) else "score",
        method,
        asked,
        wishes,
        architectures,
        raw,
        measure(evaluator, architectures, evaluator.metrics),
        evaluator.description,
        paid,
        int(record.get("labels", 0)),
        seconds,
        _trained_on(space, record),
    )


def _prepared(
    space: SearchSpace,
    generator: Generator,
    method: str,
    asked: Sequence[Wish],
    strengths: Mapping[str, float],
    evaluator: Evaluator,
    count: int | None,
    rng: np.random.Generator,
    seed: int,
) -> tuple[Guidance, tuple[Wish, ...], int]:
    """The guidance, the wishes in units, and the labels that this took."""
    metrics = list(dict.fromkeys(wish.metric for wish in asked))
    drawn: Labels | None = None
    # A conditional generator needs no labels any more, unless a share has to be read off them.
    if method != "unguided" and (method != CONDITIONAL or any(wish.share for wish in asked)):
        drawn = draw_labels(space, evaluator, metrics, rng, count)
    wishes = in_units(asked, drawn.values if drawn else {})
    needs = drawn is not None and method != CONDITIONAL
    beliefs = fit_beliefs(space, drawn, metrics) if needs and drawn else None
    guidance = make_guidance(space, generator, method, wishes, strengths, beliefs, seed)
    return guidance, wishes, drawn.count if drawn else 0


def _trained_on(space: SearchSpace, record: Mapping[str, Any]) -> set[bytes]:
    """The codes of the training data, drawn again as they were drawn for the training."""
    if "pool" not in record:
        return set()
    return {code.tobytes() for code in training_pool(space, int(record["seed"]), int(record["pool"]))}
