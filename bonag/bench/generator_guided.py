"""Guided generation on NAS-Bench-201, where what every cell is worth is known: one wish, and two at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bonag.bench.generator_lab import Lab, Source
from bonag.bench.generator_plan import Plan
from bonag.bench.generator_rows import Block
from bonag.generators.artifact import load_generator, training_record
from bonag.generators.conditions import quantiles_of
from bonag.generators.trained import CONDITIONAL, TrainedGenerator
from bonag.generators.training import Conditions, train_generator
from bonag.on_demand.guidance import STRENGTHS, make_guidance
from bonag.on_demand.measuring import measure
from bonag.on_demand.report import diversity
from search_spaces import SearchSpace
from search_spaces.errors import UserError

SPACE, TASK = "nb201", "cifar10"
DEVICES = ("pixel3", "raspi4", "fpga")
SHARE, QUICKEST = 0.05, 0.25
ONE_WISH = f"accuracy>=top{100 * SHARE:g}%"
ABLATED = (0.5, 1.0, 2.0, 4.0, 8.0)
GUIDED_BARS = {"accuracy": ">=93.4", "top5_share": ">=0.6", "distinct": ">=100"}
CONDITIONS_BARS = {"feasible": ">=0.9", "meets_both": ">=0.3"}
# In place of a generator: what the predictor itself says of every cell of the space.
PREDICTOR = "predictor"
ACCURACY = Source(SPACE, "table", TASK)


def both_of(devices: Sequence[str]) -> Source:
    """Labels of accuracy and of the latencies of all devices."""
    return replace(ACCURACY, metrics=("accuracy", *(f"latency_{device}" for device in devices)))


BOTH = both_of(DEVICES)


@dataclass(frozen=True)
class Census:
    """Every architecture of a space: its codes (n, S), and (n,) of every metric."""

    codes: np.ndarray
    values: dict[str, np.ndarray]

    def rows(self, codes: np.ndarray) -> np.ndarray:
        """Where (B, S) codes stand in it: (B,)."""
        place = {code.tobytes(): row for row, code in enumerate(self.codes)}
        return np.array([place[code.tobytes()] for code in np.ascontiguousarray(codes)], dtype=np.int64)

    def drawn(self, rows: np.ndarray, marks: dict[str, np.ndarray]) -> dict[str, float]:
        """The means of ``marks``, (n,) of each, over drawn rows; how many are distinct, and how they differ."""
        figures = {name: float(mark[rows].mean()) for name, mark in marks.items()}
        return figures | {"distinct": float(len(np.unique(rows))), "diversity": diversity(self.codes[rows])}

    def expected(self, weights: np.ndarray, draws: int, marks: dict[str, np.ndarray]) -> dict[str, float]:
        """What ``drawn`` has in the mean for independent draws in proportion to exp(weights), (n,)."""
        p = np.exp(weights - weights.max())
        p /= p.sum()
        figures = {name: float(p @ mark) for name, mark in marks.items()}
        figures["distinct"] = float(-np.expm1(draws * np.log1p(-p)).sum())
        figures["diversity"] = sum(
            1.0 - float((np.bincount(site, weights=p) ** 2).sum()) for site in self.codes.T.astype(np.int64)
        )
        return figures


def census_of(lab: Lab, source: Source) -> Census:
    """All architectures of the source's space, with all metrics of its evaluator."""

    def make() -> Census:
        space, evaluator = lab.space(source.space), lab.evaluator(source)
        every = space.all() or []
        return Census(space.codes(every), measure(space, evaluator, every, evaluator.metrics)[0])

    return lab.once(("census", *source.names), make)


def guided_blocks(plan: Plan, lab: Lab, space: str) -> Iterator[Block]:
    """One wish at every strength; beside it the exact tilted distribution, and the predictor's own best."""
    if space != SPACE:
        return
    lab.evaluator(ACCURACY)
    for family in plan.families:
        for method in lab.generator(space, family).methods:
            for strength in sorted({*ABLATED, STRENGTHS[method][0]}):
                bars = GUIDED_BARS if strength == STRENGTHS[method][0] else {}
                yield Block(
                    "guided", space, family, method, f"strength={strength:g}",
                    partial(_sample_guided, plan, lab, family, method, strength), plan.seeds, bars,
                )  # fmt: skip
    for strength in sorted({*ABLATED, STRENGTHS["resampling"][0]}):
        yield Block(
            "guided", space, PREDICTOR, "exact", f"strength={strength:g}", partial(_exact, plan, lab, strength),
            plan.seeds,
        )  # fmt: skip
    yield Block(
        "guided", space, PREDICTOR, "argmax", f"top={plan.sizes.batch}", partial(_argmax, plan, lab), plan.seeds
    )


def conditions_blocks(plan: Plan, lab: Lab, space: str) -> Iterator[Block | str]:
    """Quick on a device, and accurate among those that are: by every method at its default strength."""
    if space != SPACE:
        return
    lab.evaluator(BOTH)
    methods = [(family, method) for family in plan.families for method in lab.generator(space, family).methods]
    able = conditional_devices(plan, lab)
    if not able:
        yield f"conditions {space} {CONDITIONAL} is left out: give --train or --model"
    for device in DEVICES:
        conditional = [("discrete", CONDITIONAL)] if device in able else []
        for family, method in [*methods, *conditional, (PREDICTOR, "exact")]:
            yield Block(
                "conditions", space, family, method, f"device={device}",
                partial(measure_conditions, plan, lab, family, method, device, DEVICES), plan.seeds,
                CONDITIONS_BARS if family != PREDICTOR else {},
            )  # fmt: skip


def conditional_devices(plan: Plan, lab: Lab) -> list[str]:
    """The devices whose latency is a condition of the generator at hand; raises UserError for a file without any."""
    if plan.model is None:
        return list(DEVICES) if plan.train and "discrete" in plan.families else []
    source = training_record(plan.model).get("source")
    if source != f"{ACCURACY.evaluator} {ACCURACY.task}":
        raise UserError(f"{plan.model} learnt its conditions from '{source}', not from the table of {TASK}")
    known = set(_conditional(plan, lab, 0).quantiles)
    able = [device for device in DEVICES if {"accuracy", f"latency_{device}"} <= known]
    if not able:
        raise UserError(
            f"{plan.model} was not trained with the conditions accuracy and latency_<device> of {', '.join(DEVICES)}"
        )
    return able


def _marks(census: Census) -> dict[str, np.ndarray]:
    accuracy = census.values["accuracy"]
    return {"accuracy": accuracy, "top5_share": accuracy >= np.quantile(accuracy, 1 - SHARE)}


def _sample_guided(
    plan: Plan, lab: Lab, family: str, method: str, strength: float, seed: int, rng: np.random.Generator
) -> dict[str, float]:
    guidance = lab.guidance(ACCURACY, family, method, plan.sizes.labels, seed, [ONE_WISH])
    raw = replace(guidance, strengths=np.array([strength])).raw_sample(plan.sizes.batch, rng)
    census = census_of(lab, ACCURACY)
    return census.drawn(census.rows(_valid(lab, raw)), _marks(census))


def _exact(plan: Plan, lab: Lab, strength: float, seed: int, rng: np.random.Generator) -> dict[str, float]:
    census = census_of(lab, ACCURACY)
    guidance = lab.guidance(ACCURACY, "discrete", "resampling", plan.sizes.labels, seed, [ONE_WISH])
    guidance = replace(guidance, strengths=np.array([strength]))
    return census.expected(guidance.log_reward(census.codes), plan.sizes.batch, _marks(census))


def _argmax(plan: Plan, lab: Lab, seed: int, rng: np.random.Generator) -> dict[str, float]:
    census = census_of(lab, ACCURACY)
    mean, _ = lab.beliefs(ACCURACY, plan.sizes.labels, seed, {"accuracy": 1.0}).posterior(census.codes)
    best = np.argsort(-mean[:, 0], kind="stable")[: plan.sizes.batch]
    return census.drawn(best, _marks(census))


def measure_conditions(
    plan: Plan,
    lab: Lab,
    family: str,
    method: str,
    device: str,
    devices: Sequence[str],
    seed: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """What meets a bound on the latency of a device, and both wishes. devices: whose latencies are labelled."""
    source = both_of(devices)
    census = census_of(lab, source)
    latency, accuracy = census.values[f"latency_{device}"], census.values["accuracy"]
    feasible = latency <= np.quantile(latency, QUICKEST)
    both = feasible & (accuracy >= np.quantile(accuracy[feasible], 1 - SHARE))
    marks = {"feasible": feasible, "meets_both": both, "accuracy": accuracy}
    # In full, so that the bound as text loses no cell.
    texts = [f"latency_{device}<={np.quantile(latency, QUICKEST)!s}", ONE_WISH]
    if method == "exact":
        guidance = lab.guidance(source, "discrete", "resampling", plan.sizes.pair_labels, seed, texts)
        return census.expected(guidance.log_reward(census.codes), plan.sizes.batch, marks)
    if method == CONDITIONAL:
        wishes = lab.wishes(source, plan.sizes.pair_labels, seed, texts)
        guidance = make_guidance(_conditional(plan, lab, seed), method, wishes, {})
    else:
        guidance = lab.guidance(source, family, method, plan.sizes.pair_labels, seed, texts)
    raw = guidance.raw_sample(plan.sizes.batch, rng)
    return census.drawn(census.rows(_valid(lab, raw)), marks)


def _conditional(plan: Plan, lab: Lab, seed: int) -> TrainedGenerator:
    """The generator that was trained with conditions: that of the file for all seeds, else one trained for the seed."""
    space = lab.space(SPACE)
    if plan.model is None:
        return lab.once(("conditional", seed), lambda: train_conditional(plan, lab, space, seed))
    generator = lab.once(("model", plan.model), lambda: load_generator(space, plan.model))
    if generator.family != "discrete":
        raise UserError(f"{plan.model} is score-based: conditions take a discrete generator")
    return generator


def train_conditional(plan: Plan, lab: Lab, space: SearchSpace, seed: int) -> TrainedGenerator:
    """Trained with the conditions of accuracy and all latencies, on what the labels of the seed tell."""
    labels = lab.labels(BOTH, plan.sizes.pair_labels, seed)
    beliefs = lab.beliefs(BOTH, plan.sizes.pair_labels, seed, dict.fromkeys(BOTH.metrics, 1.0))
    quantiles = {name: quantiles_of(labels.values[name]) for name in BOTH.metrics}
    conditions = Conditions(quantiles, beliefs.posterior, labels.count, labels.source)
    generator, _ = train_generator(space, schedule=replace(plan.sizes.schedule, seed=seed), conditions=conditions)
    return generator


def _valid(lab: Lab, raw: np.ndarray) -> np.ndarray:
    space = lab.space(SPACE)
    return space.nearest_codes(raw)
