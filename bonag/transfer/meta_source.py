"""What runs on several data sets say of one that they never saw, as one more source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bonag.predictors.schedule import informative_rows
from loops.fingerprint import Fingerprint
from loops.objective import Objective
from loops.source import Source
from search_spaces import SearchSpace
from search_spaces.errors import UserError

# What asks for it among the sources of a run.
META = "meta"
# Of fewer data sets nothing is learned of what differs between them.
LEAST = 5
# Architectures for which the source holds predictions.
MOST_ROWS = 256


def meta_source(
    space: SearchSpace, objective: Objective, sources: Sequence[Source], fingerprint: Fingerprint | None
) -> Source:
    """Predictions of the objective's first metric on the data set of that fingerprint.

    They are of architectures of the sources, which have fingerprints by the same network and the metric itself. Its
    labels are all of theirs. Raises UserError where these are fewer than ``LEAST``, or where there is no fingerprint.
    """
    metric = objective.goals[0].metric
    if fingerprint is None:
        raise UserError(f"transfer '{META}' needs an evaluator that shows its data set, as --evaluator train does")
    used = [one for one in sources if metric not in one.others and metric in one.values and _fits(one, fingerprint)]
    if len(used) < LEAST:
        raise UserError(
            f"transfer '{META}' learns from {LEAST} runs or more of {metric} whose data sets were looked at by "
            f"{fingerprint.network}, and {len(used)} are given"
        )
    from bonag.transfer.meta import Task, fit_meta

    sign = objective.signs[metric]
    tasks = [
        Task(one.fingerprint, space.codes(one.architectures), sign * one.values[metric])
        for one in used
        if one.fingerprint is not None
    ]
    architectures = list(dict.fromkeys(architecture for one in used for architecture in one.architectures))
    scores = fit_meta(space, tasks).predict(space.codes(architectures), fingerprint)
    kept = informative_rows(scores, MOST_ROWS)
    values = sign * _in_units(scores[kept], [task.values for task in tasks])
    name = f"data sets of {len(used)} runs"
    return Source(
        name, tuple(architectures[row] for row in kept), {metric: values}, {}, sum(one.labels for one in used)
    )


def _fits(source: Source, fingerprint: Fingerprint) -> bool:
    other = source.fingerprint
    if other is None or other.network != fingerprint.network:
        return False
    return other.statistics.shape[2] == fingerprint.statistics.shape[2]


def _in_units(scores: np.ndarray, values: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) scores on the mean scale of tasks' values: what has the mean, or so many spreads more, has that there."""
    centre, spread = np.mean([one.mean() for one in values]), np.mean([one.std() for one in values])
    scaled = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    return np.asarray(centre + spread * scaled)
