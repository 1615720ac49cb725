"""Ax's analyses of an experiment, as plain values."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ax.adapter.base import Adapter
from ax.adapter.registry import Generators
from ax.analysis.analysis import Analysis
from ax.analysis.best_trials import BestTrials
from ax.analysis.healthcheck.baseline_improvement import BaselineImprovementAnalysis
from ax.analysis.healthcheck.healthcheck_analysis import HealthcheckAnalysisCard
from ax.analysis.healthcheck.metric_fetching_errors import MetricFetchingErrorsAnalysis
from ax.analysis.markdown.markdown_analysis import MarkdownAnalysisCard
from ax.analysis.plotly.arm_effects import ArmEffectsPlot
from ax.analysis.plotly.cross_validation import CrossValidationPlot
from ax.analysis.plotly.marginal_effects import MarginalEffectsPlot
from ax.analysis.plotly.p_feasible import PFeasiblePlot
from ax.analysis.plotly.plotly_analysis import PlotlyAnalysisCard
from ax.analysis.plotly.scatter import ScatterPlot
from ax.analysis.plotly.sensitivity import SensitivityAnalysisPlot
from ax.analysis.plotly.top_surfaces import TopSurfacesAnalysis
from ax.analysis.plotly.utility_progression import UtilityProgressionAnalysis
from ax.analysis.summary import Summary
from ax.core.analysis_card import (
    AnalysisCard,
    AnalysisCardBase,
    AnalysisCardGroup,
    ErrorAnalysisCard,
    NotApplicableStateAnalysisCard,
)
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.trial_status import TrialStatus

from bonag.ax.predictor import predicting_adapter
from loops.objective import Objective
from search_spaces import SearchSpace

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5


@dataclass(frozen=True)
class AxCard:
    """What one of Ax's cards holds. text, subtitle: Markdown. figure: a Plotly figure's JSON, or empty; else ``table``
    is to be shown, unless there is only text. status: of a health check."""

    title: str
    subtitle: str
    text: str = ""
    figure: str = ""
    table: pd.DataFrame | None = None
    status: str = ""


@dataclass(frozen=True)
class Analysed:
    """What became of an analysis. problem: why there is nothing, as Ax says it, or None."""

    cards: list[AxCard] = field(default_factory=list)
    problem: str | None = None


def analyse(
    name: str, metrics: Sequence[str], experiment: Experiment, adapter: Adapter | None, predicted: bool
) -> Analysed:
    """The analysis of this name; whatever Ax raises is raised. predicted: with the adapter's predictions."""
    cards: list[AxCard] = []
    problem = None
    for analysis in _analyses(name, metrics, experiment, predicted):
        # Ax's own wrapper lets some exceptions through, and makes long traces of the others.
        problem = analysis.validate_applicable_state(experiment=experiment, adapter=adapter)
        if problem is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                cards += _plain(analysis.compute(experiment=experiment, adapter=adapter))
    return Analysed(cards, None if cards else problem or "Ax has nothing to show here.")


def fit_adapter(
    experiment: Experiment, objective: Objective, space: SearchSpace | None, predictor: str | None
) -> Adapter:
    """A model of the objective's metrics, fitted on the completed trials.

    predictor: one of bonag's, for an experiment in one of its spaces; None for Ax's own Gaussian process.
    """
    table = experiment.lookup_data().df
    done = {trial.index for trial in experiment.trials.values() if trial.status is TrialStatus.COMPLETED}
    known = set(experiment.optimization_config.metric_names) if experiment.optimization_config else set()
    data = Data(df=table[table.metric_name.isin(known or {*objective.metrics}) & table.trial_index.isin(done)])
    if predictor is None or space is None:
        return Generators.BOTORCH_MODULAR(experiment=experiment, data=data)
    return predicting_adapter(space, experiment, data, objective.signs, predictor)


def last_trials(experiment: Experiment, count: int) -> Experiment:
    """The experiment with the last of its trials only."""
    return experiment.clone_with(trial_indices=sorted(experiment.trials)[-count:])


def stored_texts(experiment: Experiment) -> set[str]:
    """Every text in an experiment that somebody chose."""
    found = {experiment.name if experiment.has_name else "", experiment.description or "", *experiment.metrics}
    for parameter in experiment.search_space.parameters.values():
        found |= {parameter.name, *map(str, getattr(parameter, "values", ()))}
    for trial in experiment.trials.values():
        found.add(trial.status_reason or "")
        found |= {run._generation_node_name or run._generator_key or "" for run in trial.generator_runs}
        for arm in trial.arms:
            found |= {arm.name, *(value for value in arm.parameters.values() if isinstance(value, str))}
    return found - {""}


def _analyses(name: str, metrics: Sequence[str], experiment: Experiment, predicted: bool) -> Iterator[Analysis]:
    """Ax's analyses behind a name; each may fail on its own grounds."""
    metric = metrics[-1] if metrics else ""
    match name:
        case "BestTrials":
            yield BestTrials()
        case "UtilityProgression":
            yield UtilityProgressionAnalysis()
        case "Scatter":
            config = experiment.optimization_config
            front = config is not None and config.is_moo_problem and {*metrics} <= {*config.objective.metric_names}
            x, y = metrics
            yield ScatterPlot(x, y, use_model_predictions=predicted, show_pareto_frontier=front)
        case "ArmEffects":
            yield from (ArmEffectsPlot(one, use_model_predictions=predicted) for one in metrics)
        case "PFeasible":
            yield PFeasiblePlot(use_model_predictions=predicted)
        case "Health":
            yield BaselineImprovementAnalysis()
            yield MetricFetchingErrorsAnalysis()  # type: ignore[abstract]
        case "Summary":
            yield Summary()
        case "CrossValidation":
            yield CrossValidationPlot(metric_names=list(metrics), folds=FOLDS)
        case "MarginalEffects":
            yield MarginalEffectsPlot(metric)
        case "Sensitivity":
            yield SensitivityAnalysisPlot(metric)
        case "TopSurfaces":
            yield TopSurfacesAnalysis(metric)
        case _:
            raise ValueError(f"no analysis is called '{name}'")


def _plain(card: AnalysisCardBase) -> Iterator[AxCard]:
    """A card, or those of a group, the group's explanation first."""
    if not isinstance(card, AnalysisCardGroup):
        yield _one(card)  # type: ignore[arg-type]
        return
    if card.subtitle:
        yield AxCard(card.title, card.subtitle)
    yield from map(_one, card.flatten())


def _one(card: AnalysisCard) -> AxCard:
    if isinstance(card, PlotlyAnalysisCard) and not _is_table(card.blob):
        return AxCard(card.title, card.subtitle, figure=card.blob, table=card.df)
    if isinstance(card, HealthcheckAnalysisCard):
        return AxCard(card.title, card.subtitle, table=card.df, status=card.get_status().name.lower())
    if isinstance(card, MarkdownAnalysisCard):
        return AxCard(card.title, card.subtitle, text=card.get_markdown())
    if isinstance(card, ErrorAnalysisCard | NotApplicableStateAnalysisCard):
        last = next((line.strip() for line in reversed(card.blob.splitlines()) if line.strip()), "")
        return AxCard(card.title, last or card.subtitle)
    return AxCard(card.title, card.subtitle, table=card.df)


def _is_table(blob: str) -> bool:
    """Whether a figure is a table, which is better shown as one."""
    traces = json.loads(blob).get("data") or []
    return bool(traces) and all(trace.get("type") == "table" for trace in traces)
