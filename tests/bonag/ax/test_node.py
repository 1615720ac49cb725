"""Any Ax client can have its candidates proposed by bonag's strategy, which stays what it is there."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from ax import Client
from ax.adapter.torch import TorchAdapter
from ax.api.configs import ChoiceParameterConfig, StorageConfig
from ax.core.generator_run import GeneratorRun
from ax.core.trial_status import TrialStatus as AxStatus
from ax.exceptions.core import SearchSpaceExhausted
from ax.generation_strategy.external_generation_node import ExternalGenerationNode
from ax.generation_strategy.generation_node import DEFAULT_FALLBACK, GenerationNode
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.storage.sqa_store.db import create_all_tables, get_engine, init_engine_and_session_factory

import bonag
from bonag.ax import GuidedDiffusionNode, client, generation_strategy, parameters
from bonag.ax.flat import architecture_of
from bonag.strategies.guided import GuidedGeneration
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import get_space
from search_spaces.errors import UserError

# After so many trials, one of which fails, proposals are guided.
FEW = GuidedGeneration.initial + 1


@pytest.fixture
def asked_and_told(metrics_of):
    """AskTell with the trials of ``make_client``."""

    def ask_and_tell(space: str, n: int, **options) -> bonag.AskTell:
        asked = bonag.AskTell(space=space, **options)
        for index, architecture in (pair for _ in range(n) for pair in asked.ask()):
            measured = metrics_of(architecture, space)
            if index % 5 == 4:
                asked.tell(index, failed="out of memory")
            else:
                asked.tell(index, {name: measured[name] for name in asked.objective.metrics})
        return asked

    return ask_and_tell


def architectures(view: Client, space: str) -> list:
    return [get_space(space).from_parameters(trial.arm.parameters) for trial in view._experiment.trials.values()]


@pytest.mark.parametrize("space", ["nb201", pytest.param("mbv3", marks=pytest.mark.slow)])
def test_it_proposes_what_ask_and_tell_does(make_client, asked_and_told, space):
    view = make_client(space, FEW + 1, seed=3)
    asked = asked_and_told(space, FEW + 1, seed=3)
    assert architectures(view, space) == [trial.architecture for trial in asked.history]
    # Two at once, the first of which counts as running for the second.
    together = view.get_next_trials(2)
    assert [get_space(space).from_parameters(values) for values in together.values()] == [
        architecture for _ in range(2) for _, architecture in asked.ask()
    ]
    origins = [trial.generator_run.gen_metadata["origin"] for trial in view._experiment.trials.values()]
    assert origins == [trial.provenance["origin"] for trial in asked.history]
    assert {"initial", "guided"} <= set(origins)


@pytest.mark.parametrize(
    ("objective", "constraints", "told"),
    [
        pytest.param("-accuracy", [], {"objective": "-accuracy"}, marks=pytest.mark.slow),
        ("accuracy", ["size <= 0.6"], {"objective": "accuracy", "constraints": ["size<=0.6"]}),
        pytest.param("accuracy, -size", [], {"objective": ["accuracy", "-size"]}, marks=pytest.mark.slow),
        (
            "accuracy, -size",
            ["accuracy >= 17.5", "size <= 1.2"],
            {"objective": ["accuracy", "-size"], "constraints": ["accuracy>=17.5", "size<=1.2"]},
        ),
    ],
)
def test_the_objective_is_the_experiments_own(make_client, asked_and_told, objective, constraints, told):
    view = make_client(n=FEW, objective=objective, constraints=constraints)
    assert architectures(view, "nb201") == [t.architecture for t in asked_and_told("nb201", FEW, **told).history]


@pytest.mark.slow
def test_a_proposal_follows_from_the_seed_and_the_trials(make_client, metrics_of):
    view = make_client(n=FEW)
    again = make_client()
    for trial in view._experiment.trials.values():
        index = again.attach_trial(trial.arm.parameters)
        if trial.status is AxStatus.FAILED:
            again.mark_trial_failed(index)
        else:
            again.complete_trial(index, metrics_of(architectures(view, "nb201")[index], "nb201") | {"size": 0.0})
    np.random.seed(1)  # noqa: NPY002  # what Ax's random_seed does, and what must not matter
    assert again.get_next_trials(1) == view.get_next_trials(1)
    assert make_client(n=2, seed=1).summarize().iloc[0].to_dict() != view.summarize().iloc[0].to_dict()


@pytest.mark.slow
def test_several_arms_of_one_trial_are_distinct_and_noted(make_client):
    view = make_client(n=FEW)
    experiment = view._experiment
    ((run,),) = view._generation_strategy.gen(experiment, n=3)
    names = [str(get_space("nb201").from_parameters(arm.parameters)) for arm in run.arms]
    assert len(set(names)) == 3
    assert run.gen_metadata == {"architectures": names}
    noted = run.candidate_metadata_by_arm_signature
    assert [noted[arm.signature]["architecture"] for arm in run.arms] == names
    # As a batch, in which one arm is given up, they count as running, and are not proposed again.
    batch = experiment.new_batch_trial(generator_runs=[run])
    batch.mark_running(no_runner_required=True)
    batch.mark_arm_abandoned(batch.arms[0].name)
    (following,) = view.get_next_trials(1).values()
    assert str(get_space("nb201").from_parameters(following)) not in names


def test_parameters_of_inactive_slots_do_not_matter(make_client):
    space = get_space("mbv3")
    shallow = space.parse("k3e3-k3e3|k3e3-k3e3|k3e3-k3e3|k3e3-k3e3|k3e3-k3e3")
    pinned = space.to_parameters(shallow)
    other = {**pinned, "kernel_1_4": 7, "expand_5_3": 6}
    assert architecture_of(space, other, "this") == shallow
    views = [make_client("mbv3"), make_client("mbv3")]
    for view, values in zip(views, (pinned, other), strict=True):
        view.complete_trial(view.attach_trial(values), {"accuracy": 1.0})
    assert views[0].get_next_trials(2) == views[1].get_next_trials(2)


@pytest.mark.slow
def test_saved_as_json_it_goes_on_as_it_would_have(make_client, tmp_path):
    view = make_client(n=FEW, seed=5, acquisition="ucb", threads=1, name="kept")
    path = str(tmp_path / "client.json")
    view.save_to_json_file(path)
    loaded = Client.load_from_json_file(path)
    node = loaded._generation_strategy.current_node
    assert isinstance(node, GuidedDiffusionNode)
    assert (node.space, node.seed, node.acquisition, node.predictor) == ("nb201", 5, "ucb", "gp")
    assert node.fallback_specs == {}
    assert loaded.get_next_trials(2) == view.get_next_trials(2)


@pytest.mark.slow
def test_stored_in_sql_it_goes_on_as_it_would_have(make_client, tmp_path):
    url = f"sqlite:///{tmp_path / 'ax.db'}"
    init_engine_and_session_factory(url=url, force_init=True)
    create_all_tables(get_engine())
    config = StorageConfig(url=url)
    view = make_client(n=FEW, seed=2, name="in sql", client=Client(storage_config=config))
    loaded = Client.load_from_database("in sql", storage_config=config)
    noted = [trial.generator_run.gen_metadata for trial in view._experiment.trials.values()]
    assert [trial.generator_run.gen_metadata for trial in loaded._experiment.trials.values()] == noted
    mine = make_client(n=FEW, seed=2)
    assert loaded.get_next_trials(2) == mine.get_next_trials(2)


def test_nothing_falls_back_to_sobol():
    node = GuidedDiffusionNode("nb201")
    assert DEFAULT_FALLBACK
    assert node.fallback_specs == {}


@pytest.mark.slow
def test_an_exhausted_space_is_an_error():
    space = get_space("nb201")
    flat = space.parameters()
    everything = product(*(parameter.values for parameter in flat))
    named = ({parameter.name: value for parameter, value in zip(flat, values, strict=True)} for values in everything)
    trials = [
        Trial(index, space.from_parameters(values), TrialStatus.FAILED, reason="no")
        for index, values in enumerate(named)
    ]
    view = client(space, History(trials), Objective.parse("accuracy"))
    view.set_generation_strategy(generation_strategy("nb201"))
    with pytest.raises(SearchSpaceExhausted, match="all 15625 architectures of space 'nb201' have a trial"):
        view.get_next_trials(1)


def test_what_cannot_be_is_said_in_one_line(make_client):
    with pytest.raises(UserError, match=r"unknown space 'nb210'.*nb201"):
        GuidedDiffusionNode("nb210")
    with pytest.raises(UserError, match=r"unknown acquisition 'log-ie'.*log-ei"):
        GuidedDiffusionNode("nb201", acquisition="log-ie")
    with pytest.raises(UserError, match="bonag holds no parameters fixed"):
        make_client().get_next_trials(1, fixed_parameters={"edge_1_0": "none"})
    with pytest.raises(UserError, match="not a sum of them"):
        make_client(objective="2 * accuracy - size").get_next_trials(1)
    with pytest.raises(UserError, match="not a sum as in"):
        make_client(constraints=["size + params <= 3"]).get_next_trials(1)


def changed(name: str, values: list) -> list:
    kept = [p for p in parameters("nb201") if p.name != "edge_1_0"]
    return [*kept, ChoiceParameterConfig(name=name, values=values, parameter_type="str", is_ordered=False)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (changed("edge_0_1", ["none", "skip_connect"]), "space 'nb201' has no parameter 'edge_0_1': did you mean"),
        (changed("edge_1_0", ["none", "skip_connect"]), "parameter 'edge_1_0' of space 'nb201' is a choice from"),
        (parameters("nb201")[1:], "parameter 'edge_1_0' of space 'nb201' is missing"),
        (parameters("mbv3"), "space 'nb201' has no parameter 'depth_1'"),
    ],
)
def test_parameters_of_another_space_are_refused(wrong, message):
    view = Client()
    view.configure_experiment(parameters=wrong)
    view.configure_optimization("accuracy")
    view.set_generation_strategy(generation_strategy("nb201"))
    with pytest.raises(UserError, match=message + r".*bonag\.ax\.parameters\('nb201'\)"):
        view.get_next_trials(1)


def test_ax_still_has_the_private_names_that_bonag_uses():
    assert callable(ExternalGenerationNode._gen)
    assert callable(GenerationNode._try_gen_with_fallback)
    assert isinstance(ExternalGenerationNode._fitted_adapter, property)
    run = GeneratorRun(arms=[])
    for name in ("_gen_metadata", "_candidate_metadata_by_arm_signature", "_generation_node_name", "_generator_key"):
        assert hasattr(run, name)
    assert hasattr(GenerationStrategy(nodes=[GuidedDiffusionNode("nb201")]), "_generator_runs")
    assert isinstance(Client._experiment, property)
    assert isinstance(Client._generation_strategy, property)
    assert callable(TorchAdapter._fit)
