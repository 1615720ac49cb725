"""The contracts of the roles: what a part has to be, and nothing else is ever asked of it.

``search_spaces.SearchSpace`` is the seventh of them. What only some parts can do is a small protocol of its own, named
after what it can; who needs it asks for it by its method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from loops.history import History, Trial
from search_spaces import Architecture


@dataclass(frozen=True)
class Proposal:
    """An architecture to evaluate next, and how it came about (JSON values; ``origin`` names the step)."""

    architecture: Architecture
    provenance: Mapping[str, Any] = field(default_factory=dict)


class Strategy(Protocol):
    """Decides what to evaluate next, as a pure function: no state, no randomness but ``rng``."""

    @property
    def name(self) -> str:
        """What the strategy is called on the command line."""
        ...

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n distinct architectures, none of them in the history; fewer only if the space has no more."""
        ...


class Evaluator(Protocol):
    """Architecture -> metrics.

    metrics: the names that every result holds.
    description: one plain paragraph on what the numbers are and are not.
    """

    metrics: tuple[str, ...]
    description: str

    def evaluate(self, architecture: Architecture, seed: int) -> Mapping[str, float]:
        """The metrics by name; any exception is a failed trial. ``seed`` drives whatever is random in a measurement."""
        ...


@dataclass(frozen=True)
class Job:
    """One evaluation to run: trial index, architecture and the seed of that trial."""

    index: int
    architecture: Architecture
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What became of a job: metrics, or the reason of its failure."""

    index: int
    metrics: Mapping[str, float] | None
    reason: str | None
    seconds: float


class Executor(Protocol):
    """Runs evaluations somewhere."""

    def run(self, evaluator: Evaluator, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield one outcome per job as it ends, in any order; an exception in an evaluation is an outcome.

        A job is taken from ``jobs`` only when it can start, because they may run out early.
        """
        ...

    def close(self) -> None:
        """Free what the executor holds."""
        ...


@dataclass(frozen=True)
class Prediction:
    """What is believed of B architectures, each a Gaussian of its own.

    mean, stddev: (B,) float64, on scores (see ``bonag.scores``) or in the metric's unit, as whoever made it says.
    """

    mean: np.ndarray
    stddev: np.ndarray


class Model(Protocol):
    """What a predictor has learnt of one metric."""

    def predict(self, codes: np.ndarray) -> Prediction:
        """(B, S) codes -> the scores of B architectures, without the noise of a measurement."""
        ...


class Predictor(Protocol):
    """Learns one metric from the architectures evaluated so far."""

    def fit(self, codes: np.ndarray, scores: np.ndarray) -> Model:
        """codes: (n, S), in the order of evaluation. scores: (n,) of mean 0 and spread 1, larger is better."""
        ...


class Believing(Protocol):
    """A model that can take what it expects for evaluated. Others are fitted again to what they expect."""

    def after(self, codes: np.ndarray) -> Model:
        """The model as if the (k, S) codes had turned out as it expects (Ginsbourger et al., 2010)."""
        ...


class Conditioned(Protocol):
    """A model whose hyperparameters outlast its data, so that they need not be fitted for every trial."""

    def condition(self, codes: np.ndarray, scores: np.ndarray) -> Model:
        """The model with these hyperparameters on these (n, S) codes and (n,) scores."""
        ...


class Likelihood(Protocol):
    """A predictor that tells how likely scores are, by which the scale of the scores is chosen."""

    def log_likelihood(self, codes: np.ndarray, scores: np.ndarray) -> float:
        """The logarithm of the marginal likelihood, up to a constant."""
        ...


class Acquisition(Protocol):
    """What an evaluation is worth, as a function of what is believed.

    One that has an argument ``uniform`` is given (B,) numbers in (0, 1), which are functions of the architectures and
    of the proposal's seed: all the randomness that there is.
    """

    def __call__(self, prediction: Prediction, best: float) -> np.ndarray:
        """(B,) values, larger is better. best: the best score so far."""
        ...


# What guides a generator: (B, S) codes -> (B,) values, larger is better.
Guidance = Callable[[np.ndarray], np.ndarray]


class Generator(Protocol):
    """Where candidates come from: always valid graphs of its space."""

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """n architectures of its own distribution."""
        ...

    def guided_sample(
        self, guidance: Guidance, rng: np.random.Generator, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distinct graphs, best first: (M, S) codes and (M,) values. starts: (K, S) codes of graphs to begin from."""
        ...


class Recorder(Protocol):
    """The one store of trials; each call is one transaction."""

    def history(self) -> History:
        """All trials so far."""
        ...

    def add(self, trials: Sequence[Trial]) -> None:
        """Write new trials, before their evaluation starts."""
        ...

    def finish(self, trial: Trial) -> None:
        """Write how a running trial ended."""
        ...
