"""What a run maximises or minimises."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from loops.history import History, Trial


@dataclass(frozen=True)
class Objective:
    """One metric, maximised, or minimised if its text starts with a minus (``-latency_note10``)."""

    metric: str
    maximise: bool = True

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read ``metric`` or ``-metric``; raises ValueError."""
        match = re.fullmatch(r"(-?)([A-Za-z_][\w.-]*)", text.strip())
        if match is None:
            raise ValueError(f"objective '{text}' is not a metric name, nor one with a minus before it to minimise it")
        return cls(metric=match[2], maximise=not match[1])

    def __str__(self) -> str:
        return self.metric if self.maximise else f"-{self.metric}"

    @property
    def sign(self) -> float:
        """+1 if larger is better, else -1."""
        return 1.0 if self.maximise else -1.0

    def scores(self, history: History) -> np.ndarray:
        """The objective of the completed trials, so that larger is better: (n,) float64."""
        return self.sign * history.values(self.metric)

    def best(self, history: History, k: int = 1) -> list[Trial]:
        """The k best completed trials, best first; ties go to the earlier one."""
        order = np.argsort(-self.scores(history), kind="stable")[:k]
        return [history.completed[i] for i in order]
