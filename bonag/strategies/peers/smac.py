"""SMAC3 (Lindauer et al., JMLR 2022, *SMAC3: A Versatile Bayesian Optimization Package*)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from bonag.strategies.peers.peer import Numbers, Peer, Told

# What SMAC refuses to go beyond.
ENDLESS = 10**9


class Smac(Peer):
    """Its facade for hyperparameters: a random forest, logarithm of the expected improvement, one in five random.

    Its Sobol design is left out for the ten random architectures, since its size depends on a budget. A failed trial
    has crashed at the worst cost so far; running ones are not asked for again, and that is all.
    """

    name = "smac"
    package = module = "smac"

    def ask(self, told: Sequence[Told], seed: int) -> Generator[Numbers, None, None]:
        """Up to eight from one forest, as is its default; ends when it finds no more settings."""
        from ConfigSpace import CategoricalHyperparameter, Configuration, ConfigurationSpace, OrdinalHyperparameter
        from joblib import parallel_config
        from smac import HyperparameterOptimizationFacade, Scenario
        from smac.main.exceptions import ConfigurationSpaceExhaustedException
        from smac.runhistory import StatusType, TrialInfo, TrialValue

        axes = ConfigurationSpace(seed=seed)
        for axis in self.parameters:
            kind = OrdinalHyperparameter if axis.is_ordered else CategoricalHyperparameter
            axes.add(kind(axis.name, list(range(len(axis.values)))))
        # Forests sum up their trees in parallel otherwise, in any order.
        with TemporaryDirectory() as folder, parallel_config(backend="sequential"):
            scenario = Scenario(axes, output_directory=Path(folder), deterministic=True, n_trials=ENDLESS, seed=seed)
            trials = [(TrialInfo(Configuration(axes, values=dict(one.numbers)), seed=0), one) for one in told]
            smac = HyperparameterOptimizationFacade(
                scenario,
                initial_design=HyperparameterOptimizationFacade.get_initial_design(
                    scenario, n_configs=0, additional_configs=[trials[0][0].config]
                ),
                logging_level=False,
                overwrite=True,
            )
            worst = max(one.cost for one in told if one.cost is not None)
            for info, one in trials:
                if one.running:
                    smac.runhistory.add_running_trial(info)
                elif one.cost is not None:
                    smac.tell(info, TrialValue(one.cost), save=False)
                else:
                    smac.tell(info, TrialValue(worst, status=StatusType.CRASHED), save=False)
            with suppress(ConfigurationSpaceExhaustedException):
                while True:
                    yield {name: int(number) for name, number in smac.ask().config.items()}
