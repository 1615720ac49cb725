"""What Ax predicts and analyses with is bonag's predictor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ax.adapter.torch import TorchAdapter
from ax.analysis.plotly.arm_effects import ArmEffectsPlot
from ax.analysis.plotly.cross_validation import CrossValidationPlot
from ax.core.analysis_card import AnalysisCardGroup, ErrorAnalysisCard

from bonag.acquisition.metric_models import MetricFitter
from bonag.ax import client, generation_strategy
from bonag.ax.predictor import BonagPredictor
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from search_spaces import get_space

SPACE = get_space("nb201")


@pytest.fixture
def history(metrics_of) -> History:
    """Completed trials, but for one."""
    architectures = list(dict.fromkeys(SPACE.sample(30, np.random.default_rng(1))))[:16]
    done = [
        Trial(index, architecture, TrialStatus.COMPLETED, metrics_of(architecture, "nb201"))
        for index, architecture in enumerate(architectures[:-1])
    ]
    return History([*done, Trial(len(done), architectures[-1], TrialStatus.FAILED, reason="out of memory")])


def shown(history: History, objective: Objective, **options):
    view = client(SPACE, history, objective)
    view.set_generation_strategy(generation_strategy("nb201", **options))
    return view


@pytest.mark.parametrize("goal", ["accuracy", "-accuracy"])
def test_predictions_are_those_of_the_strategys_model(history, goal):
    objective = Objective.parse(goal)
    view = shown(history, objective)
    others = SPACE.sample(50, np.random.default_rng(2))
    predicted = view.predict([SPACE.to_parameters(architecture) for architecture in others])
    values, sign = history.values("accuracy"), objective.goal.sign
    fitter = MetricFitter(SPACE, "accuracy", sign)
    model = fitter.fit(SPACE.codes([trial.architecture for trial in history.completed]), values)
    mean = model.predict(SPACE.codes(others)).mean
    # On the scale of the metric, which need not keep the order where spreads differ.
    believed = model.predict_values(SPACE.codes(others))
    expected, variance = believed.mean, believed.stddev**2
    assert [values["accuracy"][0] for values in predicted] == pytest.approx(expected)
    assert [values["accuracy"][1] ** 2 for values in predicted] == pytest.approx(variance)
    assert np.corrcoef(sign * mean, expected)[0, 1] > 0.9


def test_the_adapter_follows_the_trials(history):
    view = shown(History(history.trials[:1]), Objective.parse("accuracy"))
    strategy = view._generation_strategy
    strategy.experiment = view._experiment
    assert strategy.adapter is None
    for trial in history.trials[1:8]:
        index = view.attach_trial(SPACE.to_parameters(trial.architecture))
        view.complete_trial(index, {"accuracy": trial.metrics["accuracy"]})
    before = strategy.adapter
    assert isinstance(before, TorchAdapter)
    assert isinstance(before.generator, BonagPredictor)
    view.attach_trial(SPACE.to_parameters(history.trials[8].architecture))
    assert strategy.adapter is before
    view.complete_trial(8, {"accuracy": history.trials[8].metrics["accuracy"]})
    assert strategy.adapter is not before
    assert len(strategy.adapter.get_training_data().arm_data) == 9


def test_every_metric_is_predicted_and_failures_are_left_out(history):
    view = shown(history, Objective.parse(["accuracy", "-size"]))
    (predicted,) = view.predict([SPACE.to_parameters(history.trials[0].architecture)])
    assert set(predicted) == {"accuracy", "size"}
    assert predicted["size"][0] == pytest.approx(history.trials[0].metrics["size"], rel=0.3)


def test_what_the_space_counts_is_known(history):
    counted = History(
        replace(trial, metrics=dict(trial.metrics) | {"params": float(SPACE.costs(trial.architecture).params)})
        for trial in history.completed
    )
    view = shown(counted, Objective.parse("accuracy", ["params<=1e6"]))
    others = SPACE.sample(5, np.random.default_rng(3))
    predicted = view.predict([SPACE.to_parameters(architecture) for architecture in others])
    assert [values["params"][0] for values in predicted] == [SPACE.costs(a).params for a in others]


@pytest.mark.slow
def test_cross_validation_and_analyses_show_it(history):
    view = shown(history, Objective.parse("accuracy"))
    cards = view.compute_analyses([CrossValidationPlot(["accuracy"]), ArmEffectsPlot("accuracy")], display=False)
    flat = [card for group in cards for card in (group.flatten() if isinstance(group, AnalysisCardGroup) else [group])]
    assert not [card for card in flat if isinstance(card, ErrorAnalysisCard)]
    table = flat[0].df
    assert len(table) == len(history.completed)
    held = table.set_index("arm_name")
    observed, predicted = held.observed.to_numpy(), held.predicted.to_numpy()
    assert np.corrcoef(observed, predicted)[0, 1] > 0.3
    # Left out, a trial is not known: the prediction is not the model's of all trials.
    everything = view.predict([SPACE.to_parameters(trial.architecture) for trial in history.completed])
    assert np.abs(predicted - [values["accuracy"][0] for values in everything]).max() > 1e-3


@pytest.mark.slow
def test_the_best_trial_is_found_by_it(history):
    view = shown(history, Objective.parse("accuracy"))
    parameters, values, index, _ = view.get_best_parameterization()
    assert SPACE.from_parameters(parameters) == history.trials[index].architecture
    assert np.isfinite(values["accuracy"][0])


@pytest.mark.slow
def test_ensembles_are_trained_anew_for_each_fold(history):
    view = shown(history, Objective.parse("accuracy"), predictor="ensemble")
    (group,) = view.compute_analyses([CrossValidationPlot(["accuracy"], folds=2)], display=False)
    card, *_ = group.flatten()
    assert len(card.df) == len(history.completed)
