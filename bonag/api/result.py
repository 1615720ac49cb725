"""What a run found."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bonag.api.found import Findings, Found
from bonag.evaluators.registry import units_of_run
from bonag.names import FigureName
from bonag.record.note_rows import Notes, add_notes
from bonag.record.reading import RunSnapshot
from loops.config import RunConfig
from loops.counting import count_words
from loops.ending import RunState
from loops.metric_units import amount
from loops.source import Source
from search_spaces.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from bonag.ax.view import Client
    from bonag.training.weights import TrainedNetwork


class Result(Findings):
    """A run as its record had it when this was made.

    path: its folder. space: at the size of the networks that were evaluated. config, state, reason, description,
    history: see RunConfig, RunState and History. sources: what it learns from beforehand, as it was when the run began.
    notes: text and tags that people wrote about trials, by index; under None about the run.
    """

    def __init__(self, snapshot: RunSnapshot) -> None:
        self._snapshot = snapshot
        self.path: Path = snapshot.path
        self.config: RunConfig = snapshot.config
        self.state: RunState = snapshot.state
        self.reason: str | None = snapshot.reason
        self.live: bool = snapshot.live
        self.description: str = snapshot.description
        self.notes: Notes = snapshot.notes
        self.sources: tuple[Source, ...] = snapshot.sources
        super().__init__(snapshot.history, snapshot.config.parsed_objective(), snapshot.space)

    @property
    def units(self) -> Mapping[str, str]:
        """By metric, the units that the evaluator tells; see ``loops.metric_units`` for those that names tell."""
        return units_of_run(self.config, self._snapshot.units, {*self.objective.metrics, *self.history.metrics})

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per trial; see ``History.frame``. With constraints also ``feasible``, empty if not completed.

        With notes also ``tags`` and ``note``.
        """
        frame = self.history.frame()
        if self.objective.constraints:
            met = {trial.index: self.objective.admits(trial) for trial in self.history.completed}
            frame.insert(2, "feasible", [met.get(trial.index) for trial in self.history])
        add_notes(frame, self.notes)
        return frame

    @cached_property
    def experiment(self) -> Client:
        """The run as an Ax ``Client``, made when first asked for (Ax takes seconds to import)."""
        from bonag.ax.view import client

        names = sorted(
            {name for trial in self.history.completed for name in trial.metrics}.union(self.objective.metrics)
        )
        return client(self.space, self.history, self.objective, names)

    def trained(self, trial: int | None = None) -> TrainedNetwork:
        """The network of a trial, by default the best one, with the weights of its evaluation; raises UserError.

        Only runs that train networks, or cut them from a supernet, have weights. ``build`` of any space makes networks
        with fresh ones. In this example both learn from random images:

        >>> import bonag, torch
        >>> tiny = ["channels=4", "cells=1", "epochs=1", "images=200"]
        >>> result = bonag.search("nb201", evaluator="train", dataset="digits", hyperparameters=tiny, budget=2)
        >>> trained = result.trained()  # digits are images of 8 pixels, and of 10 classes
        >>> fine_tuned = trained.build()
        >>> fresh = result.space.build(result.best.architecture, num_classes=3)  # for other data, of usual width
        >>> images = torch.rand(16, 3, trained.image_size, trained.image_size)
        >>> images = (images - torch.tensor(trained.mean)[:, None, None]) / torch.tensor(trained.stddev)[:, None, None]
        >>> for network in (fine_tuned, fresh):
        ...     optimiser = torch.optim.AdamW(network.train().parameters(), lr=1e-4)
        ...     for step in range(2):
        ...         optimiser.zero_grad()
        ...         torch.nn.functional.cross_entropy(network(images), torch.arange(16) % 3).backward()
        ...         optimiser.step()
        >>> fine_tuned(images).shape, fresh(images).shape
        (torch.Size([16, 10]), torch.Size([16, 3]))
        """
        from bonag.training.weights import read_trained, trial_file

        if trial is None:
            if self.best is None:
                raise UserError(f"run '{self.config.name}' has no completed trial yet: name one")
            trial = self.best.trial
        path = trial_file(self.path, trial)
        if not path.is_file():
            raise UserError(
                f"trial {trial} of run '{self.config.name}' has no trained network: choose another one, or train it by "
                "`bonag test --epochs N`"
            )
        return read_trained(path, self.space)

    def plot(self, what: FigureName | str | None = None, x: str | None = None, y: str | None = None) -> go.Figure:
        """An interactive figure, in plotly's own default theme.

        what: ``progress``, ``pareto`` (of metrics x and y), or ``seconds`` (where the time went); by default the front
        where there are several goals, else progress. Raises UserError for another one, or an unknown metric.
        """
        from bonag.api.result_plot import result_plot

        return result_plot(self.history, self.objective, what, x, y)

    def __repr__(self) -> str:
        lines = [f"Result of run '{self.config.name}' in {self.path}: {self._describe_progress()}"]
        if self.best is not None:
            lines += [f"  {key}: {value}" for key, value in self._describe(self.best).items()]
            lines += [f"  {self.best.architecture}"]
            if self.best.params is not None and self.best.macs is not None:
                lines += [f"  {self.best.params:,} params, {self.best.macs:,} MACs"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from bonag.api.result_card import result_card

        return result_card(self, self._snapshot)

    def _describe_progress(self) -> str:
        return f"{self.state}, {count_words(self.history, self.config.budget)}"

    def _describe(self, best: Found) -> dict[str, str]:
        metric = self.objective.goals[0].metric
        front = {"front": f"{len(self.front)} trials"} if len(self.objective.goals) > 1 else {}
        return front | {
            f"best {metric}": f"{amount(metric, best.metrics[metric], units=self.units)} (trial {best.trial})"
        }
