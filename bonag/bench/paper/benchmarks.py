"""The benchmarks of both papers, and what is asked of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bonag.evaluators import make_evaluator, task_names
from loops.objective import Goal, Objective
from search_spaces import get_space


@dataclass(frozen=True)
class Benchmark:
    """A space, and who knows what its architectures are worth.

    title: what the papers call it. share: of the architectures that count as good, as DiNAS labels them. queries: how
    many architectures are generated and looked up under it. others: tasks beside the default one.
    """

    space: str
    title: str
    evaluator: str
    share: float = 0.01
    queries: int = 192
    others: tuple[str, ...] = ()

    @property
    def metric(self) -> Goal:
        """What is searched for."""
        return Objective.parse(get_space(self.space).goal).goal

    @property
    def wish(self) -> str:
        """A condition that the good ones meet, as ``bonag generate`` takes it."""
        end, sign = ("top", ">=") if self.metric.sign > 0 else ("bottom", "<=")
        return f"{self.metric.metric}{sign}{end}{100 * self.share:g}%"


# The labels of DiNAS (its data loaders): the best 5 % of NAS-Bench-201 and HW-NAS-Bench, 1 % elsewhere.
BENCHMARKS = (
    Benchmark("nb101", "NAS-Bench-101", "table"),
    Benchmark("nb201", "NAS-Bench-201", "table", share=0.05, others=("cifar100",)),
    Benchmark("darts", "NAS-Bench-301", "nasbench301"),
    Benchmark("nlp", "NAS-Bench-NLP", "surrogate"),
    Benchmark("mbv3", "MobileNetV3, ImageNet", "predictor"),
)


@dataclass(frozen=True)
class Target:
    """A task of a benchmark, None where its evaluator has no choice of them."""

    benchmark: Benchmark
    task: str | None

    @property
    def name(self) -> str:
        """Of the task, as rows of tables have it."""
        return self.task or ""


def targets(benchmark: Benchmark, data: Path | None) -> Iterator[Target]:
    """The tasks of a benchmark that can be measured here; raises UserError that says what is missing."""
    names = task_names(benchmark.space, benchmark.evaluator, data)
    first = names[0] if names else None
    make_evaluator(get_space(benchmark.space), benchmark.evaluator, first, data)
    yield Target(benchmark, first)
    yield from (Target(benchmark, name) for name in benchmark.others if name in names)
