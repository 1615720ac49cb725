"""A site whose views a test puts there itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

import pytest
from starlette.testclient import TestClient

from bonag.ui.app import create_app
from bonag.ui.background.jobs import Jobs
from bonag.ui.source import Source, Summary, UnknownKeyError, View
from loops.config import RunConfig
from loops.history import History, Trial
from loops.objective import Objective
from search_spaces import SearchSpace


class Shelf(Source):
    """Views by their keys."""

    def __init__(self, *views: View) -> None:
        self.views = {view.summary.key: view for view in views}

    def summaries(self) -> list[Summary]:
        return [view.summary for view in self.views.values()]

    def stamp(self, key: str) -> Hashable:
        if key not in self.views:
            raise UnknownKeyError(key)
        return 0

    def view(self, key: str, before: View | None = None) -> View:
        if key not in self.views:
            raise UnknownKeyError(key)
        return self.views[key]

    def experiment(self, key: str):  # type: ignore[no-untyped-def]
        raise UnknownKeyError(key)


def _view_of(
    trials: Sequence[Trial],
    space: SearchSpace | None,
    goals: str | Sequence[str] = "accuracy",
    constraints: Sequence[str] = (),
    key: str = "run",
    **config: object,
) -> View:
    """A view of these trials; config: what else its configuration says."""
    objective = Objective.parse(goals, constraints)
    made = None if space is None else RunConfig(name="run", space=space.name, evaluator="surrogate", **config)  # type: ignore[arg-type]
    summary = Summary(
        key=key,
        name=key,
        kind="ax" if space is None else "bonag",
        state="finished",
        space=space.name if space else None,
        task=None,
        strategy=None,
        objective=str(objective),
        trials=len(trials),
        budget=None,
        seed=None,
        started=None,
        ended=None,
        problem=None,
    )
    return View(summary, History(trials), objective, space, made, "what the numbers are", None, "/runs/my run")


@pytest.fixture
def view_of() -> Callable[..., View]:
    """Makes a view of trials: ``(trials, space, goals, constraints, key, **config)``."""
    return _view_of


@pytest.fixture(scope="module")
def jobs() -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.close()


@pytest.fixture
def site(jobs: Jobs) -> Callable[..., TestClient]:
    """A client of the site that shows these views."""

    def made(*views: View) -> TestClient:
        return TestClient(create_app(Shelf(*views), jobs), base_url="http://127.0.0.1", raise_server_exceptions=True)

    return made
