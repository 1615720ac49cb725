"""BORE of Syne Tune (Tiao et al., ICML 2021, *BORE: Bayesian Optimization by Density-Ratio Estimation*)."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

from bonag.strategies.peers.peer import Numbers, Peer, Told

# Random settings among which the classifier chooses, Syne Tune's default.
CANDIDATES = 500


class SyneTuneBore(Peer):
    """A classifier (XGBoost) of the best quarter of the trials chooses among 500 random settings.

    Six random architectures come first, as is its default. Running and failed trials are not told.
    """

    name = "syne-tune-bore"
    package, module = "syne-tune", "syne_tune"
    initial = 6

    def ask(self, told: Sequence[Told], seed: int) -> Generator[Numbers, None, None]:
        """Each time the best of other random settings."""
        from syne_tune.config_space import choice, ordinal
        from syne_tune.optimizer.schedulers.searchers.bore import Bore

        axes = {
            one.name: (ordinal if one.is_ordered else choice)(list(range(len(one.values)))) for one in self.parameters
        }
        # It looks for so many distinct ones, and complains where there are fewer.
        candidates = min(CANDIDATES, math.prod(len(one.values) for one in self.parameters))
        bore = Bore(axes, points_to_evaluate=[], random_seed=seed, feval_acq=candidates)
        for place, one in enumerate(told):
            if one.cost is not None:
                bore.on_trial_complete(place, dict(one.numbers), one.cost)
        while True:
            yield bore.suggest()
