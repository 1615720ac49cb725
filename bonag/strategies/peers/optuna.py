"""Optuna's two samplers (Akiba et al., 2019, *Optuna: A Next-generation Hyperparameter Optimization Framework*)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Sequence
from typing import Any

from bonag.strategies.peers.peer import Numbers, Peer, Told


class Optuna(Peer):
    """A study in memory. Running trials are given as such, and failed ones too, which Optuna's samplers pass over."""

    package = module = "optuna"

    @abstractmethod
    def sampler(self, seed: int) -> Any:
        """With the defaults of its documentation."""

    def ask(self, told: Sequence[Told], seed: int) -> Generator[Numbers, None, None]:
        """One trial after the other, of which none ends."""
        import optuna
        from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
        from optuna.trial import TrialState, create_trial

        axes: dict[str, BaseDistribution] = {
            one.name: IntDistribution(0, len(one.values) - 1)
            if one.is_ordered
            else CategoricalDistribution(range(len(one.values)))
            for one in self.parameters
        }
        study = optuna.create_study(sampler=self.sampler(seed), direction="minimize")
        for one in told:
            ended = TrialState.COMPLETE if one.cost is not None else TrialState.FAIL
            state = TrialState.RUNNING if one.running else ended
            study.add_trial(create_trial(state=state, params=dict(one.numbers), distributions=axes, value=one.cost))
        while True:
            yield study.ask(axes).params


class OptunaTPE(Optuna):
    """The default sampler: tree-structured Parzen estimators of all parameters together."""

    name = "optuna-tpe"

    def sampler(self, seed: int) -> Any:
        """In Optuna 5 multivariate, with running trials taken for bad ones."""
        from optuna.samplers import TPESampler

        return TPESampler(seed=seed)


class OptunaGP(Optuna):
    """The Gaussian process: Matérn kernel, logarithm of the expected improvement."""

    name = "optuna-gp"

    def sampler(self, seed: int) -> Any:
        """Running trials count in the expected improvement of a batch."""
        from optuna.samplers import GPSampler

        return GPSampler(seed=seed, warn_independent_sampling=False)
