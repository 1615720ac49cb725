"""The table of a contest: one row per strategy, and how sure the differences are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bonag.bench.search_measure import Measure
from bonag.bench.significance import holm, paired_p

MILESTONES = (10, 20, 30, 50, 100, 150, 200, 300)
# The strategy's own time is that of proposals with about so many trials before them.
NEAR, WIDTH = 100, 10


@dataclass(frozen=True)
class Progress:
    """What the runs of one strategy came to.

    seeds: (s,). numbers: (s, budget), the measure after each query. trials: of all its runs.
    """

    strategy: str
    seeds: np.ndarray
    numbers: np.ndarray
    trials: pd.DataFrame

    def regret(self, measure: Measure) -> np.ndarray:
        """(s, budget): how far each run is from the best after each query; at least 0."""
        return np.maximum(measure.sign * (measure.best - self.numbers), 0.0)

    def area(self, measure: Measure) -> np.ndarray:
        """(s,): the regret's mean over the queries."""
        return self.regret(measure).mean(axis=1)

    def reached(self, measure: Measure) -> np.ndarray:
        """(s, budget) bool: whether each run has reached the target."""
        return measure.sign * self.numbers >= measure.sign * measure.target

    def queries(self, measure: Measure) -> np.ndarray:
        """(s,): queries until the target, inf for a run that did not reach it."""
        reached = self.reached(measure)
        return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def measure_progress(trials: pd.DataFrame, measure: Measure, strategies: Sequence[str], budget: int) -> list[Progress]:
    """What each strategy came to, in their order; those without a trial are left out."""
    found = []
    for strategy in strategies:
        own = trials[trials["strategy"] == strategy]
        if own.empty:
            continue
        runs = list(own.groupby("seed"))
        numbers = np.stack([measure.progress(run, budget) for _, run in runs])
        found.append(Progress(strategy, np.array([seed for seed, _ in runs]), numbers, own))
    return found


def make_table(progress: Sequence[Progress], measure: Measure, reference: str) -> pd.DataFrame:
    """One row per strategy. Medians are over seeds, ``q1`` and ``q3`` are quartiles.

    seeds; best@N: median, q1 and q3 of the measure after N queries; queries to the target: median, and 90 % of seeds
    (the smallest number within which nine tenths of the runs reached it), inf where they did not; reached: the share
    that did; area: of the regret, its mean over queries. p of each: how likely such differences to ``reference`` are
    if there were none (``paired_p`` over the seeds that both have, then ``holm`` over the strategies); the sign beside
    them: + where ``reference`` is the better one, - where it is the worse one.

    s/query: the strategy's own seconds, the median of those near 100 trials, and the mean of all. peak MB: resident
    memory of a process that runs this strategy alone, beyond what it had with the evaluator and no strategy; the median
    over runs. labels: evaluations spent before the first query.
    """
    rows = []
    for one in progress:
        area, queries = one.area(measure), one.queries(measure)
        row: dict[str, object] = {"strategy": one.strategy, "seeds": len(one.seeds)}
        for n in milestones(one.numbers.shape[1]):
            row |= _quartiles(f"best@{n}", one.numbers[:, n - 1])
        row[f"queries to {measure.target_name}"] = float(np.median(queries))
        row[f"queries to {measure.target_name}, 90 % of seeds"] = float(np.quantile(queries, 0.9, method="higher"))
        row["reached"] = float(np.isfinite(queries).mean())
        row |= _quartiles("area", area)
        near = one.trials["trial"].between(NEAR - WIDTH, NEAR + WIDTH)
        row["s/query near 100"] = float(one.trials.loc[near, "proposal_seconds"].median())
        row["s/query"] = float(one.trials["proposal_seconds"].mean())
        row["peak MB"] = float(one.trials.groupby("seed")["peak_mb"].first().median())
        row["labels"] = int(one.trials["labels"].max())
        rows.append(row)
    made = pd.DataFrame(rows)
    tests = _tests(progress, measure, reference)
    place = list(made).index("s/query near 100")
    made = pd.concat([made.iloc[:, :place], tests, made.iloc[:, place:]], axis=1)
    return made.assign(reference=reference, measure=measure.name, best=measure.best, **{"best is": measure.source})


def milestones(budget: int) -> list[int]:
    """The numbers of queries after which runs are compared; the budget is always one."""
    return sorted({n for n in MILESTONES if n < budget} | {budget})


def _quartiles(name: str, values: np.ndarray) -> dict[str, object]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {name: middle, f"{name} q1": low, f"{name} q3": high}


def _tests(progress: Sequence[Progress], measure: Measure, reference: str) -> pd.DataFrame:
    """p-values against the reference and the sign of each difference, a row per strategy; none for the reference."""
    budget = progress[0].numbers.shape[1]
    # Smaller is better in all three.
    criteria = {
        "area": lambda one: one.area(measure),
        f"best@{budget}": lambda one: one.regret(measure)[:, -1],
        # Whoever did not reach it comes behind whoever did with the last query.
        f"queries to {measure.target_name}": lambda one: np.minimum(one.queries(measure), budget + 1.0),
    }
    base = next(one for one in progress if one.strategy == reference)
    made = pd.DataFrame(index=range(len(progress)))
    for name, criterion in criteria.items():
        p_values, signs = np.full(len(progress), np.nan), [""] * len(progress)
        for place, other in enumerate(progress):
            common = np.intersect1d(base.seeds, other.seeds)
            if other is base or not len(common):
                continue
            own = criterion(base)[np.isin(base.seeds, common)]
            theirs = criterion(other)[np.isin(other.seeds, common)]
            p_values[place] = paired_p(theirs, own)
            # As the test sees it: by the ranks of the differences, and not by their sizes.
            signs[place] = _sign(theirs - own)
        tested = np.isfinite(p_values)
        p_values[tested] = holm(p_values[tested])
        made[f"p {name}"], made[f"p {name} sign"] = p_values, signs
    return made


def _sign(differences: np.ndarray) -> str:
    from scipy.stats import rankdata

    balance = (np.sign(differences) * rankdata(np.abs(differences))).sum()
    return "+" if balance > 0 else "-" if balance < 0 else "="
