"""What all optimisers of other packages share: the flat parameters, what they are told, and only new proposals."""

from __future__ import annotations

import logging
import random
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from loops.history import History, TrialStatus
from loops.objective import Objective
from loops.protocols import Proposal
from loops.strategies.fresh import fresh
from search_spaces import Architecture, InvalidArchitectureError, SearchSpace
from search_spaces.errors import UserError

# After so many answers in a row that are known, or no architectures, an optimiser is not asked any more.
TRIES = 10

# By parameter, the number of its value.
Numbers = Mapping[str, int]


@dataclass(frozen=True)
class Told:
    """What an optimiser hears of a trial.

    numbers: the architecture. cost: less is better; None unless it is completed. running: whether it still runs; else
    one without a cost has failed.
    """

    numbers: Numbers
    cost: float | None
    running: bool = False


class Peer(ABC):
    """An optimiser of another package, on a space's flat parameters, made anew from the history for each proposal.

    A parameter is the number of its value: a whole number where its values are ordered, else a category. The first
    ``initial`` architectures are random ones of the space, so that all optimisers begin alike. What the optimiser asks
    for and has a trial already, or is no architecture, is asked for again, and in the end replaced by a random one
    (origin ``random``). Constraints count as ``Objective.scores`` says. Raises UserError for several goals, and where
    the package is not installed.

    name: of the strategy. package: what pip calls the package. module: what Python calls it.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    module: ClassVar[str]
    initial: ClassVar[int] = 10

    def __init__(self, space: SearchSpace, objective: Objective) -> None:
        if len(objective.goals) > 1:
            raise UserError(f"strategy '{self.name}' takes one objective: keep one, or take 'bonag'")
        if find_spec(self.module) is None:
            raise UserError(f"strategy '{self.name}' needs the package {self.package}: pip install 'bonag[peers]'")
        self.space, self.objective = space, objective
        self.parameters = space.parameters()

    @abstractmethod
    def ask(self, told: Sequence[Told], seed: int) -> Generator[Numbers, None, None]:
        """What to evaluate next, as long as there is more; what was asked for before counts as running.

        told: the trials that ended, in that order, at least one of them completed, and then those that run. seed: 32
        bits.
        """

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n unseen architectures; fewer only if the space has no more."""
        n = min(n, self.space.size - len(history.seen))
        missing = max(0, self.initial - len(history.completed) - len(history.pending))
        proposals = self._random(history.seen, min(n, missing) if history.completed else n, rng)
        if len(proposals) < n:
            first = [proposal.architecture for proposal in proposals]
            taken = {*history.seen, *first}
            seed = int(rng.integers(2**32))
            with _seeded(seed), closing(self.ask(self._told(history, first), seed)) as asked:
                found = self._new(asked, taken, n - len(proposals))
            proposals += [Proposal(architecture, {"origin": "optimiser"}) for architecture in found]
            proposals += self._random(taken.union(found), n - len(proposals), rng)
        return proposals

    def _random(self, taken: Iterable[Architecture], n: int, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal(architecture, {"origin": "random"}) for architecture in fresh(self.space, set(taken), n, rng)]

    def _told(self, history: History, begun: Sequence[Architecture]) -> list[Told]:
        """The trials that say something, and those that run or are about to."""
        costs = iter((-self.objective.scores(history)).tolist())
        told = [
            Told(self._numbers(trial.architecture), next(costs) if trial.status is TrialStatus.COMPLETED else None)
            for trial in history.judged
        ]
        running = [*(trial.architecture for trial in history.pending), *begun]
        return [*told, *(Told(self._numbers(architecture), None, running=True) for architecture in running)]

    def _numbers(self, architecture: Architecture) -> Numbers:
        values: Mapping[str, Any] = self.space.to_parameters(architecture)
        return {one.name: list[Any](one.values).index(values[one.name]) for one in self.parameters}

    def _new(self, asked: Iterator[Numbers], taken: set[Architecture], n: int) -> list[Architecture]:
        """The first n of those asked for that are not taken; fewer where there are none for ``TRIES`` times."""
        found: dict[Architecture, None] = {}
        tries = 0
        while len(found) < n and tries < TRIES and (numbers := next(asked, None)) is not None:
            tries += 1
            with suppress(InvalidArchitectureError):
                architecture = self._architecture(numbers)
                if architecture not in taken and architecture not in found:
                    found[architecture] = None
                    tries = 0
        return list(found)

    def _architecture(self, numbers: Numbers) -> Architecture:
        return self.space.from_parameters({one.name: one.values[int(numbers[one.name])] for one in self.parameters})


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Meanwhile global random numbers follow the seed, and only errors are logged."""
    ours, theirs, level = random.getstate(), np.random.get_state(), logging.root.manager.disable  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    logging.disable(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        random.setstate(ours)
        np.random.set_state(theirs)  # noqa: NPY002
