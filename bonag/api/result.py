"""What a run found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bonag.record.reading import RunSnapshot, space_of
from loops.config import RunConfig
from loops.history import History, Trial
from loops.loop import RunState
from loops.objective import Objective
from search_spaces import Architecture, SearchSpace

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from bonag.ax.view import Client


@dataclass(frozen=True)
class Found:
    """A completed trial with what its network costs.

    params: trainable parameters. macs: multiply-accumulates of one image. They are the evaluator's where it counts
    them, else those for the space's default classes and image size.
    """

    trial: int
    architecture: Architecture
    metrics: Mapping[str, float]
    params: int
    macs: int

    @classmethod
    def of(cls, trial: Trial, space: SearchSpace) -> Found:
        """The trial and the costs of its architecture."""
        costs = space.costs(trial.architecture)
        params, macs = (int(trial.metrics.get(name, getattr(costs, name))) for name in ("params", "macs"))
        return cls(trial.index, trial.architecture, dict(trial.metrics), params, macs)


class Result:
    """A run as its record had it when this was made.

    path: its folder. config, state, reason, description, history: see RunConfig, RunState and History.
    """

    def __init__(self, snapshot: RunSnapshot, space: SearchSpace | None = None) -> None:
        self.path: Path = snapshot.path
        self.config: RunConfig = snapshot.config
        self.state: RunState = snapshot.state
        self.reason: str | None = snapshot.reason
        self.live: bool = snapshot.live
        self.description: str = snapshot.description
        self.history: History = snapshot.history
        self.objective = snapshot.config.parsed_objective()
        self.space: SearchSpace = space or space_of(snapshot.config)

    def top(self, k: int) -> list[Found]:
        """The k best completed trials that meet the constraints, best first; ties go to the earlier one.

        Of several goals: trials of the front, chosen so that they spread over it; best by the first goal first.
        """
        return [Found.of(trial, self.space) for trial in best_trials(self.objective, self.history, k)]

    @cached_property
    def best(self) -> Found | None:
        """The best completed trial that meets the constraints, or None while there is none.

        Of several goals: that of the front which is best by the first.
        """
        return next(iter(self.top(1)), None)

    @cached_property
    def front(self) -> list[Found]:
        """The trials that meet the constraints and that no other one dominates, best by the first goal first."""
        return [Found.of(trial, self.space) for trial in self.objective.front(self.history)]

    @cached_property
    def nearest(self) -> Found | None:
        """While no trial meets the constraints: the completed one that breaks them least, if there is any."""
        if self.best is not None:
            return None
        return next((Found.of(trial, self.space) for trial in self.objective.best(self.history)), None)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per trial; see ``History.frame``. With constraints also ``feasible``, empty if not completed."""
        frame = self.history.frame()
        if self.objective.constraints:
            met = {trial.index: self.objective.admits(trial) for trial in self.history.completed}
            frame.insert(2, "feasible", [met.get(trial.index) for trial in self.history])
        return frame

    @cached_property
    def experiment(self) -> Client:
        """The run as an Ax ``Client``, made when first asked for (Ax takes seconds to import)."""
        from bonag.ax.view import client

        names = sorted(
            {name for trial in self.history.completed for name in trial.metrics}.union(self.objective.metrics)
        )
        return client(self.space, self.history, self.objective, names)

    def plot(self, what: str | None = None, x: str | None = None, y: str | None = None) -> go.Figure:
        """An interactive figure, in plotly's own default theme.

        what: ``progress``, ``pareto`` (of metrics x and y), or ``seconds`` (where the time went); by default the front
        where there are several goals, else progress. Raises UserError for another one, or an unknown metric.
        """
        from bonag.api.result_plot import result_plot

        return result_plot(self, what, x, y)

    def __repr__(self) -> str:
        lines = [f"Result of run '{self.config.name}' in {self.path}: {self._progress()}"]
        if self.best is not None:
            lines += [f"  {key}: {value}" for key, value in self._found(self.best).items()]
            lines += [f"  {self.best.architecture}", f"  {self.best.params:,} params, {self.best.macs:,} MACs"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from bonag.api.result_card import result_card

        return result_card(self)

    def _progress(self) -> str:
        budget = "" if self.config.budget is None else f" of {self.config.budget}"
        return f"{self.state}, {len(self.history)}{budget} trials"

    def _found(self, best: Found) -> dict[str, str]:
        metric = self.objective.goals[0].metric
        front = {"front": f"{len(self.front)} trials"} if len(self.objective.goals) > 1 else {}
        return front | {f"best {metric}": f"{best.metrics[metric]:.6g} (trial {best.trial})"}


def best_trials(objective: Objective, history: History, k: int) -> list[Trial]:
    """See ``Result.top``."""
    if len(objective.goals) == 1:
        return [trial for trial in objective.best(history, k) if objective.admits(trial)]
    front = objective.front(history)
    # The best by the first goal is among the ends of the front, which the order of all trials prefers.
    chosen = {trial.index for trial in [*front[:1], *objective.best(history, len(front))][: k + 1]}
    return [trial for trial in front if trial.index in chosen][:k]
