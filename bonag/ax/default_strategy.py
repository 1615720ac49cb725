"""Ax's own default strategy, as a strategy of bonag: a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
from ax import Client
from ax.core.generator_run import GeneratorRun
from ax.core.types import TParameterization
from ax.utils.common.random import with_rng_seed

from bonag.ax.flat import parameters
from bonag.ax.objectives import configure_objective
from bonag.ax.view import attach
from loops.history import History
from loops.objective import Objective
from loops.protocols import Proposal
from loops.strategies.fresh import fresh
from search_spaces import Architecture, SearchSpace

# So often Ax is asked anew where it proposes what has a trial.
TRIES = 3
_SOBOL = "Sobol"


class AxDefault:
    """What ``Client.configure_generation_strategy()`` chooses, on the space's flat parameters.

    In Ax 1.3.1 that is the centre of the space, four Sobol points, and then BoTorch's modular Bayesian optimisation: a
    Gaussian process per metric and (noisy, log) expected improvement, or hypervolume improvement for several goals.
    The experiment is made anew from the history for each proposal; the Sobol sequence is the one that the history's
    first trial names in its provenance. Two things differ: a batch may be larger than what Ax would start before it has
    data, and an architecture that has a trial in canonical form, whatever its inactive parameters say, is asked for
    again and in the end replaced by a random one (origin ``random``), as it would tell nothing.
    """

    name = "ax"

    def __init__(self, space: SearchSpace, objective: Objective) -> None:
        self.space, self.objective = space, objective

    def propose(self, history: History, n: int, rng: np.random.Generator) -> list[Proposal]:
        """n unseen architectures; fewer only if the space has no more."""
        n = min(n, self.space.size - len(history.seen))
        sobol_seed = next((t.provenance["sobol_seed"] for t in history if "sobol_seed" in t.provenance), None)
        sobol_seed = int(rng.integers(2**31)) if sobol_seed is None else int(sobol_seed)
        position = sum(trial.provenance.get("origin") == _SOBOL for trial in history)
        found: dict[Architecture, Proposal] = {}
        for _ in range(TRIES):
            if len(found) == n:
                break
            runs = self._ask(history, n - len(found), sobol_seed, position, seed=int(rng.integers(2**31)))
            position += sum(run._generation_node_name == _SOBOL for run in runs)
            for run in runs:
                architecture = self._architecture(run.arms[0].parameters)
                if architecture not in history.seen and architecture not in found:
                    found[architecture] = Proposal(architecture, self._provenance(run, sobol_seed))
        taken = {*history.seen, *found}
        rest = [Proposal(a, {"origin": "random"}) for a in fresh(self.space, taken, n - len(found), rng)]
        return [*found.values(), *rest]

    def _ask(self, history: History, n: int, sobol_seed: int, position: int, seed: int) -> list[GeneratorRun]:
        """What Ax generates next."""
        client = Client()
        client.configure_experiment(parameters=parameters(self.space), name="default")
        configure_objective(client, self.objective)
        client.configure_tracking_metrics(
            sorted({name for trial in history for name in trial.metrics} - {*self.objective.metrics})
        )
        attach(self.space, client._experiment, history)
        client.configure_generation_strategy(
            initialization_random_seed=sobol_seed, allow_exceeding_initialization_budget=True
        )
        strategy = client._generation_strategy
        if position:
            # How Ax itself goes on with a Sobol sequence.
            last = GeneratorRun(arms=[], generator_key=_SOBOL, generator_state_after_gen={"init_position": position})
            last._generation_node_name = _SOBOL
            strategy._generator_runs.append(last)
        # Move to the node that this many trials have led to; a step of generation moves by one node at most.
        strategy.experiment = client._experiment
        strategy.current_generator_run_limit()
        with with_rng_seed(seed):
            batch = strategy.gen(client._experiment, n=1, num_trials=n)
        return [run for runs in batch for run in runs]

    def _architecture(self, values: TParameterization) -> Architecture:
        return self.space.from_parameters(values)  # type: ignore[arg-type]

    def _provenance(self, run: GeneratorRun, sobol_seed: int) -> dict[str, Any]:
        """origin: Ax's name of the node; generator: of what it ran, which is another one where the node fell back."""
        node = run._generation_node_name
        return {"origin": node, "generator": run._generator_key, "sobol_seed": sobol_seed}
