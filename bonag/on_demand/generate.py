"""From wishes to architectures that meet them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bonag.generators.artifact import (
    FAMILIES,
    Generator,
    family_of,
    load_generator,
    shipped_path,
    training_record,
)
from bonag.generators.discrete import DiscreteGenerator
from bonag.on_demand.beliefs import fit_beliefs
from bonag.on_demand.generated import Generated
from bonag.on_demand.guidance import CONDITIONAL, UNGUIDED, Guidance, choose_method, make_guidance
from bonag.on_demand.labels import check_count, draw_labels
from bonag.on_demand.measuring import measure, metrics_of, source_of
from bonag.on_demand.wishes import Wish, in_units, parse_wishes
from loops.protocols import Evaluator
from search_spaces import SearchSpace
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion


def generate(
    space: SearchSpace,
    n: int,
    evaluator: Evaluator,
    where: Sequence[str] = (),
    strengths: Mapping[str, float] | None = None,
    family: str | None = None,
    model: Path | None = None,
    method: str | None = None,
    labels: int | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> Generated:
    """Generate n architectures that meet the wishes, as far as a few labels tell; raises UserError.

    where: wishes such as ``accuracy>=top5%`` or ``latency_pixel3<=8``. strengths: guidance by metric, dimensionless.
    family: of the generator that comes with the space, by default ``discrete``. model: the generator in a file instead.
    method: by default ``classifier-free`` where the generator was trained with all metrics that are wished for, else
    the first of its family's. labels: how many random architectures may be evaluated, by default 5 % of the space and
    at most 1,000.
    """
    if n < 1:
        raise UserError(f"n must be at least 1, not {n}")
    if seed < 0:
        raise UserError(f"seed must be at least 0, not {seed}")
    if family not in (None, *FAMILIES):
        raise UserError(f"unknown generator family '{family}': {suggestion(family, FAMILIES)}")
    check_count(labels)
    asked = parse_wishes(where, metrics_of(evaluator))
    strengths = dict(strengths or {})
    _check(strengths, asked, labels)
    path = model or shipped_path(space, family or "discrete")
    generator = load_generator(space, path, device)
    if family not in (None, family_of(generator)):
        raise UserError(f"{path} holds a {family_of(generator)} generator, not a {family} one")
    training = training_record(path)
    method = choose_method(generator, asked, method, training.get("source"), source_of(evaluator))
    guidance, wishes, paid = _prepared(space, generator, method, asked, strengths, evaluator, labels, seed)
    started = time.perf_counter()
    raw = guidance.raw_sample(n, np.random.default_rng([seed, 4]))
    architectures = space.nearest(raw)
    seconds = time.perf_counter() - started
    return Generated(
        space=space,
        family=family_of(generator),
        method=method,
        seed=seed,
        model=path,
        training=training,
        asked=asked,
        wishes=wishes,
        strengths=guidance.strength_of(asked),
        architectures=architectures,
        values=measure(space, evaluator, architectures, metrics_of(evaluator))[0],
        measured_by=source_of(evaluator),
        description=evaluator.description,
        raw=raw,
        labels=paid,
        seconds=seconds,
    )


def _check(strengths: Mapping[str, float], asked: Sequence[Wish], labels: int | None) -> None:
    for metric, strength in strengths.items():
        if metric not in {wish.metric for wish in asked}:
            raise UserError(f"guidance of '{metric}', for which there is no condition: give one by --where")
        if not (np.isfinite(strength) and strength >= 0):
            raise UserError(f"the guidance of '{metric}' must be 0 or more, not {strength}")
    if labels is not None and not asked:
        raise UserError("labels are of no use without a condition: give one by --where")


def _prepared(
    space: SearchSpace,
    generator: Generator,
    method: str,
    asked: tuple[Wish, ...],
    strengths: Mapping[str, float],
    evaluator: Evaluator,
    count: int | None,
    seed: int,
) -> tuple[Guidance, tuple[Wish, ...], int]:
    """The guidance, the wishes in units, and the labels that this took."""
    if method == UNGUIDED:
        return make_guidance(space, generator, method, (), {}), (), 0
    shares = sum(wish.share for wish in asked)
    # The labels of the training tell shares of the whole space; shares of a part need labels of several metrics.
    known = shares == 0 or (shares == len(asked) and count is None)
    if method == CONDITIONAL and known and isinstance(generator, DiscreteGenerator):
        wishes = in_units(asked, {scale.name: scale.quantiles for scale in generator.scales})
        return make_guidance(space, generator, method, wishes, strengths), wishes, 0
    metrics = list(dict.fromkeys(wish.metric for wish in asked))
    drawn = draw_labels(space, evaluator, metrics, np.random.default_rng([seed, 3]), count)
    wishes = in_units(asked, drawn.values)
    beliefs = None if method == CONDITIONAL else fit_beliefs(space, drawn, metrics)
    return make_guidance(space, generator, method, wishes, strengths, beliefs, seed), wishes, drawn.count
