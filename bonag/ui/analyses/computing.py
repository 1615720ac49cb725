"""Computes one card: the work of the background process. Imports Ax where it is used."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING

from bonag.ui.analyses.catalogue import AX, BONAG, Card
from bonag.ui.analyses.values import Computed, Shown
from bonag.ui.loaded import loaded, loaded_client, loaded_view
from bonag.ui.source import Source
from bonag.ui.view import View
from bonag.ui.worker import report
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from ax.adapter.base import Adapter
    from ax.analysis.analysis import Analysis
    from ax.core.experiment import Experiment

FOLDS = 5
# Bar charts of marginal effects that are shown, those with the largest effects.
CHARTS = 12


def compute(source: Source, key: str, stamp: Hashable, card: Card) -> Computed:
    """The card of the experiment as it is now. What Ax raises becomes the card's problem, in plain words."""
    report("loading Ax")
    import ax  # noqa: F401

    from bonag.ui.sources.ax_untrusted import arithmetic_only

    report("reading the experiment")
    view = loaded_view(source, key, stamp)
    trials = len(view.history.completed)
    # What others wrote is data, also when Ax works on it.
    with arithmetic_only() if view.config is None else nullcontext():
        experiment = loaded_client(source, key, stamp)._experiment
        try:
            adapter = loaded((card.model, key, stamp), source, lambda: _adapter(card.model, view, experiment))
            target, note = _cut(experiment, card)
            report("computing")
            made, problem = _made(card, target, adapter)
        except UserError as error:
            made, problem, note = (), str(error), ""
        except Exception as error:  # of whatever kind Ax makes it
            made, problem, note = (), _plain(error), ""
    return Computed(made, problem, note, trials, version("ax-platform"))


def _made(card: Card, experiment: Experiment, adapter: Adapter | None) -> tuple[tuple[Shown, ...], str | None]:
    from bonag.ui.analyses.showing import shown, stored_texts

    stored = stored_texts(experiment)
    found: list[Shown] = []
    problem = None
    for analysis in _analyses(card, experiment):
        # Ax's own wrapper lets some exceptions through, and makes long traces of the others.
        problem = analysis.validate_applicable_state(experiment=experiment, adapter=adapter)
        if problem is None:
            with _quiet():
                found += shown(analysis.compute(experiment=experiment, adapter=adapter), stored)
    if card.analysis == "MarginalEffects":
        found = _largest(found)
    return tuple(found), None if found else problem or "Ax has nothing to show here."


def _analyses(card: Card, experiment: Experiment) -> Iterator[Analysis]:
    """Ax's analyses of a card; each may fail on its own grounds."""
    from ax.analysis.best_trials import BestTrials
    from ax.analysis.healthcheck.baseline_improvement import BaselineImprovementAnalysis
    from ax.analysis.healthcheck.metric_fetching_errors import MetricFetchingErrorsAnalysis
    from ax.analysis.plotly.arm_effects import ArmEffectsPlot
    from ax.analysis.plotly.constraint_feasibility import ConstraintFeasibilityPlot
    from ax.analysis.plotly.cross_validation import CrossValidationPlot
    from ax.analysis.plotly.marginal_effects import MarginalEffectsPlot
    from ax.analysis.plotly.p_feasible import PFeasiblePlot
    from ax.analysis.plotly.parallel_coordinates import ParallelCoordinatesPlot
    from ax.analysis.plotly.scatter import ScatterPlot
    from ax.analysis.plotly.sensitivity import SensitivityAnalysisPlot
    from ax.analysis.plotly.top_surfaces import TopSurfacesAnalysis
    from ax.analysis.plotly.utility_progression import UtilityProgressionAnalysis
    from ax.analysis.summary import Summary

    predicted = card.model != "observed"
    metric = card.metrics[-1] if card.metrics else ""
    match card.analysis:
        case "BestTrials":
            yield BestTrials()
        case "UtilityProgression":
            yield UtilityProgressionAnalysis()
        case "Scatter":
            config = experiment.optimization_config
            front = config is not None and config.is_moo_problem and {*card.metrics} <= {*config.objective.metric_names}
            x, y = card.metrics
            yield ScatterPlot(x, y, use_model_predictions=predicted, show_pareto_frontier=front)
        case "ArmEffects":
            yield ArmEffectsPlot(metric, use_model_predictions=predicted)
        case "ParallelCoordinates":
            yield ParallelCoordinatesPlot(metric)
        case "PFeasible":
            yield PFeasiblePlot(use_model_predictions=predicted)
        case "ConstraintFeasibility":
            yield ConstraintFeasibilityPlot()
        case "Health":
            yield BaselineImprovementAnalysis()
            yield MetricFetchingErrorsAnalysis()  # type: ignore[abstract]
        case "Summary":
            yield Summary()
        case "CrossValidation":
            yield CrossValidationPlot(metric_names=list(card.metrics), folds=FOLDS)
        case "MarginalEffects":
            yield MarginalEffectsPlot(metric)
        case "Sensitivity":
            yield SensitivityAnalysisPlot(metric)
        case "TopSurfaces":
            yield TopSurfacesAnalysis(metric)
        case name:
            raise ValueError(f"no analysis is called '{name}'")


def _adapter(model: str, view: View, experiment: Experiment) -> Adapter | None:
    """The model behind a card, fitted on the objective's metrics of the completed trials."""
    if model not in (BONAG, AX):
        return None
    from ax.core.data import Data
    from ax.core.trial_status import TrialStatus

    table = experiment.lookup_data().df
    done = {trial.index for trial in experiment.trials.values() if trial.status is TrialStatus.COMPLETED}
    known = set(experiment.optimization_config.metric_names) if experiment.optimization_config else set()
    wanted = known or set(view.objective.metrics)
    data = Data(df=table[table.metric_name.isin(wanted) & table.trial_index.isin(done)])
    if model == BONAG and view.space is not None:
        from bonag.ax.predictor import predicting_adapter

        report("fitting bonag's predictor")
        signs = {bound.metric: bound.sign for bound in view.objective.constraints}
        signs |= {goal.metric: goal.sign for goal in view.objective.goals}
        predictor = view.config.predictor if view.config else "gp"
        return predicting_adapter(view.space, experiment, data, signs, predictor)
    from ax.adapter.registry import Generators

    report("fitting Ax's Gaussian process")
    return Generators.BOTORCH_MODULAR(experiment=experiment, data=data)


def _cut(experiment: Experiment, card: Card) -> tuple[Experiment, str]:
    """The experiment, or where it is too large for the card, one of its last trials, and a word on that."""
    if card.recent is None or len(experiment.trials) <= card.recent:
        return experiment, ""
    last = sorted(experiment.trials)[-card.recent :]
    cut = experiment.clone_with(trial_indices=last)
    return cut, f"Of {len(experiment.trials)} trials, the last {card.recent}: Ax takes too long to draw all of them."


def _largest(found: list[Shown]) -> list[Shown]:
    """Of the charts of marginal effects, those with the largest ones."""
    import io

    import pandas as pd

    charts = [one for one in found if one.figure]
    if len(charts) <= CHARTS:
        return found
    sizes = {one.title: float(pd.read_csv(io.StringIO(one.csv))["Beta"].abs().max()) for one in charts}
    kept = set(sorted(sizes, key=lambda title: -sizes[title])[:CHARTS])
    return [one for one in found if not one.figure or one.title in kept]


@contextmanager
def _quiet() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _plain(error: Exception) -> str:
    text = " ".join(str(error).split())
    text = text if len(text) <= 300 else f"{text[:300]}..."
    return f"Ax could not compute it: {type(error).__name__}: {text}" if text else f"Ax raised {type(error).__name__}."
