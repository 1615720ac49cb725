"""What the blocks of the generators' benchmark share: loaded, drawn and fitted when the first of them asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bonag.acquisition.metric_models import MetricModel
from bonag.bench.generator_rows import stream
from bonag.evaluators import make_evaluator
from bonag.generators.artifact import load_generator, shipped_path, training_record
from bonag.generators.trained import TrainedGenerator
from bonag.on_demand.beliefs import Beliefs, directions_of, fit_beliefs
from bonag.on_demand.guidance import Guidance, make_guidance
from bonag.on_demand.labels import Labels, draw_labels
from bonag.on_demand.wishes import in_units, parse_wishes
from loops.constraint import Constraint
from loops.protocols import Evaluator
from search_spaces import SearchSpace, get_space

Made = TypeVar("Made")


@dataclass(frozen=True)
class Source:
    """Where labels come from: an evaluator and its task, or the defaults of the space; and the metrics asked for."""

    space: str
    evaluator: str | None = None
    task: str | None = None
    metrics: tuple[str, ...] = ("accuracy",)

    @property
    def names(self) -> tuple[str, ...]:
        """What tells it from others, as text."""
        return self.space, self.evaluator or "", self.task or ""


class Lab:
    """data: folder of benchmark tables. generators: by (space, family), where not those that come with the space.

    All that is drawn for a seed is the same for whoever asks, so that methods are compared on the same labels.
    """

    def __init__(
        self, data: Path | None = None, generators: Mapping[tuple[str, str], TrainedGenerator] | None = None
    ) -> None:
        self._data, self._generators = data, dict(generators or {})
        self._kept: dict[tuple[object, ...], Any] = {}

    def once(self, key: tuple[object, ...], make: Callable[[], Made]) -> Made:
        """What was made under that key before, else what ``make`` gives."""
        if key not in self._kept:
            self._kept[key] = make()
        found: Made = self._kept[key]
        return found

    def space(self, name: str) -> SearchSpace:
        """Raises UserError."""
        return self.once(("space", name), lambda: get_space(name))

    def generator(self, space: str, family: str) -> TrainedGenerator:
        """Raises UserError where there is none."""
        if (space, family) not in self._generators:
            self._generators[space, family] = load_generator(self.space(space), family=family)
        return self._generators[space, family]

    def record(self, space: str, family: str) -> dict[str, Any]:
        """How the generator that comes with the space was trained; raises UserError where there is none."""
        return training_record(shipped_path(self.space(space), family))

    def evaluator(self, source: Source) -> Evaluator:
        """Raises UserError where its data is missing."""
        return self.once(
            ("evaluator", *source.names),
            lambda: make_evaluator(self.space(source.space), source.evaluator, source.task, self._data),
        )

    def labels(self, source: Source, count: int | None, seed: int) -> Labels:
        """Random labels of all metrics of the source."""
        rng = stream("labels", *source.names, seed=seed)
        return self.once(
            ("labels", source, count, seed),
            lambda: draw_labels(self.space(source.space), self.evaluator(source), source.metrics, rng, count),
        )

    def beliefs(self, source: Source, count: int | None, seed: int, directions: Mapping[str, float]) -> Beliefs:
        """Predictors of these metrics, fitted on ``labels``; directions: as in ``fit_beliefs``."""
        space, labels = self.space(source.space), self.labels(source, count, seed)

        def fit(metric: str) -> MetricModel:
            sign = directions[metric]
            make = partial(fit_beliefs, space, labels, {metric: sign})
            return self.once(("beliefs", source, count, seed, metric, sign), make).models[metric]

        return Beliefs(space, {metric: fit(metric) for metric in directions})

    def wishes(self, source: Source, count: int | None, seed: int, texts: Sequence[str]) -> tuple[Constraint, ...]:
        """Wishes in units, where shares are read off the labels."""
        return in_units(parse_wishes(texts, source.metrics), self.labels(source, count, seed).values)

    def guidance(
        self, source: Source, family: str, method: str, count: int | None, seed: int, texts: Sequence[str]
    ) -> Guidance:
        """A method at its default strength, guided by what the labels of the seed tell."""
        wishes = self.wishes(source, count, seed, texts)
        beliefs = self.beliefs(source, count, seed, directions_of(wishes))
        return self.once(
            ("guidance", source, family, method, count, seed, tuple(texts)),
            lambda: make_guidance(self.generator(source.space, family), method, wishes, {}, beliefs, seed),
        )
