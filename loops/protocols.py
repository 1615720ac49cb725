"""The contracts of the roles: what a part has to be, and nothing else is ever asked of it.

``search_spaces.SearchSpace`` is the seventh of them. What only some parts can do is a small protocol of its own, named
after what it can; who needs it asks for it by its method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from loops.fingerprint import Fingerprint
from loops.history import History, Trial
from search_spaces import Architecture, NetworkSize


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


class RunningTrial(Protocol):
    """What an evaluation is given beside its architecture; see ``bonag.running_trial``.

    index: of the trial. seed: drives whatever is random in the evaluation, 32 bits. space: that of the architecture.
    stopped: whether it is to end early. known: metrics that go into the record with whatever is reported.
    """

    index: int
    seed: int
    space: Any
    stopped: bool
    known: dict[str, float]

    @property
    def folder(self) -> Path:
        """The trial's own folder."""
        ...

    @property
    def device(self) -> str:
        """``cuda`` or ``cpu``."""
        ...

    def epochs(self, n: int) -> Iterator[int]:
        """The epochs that are still to do, of n."""
        ...

    def report(self, step: int | None = None, **metrics: float) -> bool:
        """Put metrics into the record; returns whether to go on."""
        ...

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep a state."""
        ...

    def load(self) -> dict[str, Any] | None:
        """What was kept last, or None."""
        ...


class Evaluator(Protocol):
    """Architecture -> metrics.

    metrics: the names that every result holds.
    description: one plain paragraph on what the numbers are and are not.
    """

    metrics: tuple[str, ...]
    description: str

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> Mapping[str, float]:
        """The metrics by name; any exception is a failed trial."""
        ...


class Sized(Protocol):
    """An evaluator that says which networks it measures. Those of others are taken for the space's own.

    What is counted, drawn and exported of a run's architectures are these networks.
    """

    network_size: NetworkSize


class Measuring(Protocol):
    """An evaluator that says in which units, by metric; of others bonag knows those that the metrics' names tell."""

    units: Mapping[str, str]


class Fingerprinted(Protocol):
    """An evaluator that can say what the data it trains on look like; runs keep that, and later ones learn from it."""

    def fingerprint(self) -> Fingerprint | None:
        """That of the training images; None where the user wants none."""
        ...


@dataclass(frozen=True)
class Job:
    """One evaluation to run: trial index, architecture, the seed of that trial, and its folder, if the run has one."""

    index: int
    architecture: Architecture
    seed: int
    folder: Path | None = None


@dataclass(frozen=True)
class Report:
    """What a trial that still runs says of itself: metrics at a step, which counts epochs or whatever it likes."""

    index: int
    step: int
    metrics: Mapping[str, object]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: metrics, or the reason of its failure.

    stopped: whether it ended early because it was told to. died: whether it ended with the process that it ran in, so
    that it may be tried again. output: the last lines that it printed.
    """

    index: int
    metrics: Mapping[str, float] | None
    reason: str | None
    seconds: float
    stopped: bool = False
    died: bool = False
    output: str | None = None


class Executor(Protocol):
    """Runs evaluations somewhere."""

    def run(self, evaluator: Evaluator, jobs: Iterable[Job], report: Callable[[Report], bool]) -> Iterator[Outcome]:
        """Yield one outcome per job as it ends, in any order; an exception in an evaluation is an outcome.

        A job is taken from ``jobs`` only when it can start, because which one comes next depends on all that ended
        before; they may run out early. report: called with each report, in the thread of the caller, as it comes; false
        tells the evaluation to end early.
        """
        ...

    def close(self) -> None:
        """Free what the executor holds, and end what still runs."""
        ...


class StopRule(Protocol):
    """Decides which trials are not worth their remaining epochs: a pure function of all curves so far."""

    def stops(self, history: History, trial: Trial) -> bool:
        """Whether the trial, which is running and has just reported the last point of its curve, should end here."""
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

    def report(self, trial: Trial) -> None:
        """Write the last point of a running trial's curve."""
        ...

    def try_again(self, trial: Trial) -> None:
        """Write that an evaluation of a running trial ended with its process."""
        ...

    def finish(self, trial: Trial) -> None:
        """Write how a running trial ended."""
        ...
