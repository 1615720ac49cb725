"""What the papers measure, as blocks: one for each protocol, benchmark and task.

Beside what was found every block says what it cost: ``labels``, evaluations that trained or guided something, and
``queries``, evaluations of what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bonag.api.generating import generate
from bonag.bench.generator_distribution import measure_novelty, measure_validity
from bonag.bench.generator_guided import measure_conditions
from bonag.bench.generator_lab import Lab
from bonag.bench.generator_plan import Plan
from bonag.bench.generator_rows import Block
from bonag.bench.paper.benchmarks import BENCHMARKS, Benchmark, Target, targets
from bonag.bench.search_contest import Contest
from bonag.bench.search_measure import make_measure, whole_space
from bonag.bench.search_run import run_one
from bonag.evaluators import make_evaluator
from bonag.on_demand.measuring import measure
from search_spaces import Architecture, get_space
from search_spaces.errors import UserError

FAMILY, STRATEGY = "discrete", "bonag"
SAMPLES = 1000
# Labels that guide the generation of good architectures.
LABELS = 200
BUDGETS = (100, 200)
# Architectures of the transferable scenario, in which none of the task was evaluated before.
FIRST = 3


@dataclass(frozen=True)
class Settings:
    """data: folder of benchmark tables, or None for the environment's. seeds: of every figure. budgets: of searches."""

    data: Path | None = None
    seeds: int = 3
    budgets: tuple[int, ...] = BUDGETS

    @property
    def plan(self) -> Plan:
        """The same for the blocks of the generators' benchmark."""
        return Plan(families=(FAMILY,), seeds=self.seeds, data=self.data)


Made = Iterator[Block]
# The number of a seed, and its stream of random numbers -> figures by name.
Figures = Callable[[int, np.random.Generator], dict[str, float]]


def generation_blocks(settings: Settings, lab: Lab, benchmark: Benchmark) -> Made:
    """Validity before the projection, uniqueness and novelty of 1,000 unguided samples."""
    space = benchmark.space
    lab.generator(space, FAMILY)

    def figures(seed: int, rng: np.random.Generator) -> dict[str, float]:
        drawn = measure_validity(lab, space, FAMILY, SAMPLES, rng)
        novelty = measure_novelty(lab, space, FAMILY, FAMILY, SAMPLES, seed, rng)
        return {name: drawn[name] for name in ("raw_validity", "uniqueness")} | {"novelty": novelty["not_trained_on"]}

    yield _block("generation", benchmark, "", figures, settings)


def on_demand_blocks(settings: Settings, lab: Lab, benchmark: Benchmark) -> Made:
    """The best of so many architectures that were generated under the condition to be among the good ones."""
    lab.generator(benchmark.space, FAMILY)
    for target in targets(benchmark, settings.data):
        yield _block("on demand", benchmark, target.name, partial(_on_demand, settings, target), settings)


def latency_blocks(settings: Settings, lab: Lab, benchmark: Benchmark) -> Made:
    """On each device, at most the quartile of latencies, and accuracy in the top 5 % of those that are as quick."""
    if benchmark.space != "nb201":
        return
    metrics = make_evaluator(get_space(benchmark.space), benchmark.evaluator, None, settings.data).metrics
    devices = [name.removeprefix("latency_") for name in metrics if name.startswith("latency_")]
    if not devices:
        raise UserError("the table of latencies is not there")
    for device in devices:
        figures = partial(_latency, settings.plan, lab, device, devices)
        yield _block("latency bound", benchmark, device, figures, settings)


def transfer_blocks(settings: Settings, lab: Lab, benchmark: Benchmark) -> Made:
    """The best of three architectures for a task of which nothing was evaluated, from the table of another one."""
    found = list(targets(benchmark, settings.data)) if benchmark.others else []
    for target in found:
        for source in found:
            if source != target:
                figures = partial(_transfer, settings, target, source)
                yield _block("transfer", benchmark, f"{source.name} to {target.name}", figures, settings)


def search_blocks(settings: Settings, lab: Lab, benchmark: Benchmark) -> Made:
    """Bayesian optimisation: the best after so many queries, and how many found the best there is."""
    lab.generator(benchmark.space, FAMILY)
    for target in targets(benchmark, settings.data):
        yield _block("search", benchmark, target.name, partial(_search, settings, target), settings)


PROTOCOLS: dict[str, Callable[[Settings, Lab, Benchmark], Made]] = {
    "generation": generation_blocks,
    "on demand": on_demand_blocks,
    "latency bound": latency_blocks,
    "transfer": transfer_blocks,
    "search": search_blocks,
}


def blocks_of(settings: Settings, lab: Lab, protocols: Sequence[str]) -> tuple[list[Block], list[str]]:
    """All that can be measured here, and a line for each part that cannot, with the reason."""
    blocks: list[Block] = []
    left_out: list[str] = []
    for protocol in protocols:
        for benchmark in BENCHMARKS:
            try:
                blocks += PROTOCOLS[protocol](settings, lab, benchmark)
            except UserError as error:
                left_out.append(f"{benchmark.title}, {protocol}, is left out: {error}")
    return blocks, left_out


def _block(
    protocol: str,
    benchmark: Benchmark,
    setting: str,
    figures: Figures,
    settings: Settings,
) -> Block:
    return Block(protocol, benchmark.space, STRATEGY, "", setting, figures, settings.seeds)


def _on_demand(settings: Settings, target: Target, seed: int, rng: np.random.Generator) -> dict[str, float]:
    benchmark = target.benchmark
    made = generate(
        benchmark.space, benchmark.queries, [benchmark.wish], labels=LABELS, evaluator=benchmark.evaluator,
        task=target.task, data=settings.data, seed=seed, as_drawn=True,
    )  # fmt: skip
    distinct = list(dict.fromkeys(made.architectures))
    return _looked_up(settings, target, distinct) | {"labels": made.labels}


def _latency(
    plan: Plan, lab: Lab, device: str, devices: Sequence[str], seed: int, rng: np.random.Generator
) -> dict[str, float]:
    found = measure_conditions(plan, lab, FAMILY, "resampling", device, devices, seed, rng)
    shares = {name: found[name] for name in ("feasible", "meets_both")}
    return shares | {"labels": plan.sizes.pair_labels, "queries": 0.0}


def _transfer(
    settings: Settings, target: Target, source: Target, seed: int, rng: np.random.Generator
) -> dict[str, float]:
    benchmark = target.benchmark
    text = f"{benchmark.evaluator}:{benchmark.space}/{source.task}"
    made = generate(
        benchmark.space, FIRST, transfer=text, objective=str(benchmark.metric), data=settings.data, seed=seed
    )
    size = get_space(benchmark.space).size
    return _looked_up(settings, target, made.architectures) | {"labels": size}


def _looked_up(settings: Settings, target: Target, architectures: Sequence[Architecture]) -> dict[str, float]:
    """What architectures are worth, by the evaluator of the target: the best, and the mean."""
    benchmark, goal = target.benchmark, target.benchmark.metric
    space = get_space(benchmark.space)
    evaluator = make_evaluator(space, benchmark.evaluator, target.task, settings.data)
    values = measure(space, evaluator, architectures, (goal.metric,))[0][goal.metric]
    best = goal.sign * np.nanmax(goal.sign * values)
    return {"best": float(best), "mean": float(np.nanmean(values)), "queries": len(architectures)}


def _search(settings: Settings, target: Target, seed: int, rng: np.random.Generator) -> dict[str, float]:
    benchmark, goal = target.benchmark, target.benchmark.metric
    budgets = sorted(settings.budgets)
    contest = Contest(
        benchmark.space, benchmark.evaluator, target.task, (str(goal),), budget=budgets[-1],
        data=None if settings.data is None else str(settings.data),
    )  # fmt: skip
    trials = run_one(contest, STRATEGY, seed)
    measured = make_measure(contest, trials, whole_space(contest), None)
    reached = measured.progress(trials, contest.budget)
    figures = {f"best after {n}": float(reached[n - 1]) for n in budgets}
    figures |= {"queries": float(contest.budget), "labels": float(trials["labels"].iloc[0])}
    if measured.exact:
        found = np.flatnonzero(measured.sign * reached >= measured.sign * measured.target)
        figures["queries to the best"] = float(found[0] + 1) if len(found) else float("inf")
    return figures
