"""Hyperopt's TPE (Bergstra et al., ICML 2013, *Making a Science of Model Search*)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from bonag.strategies.peers.peer import Numbers, Peer, Told


class Hyperopt(Peer):
    """Tree-structured Parzen estimators, each parameter for itself; 20 random ones first, as is its default.

    Running and failed trials have no loss, and count among the bad ones.
    """

    name = "hyperopt"
    package = module = "hyperopt"
    initial = 20

    def ask(self, told: Sequence[Told], seed: int) -> Generator[Numbers, None, None]:
        """One trial after the other, of which none ends."""
        from hyperopt import STATUS_FAIL, STATUS_NEW, STATUS_OK, Trials, hp, tpe
        from hyperopt.base import JOB_STATE_DONE, JOB_STATE_RUNNING, Domain

        axes = {
            one.name: hp.quniform(one.name, -0.5, len(one.values) - 0.5, 1)
            if one.is_ordered
            else hp.choice(one.name, list(range(len(one.values))))
            for one in self.parameters
        }
        domain, trials = Domain(lambda _: 0.0, axes), Trials()

        def insert(document: dict[str, Any]) -> None:
            """Into what it knows, at once."""
            trials.insert_trial_doc(document)
            trials.refresh()

        for place, one in enumerate(told):
            result = {"status": STATUS_OK, "loss": one.cost} if one.cost is not None else {"status": STATUS_FAIL}
            misc = {"tid": place, "cmd": domain.cmd, "workdir": domain.workdir}
            misc |= {"idxs": {name: [place] for name in axes}, "vals": {k: [v] for k, v in one.numbers.items()}}
            (document,) = trials.new_trial_docs(
                [place], [None], [{"status": STATUS_NEW} if one.running else result], [misc]
            )
            insert(document | {"state": JOB_STATE_RUNNING if one.running else JOB_STATE_DONE})
        while True:
            place = len(trials.trials)
            (document,) = tpe.suggest([place], domain, trials, seed + place, verbose=False)
            insert(document)
            yield {name: abs(round(values[0])) for name, values in document["misc"]["vals"].items()}
