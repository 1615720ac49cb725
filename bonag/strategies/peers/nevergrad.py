"""Nevergrad (Rapin and Teytaud, 2018, *Nevergrad: A gradient-free optimization platform*)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from bonag.strategies.peers.peer import Numbers, Peer, Told


class Nevergrad(Peer):
    """What its documentation names for discrete parameters: a (1+1) evolution with a mutation rate drawn each time.

    It knows one parent, the best so far. So it is told the best trial, and nothing of the others, which would take
    seconds.
    """

    name = "nevergrad"
    package = module = "nevergrad"

    def ask(self, told: Sequence[Told], seed: int) -> Generator[Numbers, None, None]:
        """Mutants of the best."""
        import nevergrad

        axes = nevergrad.p.Dict(
            **{
                one.name: nevergrad.p.TransitionChoice(len(one.values), ordered=one.is_ordered)
                for one in self.parameters
            }
        )
        axes.random_state = np.random.RandomState(seed)
        optimiser = nevergrad.optimizers.PortfolioDiscreteOnePlusOne(axes)
        cost, best = min(((one.cost, one.numbers) for one in told if one.cost is not None), key=lambda pair: pair[0])
        optimiser.suggest(dict(best))
        optimiser.tell(optimiser.ask(), cost)
        while True:
            yield optimiser.ask().value
