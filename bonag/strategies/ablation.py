"""Baselines with parts of the default strategy, so that a contest tells what each part is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bonag.acquisition.improvement import LogExpectedImprovement
from bonag.acquisition.surrogate import Surrogate
from bonag.strategies.gp import SlotAndSubtreeProcess, plain_process
from bonag.strategies.gp_wl import SubtreeProcess, nas_bowl
from bonag.strategies.guided import GuidedGeneration, with_first_design
from loops.objective import Objective
from loops.protocols import Predictor
from search_spaces import SearchSpace


def gp_design(space: SearchSpace, objective: Objective) -> GuidedGeneration:
    """The strategy ``gp:design``: ``gp`` after the default strategy's first design."""
    return _with_design(plain_process(space, objective))


def gp_scores(space: SearchSpace, objective: Objective) -> GuidedGeneration:
    """The strategy ``gp:scores``: ``gp:design`` on the default strategy's scores in place of ranks."""
    return _with_scores(plain_process(space, objective), SlotAndSubtreeProcess(space, np.asarray))


def gp_wl_design(space: SearchSpace, objective: Objective) -> GuidedGeneration:
    """The strategy ``gp-wl:design``: ``gp-wl`` after the default strategy's first design."""
    return _with_design(nas_bowl(space, objective))


def gp_wl_scores(space: SearchSpace, objective: Objective) -> GuidedGeneration:
    """The strategy ``gp-wl:scores``: ``gp-wl:design`` on the default strategy's scores in place of ranks."""
    return _with_scores(nas_bowl(space, objective), SubtreeProcess(space, np.asarray))


def _with_design(strategy: GuidedGeneration) -> GuidedGeneration:
    return replace(with_first_design(strategy), name=f"{strategy.name}:design")


def _with_scores(strategy: GuidedGeneration, predictor: Predictor) -> GuidedGeneration:
    surrogate = Surrogate(strategy.space, strategy.objective, predictor, LogExpectedImprovement())
    return replace(with_first_design(strategy), name=f"{strategy.name}:scores", surrogate=surrogate)
