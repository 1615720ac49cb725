"""What a run found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bonag.record.reading import RunSnapshot, space_of
from loops.config import RunConfig
from loops.history import History, Trial
from loops.loop import RunState
from search_spaces import Architecture, SearchSpace

if TYPE_CHECKING:
    import pandas as pd
    from ax import Client


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
        """The k best completed trials, best first; ties go to the earlier one."""
        return [Found.of(trial, self.space) for trial in self.objective.best(self.history, k)]

    @cached_property
    def best(self) -> Found | None:
        """The best completed trial, or None while there is none."""
        return next(iter(self.top(1)), None)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per trial; see ``History.frame``."""
        return self.history.frame()

    @cached_property
    def experiment(self) -> Client:
        """The run as an Ax ``Client``, made when first asked for (Ax takes seconds to import)."""
        from bonag.ax.view import client

        names = sorted(
            {name for trial in self.history.completed for name in trial.metrics}.union(self.objective.metrics)
        )
        return client(self.space, self.history, self.objective, names)

    def __repr__(self) -> str:
        lines = [f"Result of run '{self.config.name}' in {self.path}: {self._progress()}"]
        if self.best is not None:
            lines += [f"  best {self.objective.goal.metric}: {self._value(self.best)} (trial {self.best.trial})"]
            lines += [f"  {self.best.architecture}", f"  {self.best.params:,} params, {self.best.macs:,} MACs"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = {"run": f"{self.config.name} ({self._progress()})", "folder": str(self.path)}
        if self.best is not None:
            rows |= {f"best {self.objective.goal.metric}": f"{self._value(self.best)} (trial {self.best.trial})"}
            rows |= {"architecture": str(self.best.architecture)}
            rows |= {"params": f"{self.best.params:,}", "MACs": f"{self.best.macs:,}"}
        cells = "".join(f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in rows.items())
        return f"<table>{cells}</table>"

    def _progress(self) -> str:
        budget = "" if self.config.budget is None else f" of {self.config.budget}"
        return f"{self.state}, {len(self.history)}{budget} trials"

    def _value(self, found: Found) -> str:
        return f"{found.metrics[self.objective.goal.metric]:.6g}"
