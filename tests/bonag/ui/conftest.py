"""Runs to look at, and a site that shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from bonag.record import Address, RunRecord, create_record
from bonag.ui.app import create_app
from bonag.ui.background.jobs import Jobs
from bonag.ui.source import Source
from bonag.ui.sources import open_source
from loops.config import RunConfig
from loops.ending import RunState
from loops.history import Trial, TrialStatus
from search_spaces import get_space

START = 1.7e9


def made_trials(n: int, seed: int = 0) -> list[Trial]:
    """Completed trials with two metrics: accuracy rises with the index, and latency with it."""
    architectures = get_space("nb201").sample(n, np.random.default_rng(seed))
    return [
        Trial(
            index=index,
            architecture=architecture,
            status=TrialStatus.COMPLETED,
            metrics={"accuracy": 80 + index / 10, "latency": 1.0 + index / 4},
            provenance={"origin": "mutation", "acquisition": index / 7},
            proposed_at=START + index,
            ended_at=START + index + 0.5,
            proposal_seconds=0.25,
            evaluation_seconds=0.125,
        )
        for index, architecture in enumerate(dict.fromkeys(architectures))
    ]


def write(record: RunRecord, trials: Sequence[Trial]) -> None:
    """Record trials as a loop does that proposes them all at once."""
    record.add([replace(t, status=TrialStatus.RUNNING, metrics={}, reason=None, ended_at=None) for t in trials])
    for trial in trials:
        for number in range(len(trial.curve)):
            record.report(replace(trial, curve=trial.curve[: number + 1]))
        if trial.status is not TrialStatus.RUNNING:
            record.finish(trial)


Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run in ``tmp_path / results`` that has ended, or was left as it was after its trials."""

    def made(
        name: str,
        trials: Sequence[Trial] = (),
        state: RunState | None = RunState.FINISHED,
        reason: str | None = None,
        out: str = "results",
        address: Address | None = None,
        units: Mapping[str, str] | None = None,
        **config: object,
    ) -> Path:
        values = {"space": "nb201", "evaluator": "table", "task": "cifar10", "budget": 500, "strategy": "evolution"}
        made = RunConfig(name=name, **(values | config))
        with create_record(tmp_path / out, made, "Made up.", address, units=units or {}) as record:
            if trials:
                write(record, trials)
            if state is not None:
                record.set_state(state, reason)
        return tmp_path / out / name

    return made


@pytest.fixture
def visit() -> Iterator[Callable[[Source | Path], TestClient]]:
    """A browser without a screen, on the site of a source or a folder."""
    with closing(Jobs()) as jobs:

        def visitor(what: Source | Path) -> TestClient:
            source = open_source(str(what)) if isinstance(what, Path) else what
            app = create_app(source, jobs)
            return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)

        yield visitor
