"""What a run maximises or minimises, and what it keeps within bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from loops.constraint import METRIC, Constraint, check_together, meet_all
from loops.dominance import crowding, non_dominated, ranks
from loops.history import History, Trial
from loops.metric_units import is_cost

# An infeasible trial's score lies below the feasible ones by at least this share of their spread.
_STEP = 1e-6


@dataclass(frozen=True)
class Goal:
    """One metric, maximised, or minimised if its text starts with a minus (``-latency_note10``).

    A cost is maximised only where its text starts with a plus (``+latency_note10``).
    """

    metric: str
    maximise: bool = True

    @classmethod
    def parse(cls, text: str) -> Goal:
        """Read ``metric``, ``-metric`` or ``+metric``; raises ValueError, also for a cost without a sign."""
        match = re.fullmatch(rf"([-+]?)({METRIC})", text.strip())
        if match is None:
            raise ValueError(f"objective '{text}' is not a metric name, nor one with a minus before it to minimise it")
        sign, metric = match.groups()
        if not sign and is_cost(metric):
            raise ValueError(
                f"objective '{metric}' would be maximised, and it is a cost: write -{metric} to minimise it, or "
                f"+{metric} if more of it is better"
            )
        return cls(metric, sign != "-")

    def __str__(self) -> str:
        plus = "+" if is_cost(self.metric) else ""
        return f"{plus if self.maximise else '-'}{self.metric}"

    @property
    def sign(self) -> float:
        """+1 if larger is better, else -1."""
        return 1.0 if self.maximise else -1.0


@dataclass(frozen=True)
class Objective:
    """One goal or several, and bounds. Of several goals the best trials are those that no other one dominates.

    Raises ValueError where there is no goal, two have the same metric, or nothing can meet all bounds.
    """

    goals: tuple[Goal, ...]
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        if not self.goals:
            raise ValueError("an objective needs a metric to maximise or to minimise")
        names = [goal.metric for goal in self.goals]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"metric '{name}' is an objective more than once: keep one")
        check_together(self.constraints)

    @classmethod
    def parse(cls, goals: str | Sequence[str], constraints: Sequence[str] = ()) -> Objective:
        """Read the texts of goals, or of the only one, and of constraints; raises ValueError."""
        texts = [goals] if isinstance(goals, str) else goals
        return cls(tuple(map(Goal.parse, texts)), tuple(map(Constraint.parse, constraints)))

    def __str__(self) -> str:
        """``accuracy, -latency subject to params<=1000000``."""
        bounds = ", ".join(map(str, self.constraints))
        return ", ".join(map(str, self.goals)) + (f" subject to {bounds}" if bounds else "")

    @property
    def goal(self) -> Goal:
        """The only goal; raises ValueError if there are several."""
        if len(self.goals) > 1:
            raise ValueError(f"the objective has several goals: {self}")
        return self.goals[0]

    @property
    def single(self) -> bool:
        """Whether it is one goal without constraints."""
        return len(self.goals) == 1 and not self.constraints

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics that it looks at, those of the goals first."""
        names = [goal.metric for goal in self.goals] + [constraint.metric for constraint in self.constraints]
        return tuple(dict.fromkeys(names))

    @property
    def signs(self) -> dict[str, float]:
        """By metric, +1 where larger values are better, or safer, else -1; what a goal says comes first."""
        parts: list[Constraint | Goal] = [*self.constraints, *self.goals]
        return {part.metric: part.sign for part in parts}

    def signed(self, table: Mapping[str, ArrayLike]) -> np.ndarray:
        """The goals, each so that larger is better: (n,) values by metric -> (n, m) float64."""
        return np.stack([goal.sign * np.asarray(table[goal.metric], dtype=np.float64) for goal in self.goals], axis=1)

    def meets(self, table: Mapping[str, ArrayLike]) -> np.ndarray:
        """Whether all constraints are met: (n,) values by metric -> (n,) bool. What is not a number meets none."""
        return meet_all(
            self.constraints, lambda metric: np.asarray(table[metric]), len(np.asarray(table[self.metrics[0]]))
        )

    def values(self, history: History) -> np.ndarray:
        """The goals of the completed trials, each so that larger is better: (n, m) float64."""
        return self.signed({goal.metric: history.values(goal.metric) for goal in self.goals})

    def measured(self, history: History) -> np.ndarray:
        """The metrics of the completed trials as they are, in the order of ``metrics``: (n, M) float64."""
        return np.stack([history.values(metric) for metric in self.metrics], axis=1)

    def feasible(self, history: History) -> np.ndarray:
        """Whether each completed trial meets all constraints: (n,) bool."""
        return self.meets({metric: history.values(metric) for metric in self.metrics})

    def admits(self, trial: Trial) -> bool:
        """Whether a completed trial meets all constraints."""
        return bool(self.meets({metric: [trial.metrics[metric]] for metric in self.metrics})[0])

    def violation(self, history: History) -> np.ndarray:
        """By how much each completed trial breaks the constraints: (n,), at least 0; 0 iff it is feasible.

        A sum over the constraints, each as a share of its largest violation in the history.
        """
        total = np.zeros(len(history.completed))
        for constraint in self.constraints:
            excess = np.maximum(-constraint.slack(history.values(constraint.metric)), 0)
            # Below the smallest normal numbers a quotient may be zero, which would be feasible.
            total += np.where(excess > 0, np.maximum(excess / excess.max(initial=1e-300), 1e-300), 0)
        return total

    def scores(self, history: History) -> np.ndarray:
        """One number per completed trial, by whose order strategies select, larger is better: (n,) float64.

        One goal: its value. Several: the rank of the trial's front, and within a front the crowding distance. Whoever
        breaks a constraint comes after all who do not, by the sum of the violations (constrained domination: Deb et
        al., 2002). Scores of several goals, and of constrained ones, compare trials of the same history only.
        """
        values, feasible = self.values(history), self.feasible(history)
        if len(self.goals) == 1:
            scores = values[:, 0].copy()
        else:
            scores = np.empty(len(values))
            scores[feasible] = _front_scores(values[feasible])
        if feasible.all():
            return scores
        worst, best = (scores[feasible].min(), scores[feasible].max()) if feasible.any() else (0.0, 0.0)
        step = max(best - worst, abs(worst), 1.0)
        scores[~feasible] = worst - step * (self.violation(history)[~feasible] + _STEP)
        return scores

    def best(self, history: History, k: int = 1) -> list[Trial]:
        """The k best completed trials by ``scores``, best first, infeasible ones last; ties go to the earlier one."""
        order = np.argsort(-self.scores(history), kind="stable")[:k]
        return [history.completed[i] for i in order]

    def front(self, history: History) -> list[Trial]:
        """The feasible completed trials that no other one dominates, best by the first goal first; equal ones too."""
        rows = np.flatnonzero(self.feasible(history))
        values = self.values(history)
        rows = rows[non_dominated(values[rows])]
        return [history.completed[i] for i in rows[np.argsort(-values[rows, 0], kind="stable")]]


def with_sign(text: str) -> str:
    """The text of a goal in a record: in earlier ones a cost without a sign was maximised."""
    return f"+{text}" if is_cost(text) else text


def _front_scores(values: np.ndarray) -> np.ndarray:
    """(n, m) values -> (n,): minus the front's rank, and up to half more for trials far from others of their front."""
    rank = ranks(values)
    scores = -rank.astype(np.float64)
    for front in range(rank.max(initial=-1) + 1):
        distance = crowding(values[rank == front])
        # d / (1 + d), which is 1 at the ends of the front.
        scores[rank == front] += 0.5 * (1 - 1 / (1 + distance))
    return scores
