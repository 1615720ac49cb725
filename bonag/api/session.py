"""An open run, ready to go on: what the command line and the Python functions share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType

import bonag
from bonag.api.parts import (
    EvaluatorLike,
    Parts,
    default_threads,
    evaluator_name,
    make_parts,
    resolve_device,
)
from bonag.executors import make_executor
from bonag.record import Address, NameTakenError, RunRecord, create_record, open_record, refuse_taken
from loops.config import RunConfig
from loops.loop import Ended, Event, Over, RunState, search
from loops.protocols import Executor
from search_spaces import SearchSpace


class Session:
    """The parts of a run, its record and its executor, until it is closed."""

    def __init__(self, record: RunRecord, parts: Parts, executor: Executor) -> None:
        self.record = record
        self.parts = parts
        self.config = record.config
        self.path = record.path
        self._executor = executor

    def events(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Run to the end, or until ``stop`` says so, and yield what happens. Raises UserError if recording fails."""
        record, parts = self.record, self.parts
        history = record.history()
        forgiven = record.forgiven
        if record.state is RunState.STOPPED:
            # Whoever resumes a run that failures stopped has mended something, so the count starts anew.
            forgiven = history.pending[0].index if history.pending else len(history)
        record.set_state(RunState.RUNNING, forgiven=forgiven)
        record.log.write(f"bonag {bonag.__version__}, process {os.getpid()}, {len(history)} trials so far")
        try:
            for event in search(
                self.config, parts.strategy, parts.evaluator, self._executor, record, stop=stop, forgiven=forgiven
            ):
                if isinstance(event, Ended):
                    trial = event.trial
                    values = (f"{name} {trial.metrics.get(name)!r}" for name in parts.objective.metrics)
                    what = trial.reason or ", ".join(values)
                    record.log.write(f"trial {trial.index} {trial.status}: {what}")
                elif isinstance(event, Over):
                    record.set_state(event.state, event.reason)
                    record.log.write(f"{event.state}{f': {event.reason}' if event.reason else ''}")
                yield event
        except Exception as error:
            record.log.write(f"ended by {type(error).__name__}: {error}")
            raise

    def close(self) -> None:
        """Let go of the record and the executor."""
        try:
            self._executor.close()
        finally:
            self.record.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(
    *,
    out: Path,
    space: str | SearchSpace,
    evaluator: EvaluatorLike,
    name: str | None,
    record: str | None = None,
    data: Path | None = None,
    device: str = "auto",
    strategy: str = "bonag",
    acquisition: str = "log-ei",
    predictor: str = "gp",
    threads: int | None = None,
    **values: object,
) -> Session:
    """Make a new run: everything is checked before anything is written. Raises UserError.

    values: the other fields of RunConfig.
    """
    address = Address.parse(record) if record else None
    config = RunConfig(
        name=name or "unnamed",
        space=space if isinstance(space, str) else space.name,
        evaluator=evaluator_name(evaluator),
        strategy=strategy,
        acquisition=acquisition,
        predictor=predictor,
        device=device,
        threads=threads or default_threads(),
        data=str(data.resolve()) if data else None,
        bonag=bonag.__version__,
        **values,  # type: ignore[arg-type]
    )
    if name is not None:
        refuse_taken(out / name)
    config = replace(config, device=resolve_device(device, strategy))
    parts = make_parts(config, evaluator, None if isinstance(space, str) else space)
    made = parts.evaluator
    # The defaults by name, so that the run stays what it is when defaults change.
    config = replace(
        config,
        evaluator=config.evaluator or getattr(made, "name", "default"),
        task=config.task or getattr(made, "task", None),
    )
    executor = make_executor(config.executor)
    try:
        opened = _create(out, config, name, parts.evaluator.description, address)
    except BaseException:
        executor.close()
        raise
    return Session(opened, parts, executor)


def _create(out: Path, config: RunConfig, name: str | None, description: str, address: Address | None) -> RunRecord:
    if name is not None:
        return create_record(out, config, description, address)
    stem = _stem(config)
    for number in count(1):
        try:
            return create_record(out, replace(config, name=f"{stem}-{number}"), description, address)
        except NameTakenError:
            continue
    raise AssertionError("numbers never end")


def resume(folder: Path, evaluator: EvaluatorLike = None, space: SearchSpace | None = None) -> Session:
    """Open a run to go on with it. Raises UserError, and leaves it as it is, where that cannot be."""
    record = open_record(folder, space)
    try:
        parts = make_parts(record.config, evaluator, space)
        return Session(record, parts, make_executor(record.config.executor))
    except BaseException:
        record.close()
        raise


def _stem(config: RunConfig) -> str:
    parts = [config.space, "python" if ":" in config.evaluator else config.evaluator, config.task]
    parts += [] if config.strategy == "bonag" else [config.strategy]
    stem = "-".join(str(part) for part in [*parts, f"seed{config.seed}"] if part)
    return re.sub(r"[^A-Za-z0-9._-]", "_", stem)
