"""The strategy ``bonag`` as a node of an Ax generation strategy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from ax.adapter.torch import TorchAdapter
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.experiment_status import ExperimentStatus
from ax.core.generator_run import GeneratorRun
from ax.core.observation import ObservationFeatures
from ax.core.types import TParameterization
from ax.exceptions.core import SearchSpaceExhausted
from ax.generation_strategy.external_generation_node import ExternalGenerationNode
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.generation_strategy.transition_criterion import TransitionCriterion
from ax.storage.json_store.decoder import object_from_json
from ax.storage.json_store.registry import CORE_DECODER_REGISTRY, CORE_ENCODER_REGISTRY

from bonag.ax.flat import architecture_of, check_parameters
from bonag.ax.objectives import objective_of
from bonag.ax.predictor import predicting_adapter
from bonag.ax.trials import completed_rows, trials_of
from bonag.device import resolve_device
from bonag.roles import ACQUISITIONS, PREDICTORS
from bonag.strategies.making import make_strategy
from loops.history import History, Trial, TrialStatus
from loops.loop import propose
from loops.objective import Objective
from loops.protocols import Strategy
from search_spaces import Architecture, get_space
from search_spaces.errors import UserError


class GuidedDiffusionNode(ExternalGenerationNode):
    """Proposes what ``bonag.AskTell`` proposes for the same seed and trials, to any Ax client.

    The experiment's parameters must be ``bonag.ax.parameters(space)``. Its objective, outcome constraints and objective
    thresholds are the strategy's; trials that run, and all else that Ax calls pending, count as running. A proposal
    is a function of the seed and the experiment's trials: nothing is kept, so that a loaded experiment goes on as it
    would have. Several arms, or trials, are proposed one after the other. There is no fallback: where the space has no
    more architectures, Ax's SearchSpaceExhausted is raised.

    Ax's predictions, cross-validation and analyses show bonag's predictor, one model per metric, in the metric's unit.

    space: name of a search space with a trained generator. seed, acquisition, predictor, device: as in
        ``bonag.search``. threads: that PyTorch uses for a proposal; it takes part in the last bits of a predictor.
    name, transition_criteria, suggested_experiment_status: as in Ax.
    Raises UserError.
    """

    def __init__(
        self,
        space: str = "mbv3",
        seed: int = 0,
        acquisition: str = "log-ei",
        predictor: str = "gp",
        device: str = "auto",
        threads: int = 1,
        name: str = "bonag",
        transition_criteria: Sequence[TransitionCriterion] | None = None,
        suggested_experiment_status: ExperimentStatus | None = None,
    ) -> None:
        super().__init__(
            name=name,
            suggested_experiment_status=suggested_experiment_status,
            # The strategy proposes nothing that has a trial; asked again, it would say the same.
            should_deduplicate=False,
            transition_criteria=transition_criteria,
        )
        # By default Ax takes a Sobol point where a node fails, and says so in the log only.
        self.fallback_specs = {}
        get_space(space)
        ACQUISITIONS.find(acquisition)
        PREDICTORS.find(predictor)
        self.space, self.seed, self.acquisition, self.predictor = space, seed, acquisition, predictor
        self.device, self.threads = device, threads
        # Of the generation step that is under way, from ``_fit`` to the last of its candidates.
        self._experiment: Experiment | None = None
        self._proposed: dict[str, dict[str, Any]] = {}
        self._adapter: tuple[Any, TorchAdapter] | None = None

    def update_generator_state(self, experiment: Experiment, data: Data) -> None:
        """Look at this experiment from now on."""
        self._experiment = experiment

    def get_next_candidate(self, pending_parameters: list[TParameterization]) -> TParameterization:
        """The parameters of the next architecture, in canonical form; raises SearchSpaceExhausted and UserError."""
        space = get_space(self.space)
        experiment = self._find_experiment()
        objective = objective_of(experiment.optimization_config)
        history = _with_pending(
            History(self._trials(experiment, objective).values()),
            [architecture_of(space, values, "a pending arm") for values in pending_parameters],
        )
        with _threads(self.threads):
            strategy = _strategy(self.space, objective, self.device, self.acquisition, self.predictor)
            proposed = propose(strategy, history, 1, self.seed)
        if not proposed:
            raise SearchSpaceExhausted(f"all {space.size} architectures of space '{space.name}' have a trial")
        (trial,) = proposed
        values = space.to_parameters(trial.architecture)
        self._proposed[str(trial.architecture)] = dict(trial.provenance)
        return dict(values)

    def _gen(  # type: ignore[override]  # as Ax's own subclass
        self,
        experiment: Experiment,
        data: Data | None = None,
        n: int | None = None,
        pending_observations: dict[str, list[ObservationFeatures]] | None = None,
        **generator_gen_kwargs: Any,
    ) -> GeneratorRun:
        fixed = generator_gen_kwargs.get("fixed_features")
        if fixed is not None and fixed.parameters:
            raise UserError(f"bonag holds no parameters fixed, as {dict(fixed.parameters)}: leave fixed_parameters out")
        self._experiment, self._proposed = experiment, {}
        run = super()._gen(experiment, data, n, pending_observations, **generator_gen_kwargs)
        space = get_space(self.space)
        names = {arm.signature: str(space.from_parameters(arm.parameters)) for arm in run.arms}  # type: ignore[arg-type]
        noted: dict[str, dict[str, Any] | None] = {
            signature: {**self._proposed[name], "architecture": name} for signature, name in names.items()
        }
        run._candidate_metadata_by_arm_signature = noted
        run._gen_metadata = next(iter(noted.values())) if len(noted) == 1 else {"architectures": list(names.values())}
        return run

    @property
    def _fitted_adapter(self) -> TorchAdapter | None:  # type: ignore[override]
        """bonag's predictor, fitted on the trials as they are now; None before there are two of them with data."""
        try:
            experiment = self._find_experiment()
        except ValueError:
            return None
        objective = objective_of(experiment.optimization_config)
        trials = self._trials(experiment, objective)
        done = [trial for trial in trials.values() if trial.status is TrialStatus.COMPLETED]
        if len(done) < 2:
            return None
        state = (id(experiment), objective, [(trial.architecture, trial.metrics) for trial in done])
        if self._adapter is None or self._adapter[0] != state:
            device = resolve_device(self.device)
            data = completed_rows(trials, experiment.lookup_data())
            with _threads(self.threads):
                made = predicting_adapter(
                    get_space(self.space), experiment, data, objective.signs, self.predictor, device
                )
            self._adapter = state, made
        return self._adapter[1]

    def _find_experiment(self) -> Experiment:
        """The experiment of this step, or of the generation strategy; raises ValueError where there is none yet."""
        return self._experiment or self.generation_strategy.experiment

    def _trials(self, experiment: Experiment, objective: Objective) -> dict[tuple[int, str], Trial]:
        space = get_space(self.space)
        check_parameters(space, experiment.search_space)
        return trials_of(space, experiment, experiment.lookup_data(), objective.metrics)

    @classmethod
    def deserialize_init_args(
        cls, args: dict[str, Any], decoder_registry: Any = None, class_decoder_registry: Any = None
    ) -> dict[str, Any]:
        """What Ax saved, as the arguments of the constructor."""
        registries = {"decoder_registry": decoder_registry, "class_decoder_registry": class_decoder_registry}
        given = {name: registry for name, registry in registries.items() if registry is not None}
        return {name: object_from_json(value, **given) for name, value in args.items()}


def generation_strategy(space: str = "mbv3", seed: int = 0, **options: Any) -> GenerationStrategy:
    """A generation strategy of a GuidedDiffusionNode alone, for ``Client.set_generation_strategy``; its arguments."""
    return GenerationStrategy(name="bonag", nodes=[GuidedDiffusionNode(space, seed, **options)])


def _to_json(node: GuidedDiffusionNode) -> dict[str, Any]:
    return {"__type": type(node).__name__, **GuidedDiffusionNode.serialize_init_args(node)}


# Ax's loaders, of JSON and of SQL, know the classes in these tables.
CORE_ENCODER_REGISTRY[GuidedDiffusionNode] = _to_json
CORE_DECODER_REGISTRY[GuidedDiffusionNode.__name__] = GuidedDiffusionNode


@lru_cache(maxsize=4)
def _strategy(space: str, objective: Objective, device: str, acquisition: str, predictor: str) -> Strategy:
    """The strategy, which takes a moment to load and remembers its latest fits."""
    return make_strategy("bonag", get_space(space), objective, device, acquisition=acquisition, predictor=predictor)


def _with_pending(history: History, architectures: Sequence[Architecture]) -> History:
    """The history with what is pending and has no trial yet, as running trials in that order."""
    new = [architecture for architecture in dict.fromkeys(architectures) if architecture not in history.seen]
    added = enumerate(new, start=len(history))
    return history.updated(*(Trial(index, architecture, TrialStatus.RUNNING) for index, architecture in added))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let PyTorch use so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
