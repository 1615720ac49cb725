"""An open run, ready to go on: what the command line and the Python functions share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType

import bonag
from bonag.api.parts import DEFAULT, Parts, default_threads, make_parts, part_names
from bonag.record import Address, NameTakenError, RunRecord, create_record, open_record, refuse_taken
from bonag.strategies.making import computing_device
from loops.config import RunConfig
from loops.loop import Ended, Event, Over, RunState, search
from search_spaces import get_space


class Session:
    """The parts of a run and its record, until it is closed."""

    def __init__(self, record: RunRecord, parts: Parts) -> None:
        self.record = record
        self.parts = parts
        self.config = record.config
        self.path = record.path

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
                self.config, parts.strategy, parts.evaluator, parts.executor, record, stop=stop, forgiven=forgiven
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
            self.parts.executor.close()
        finally:
            self.record.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(options: Mapping[str, object]) -> Session:
    """Make a new run: everything is checked before anything is written. Raises UserError.

    options: of ``loops.config.run_options``, parts as names or as objects; those that are None or absent are the
    default ones.
    """
    given = {name: value for name, value in options.items() if value is not None}
    out, name, data = Path(str(given.pop("out", "results"))), given.pop("name", None), given.pop("data", None)
    record = given.pop("record", None)
    address = Address.parse(str(record)) if record else None
    config = RunConfig(
        name="unnamed" if name is None else name,  # type: ignore[arg-type]
        bonag=bonag.__version__,
        data=str(Path(str(data)).resolve()) if data else None,
        **{"evaluator": DEFAULT, "threads": default_threads(), **given, **part_names(given)},  # type: ignore[arg-type]
    )
    if name is not None:
        refuse_taken(out / config.name)
    objects = {role: given[role] for role in part_names(given)}
    config = replace(config, device=computing_device(objects.get("strategy", config.strategy), config.device))
    parts = make_parts(config, objects)
    # The defaults by name, so that the run stays what it is when defaults change.
    config = replace(
        config,
        evaluator=config.evaluator or getattr(parts.evaluator, "name", "default"),
        task=config.task or getattr(parts.evaluator, "task", None),
        dataset=getattr(parts.evaluator, "dataset", config.dataset),
        preset=getattr(parts.evaluator, "preset", config.preset),
    )
    try:
        opened = _create(out, config, name is not None, parts.evaluator.description, address)
    except BaseException:
        parts.executor.close()
        raise
    return Session(opened, parts)


def _create(out: Path, config: RunConfig, named: bool, description: str, address: Address | None) -> RunRecord:
    if named:
        return create_record(out, config, description, address)
    stem = _stem(config)
    for number in count(1):
        try:
            return create_record(out, replace(config, name=f"{stem}-{number}"), description, address)
        except NameTakenError:
            continue
    raise AssertionError("numbers never end")


def resume(folder: Path, given: Mapping[str, object] | None = None) -> Session:
    """Open a run to go on with it. Raises UserError, and leaves it as it is, where that cannot be.

    given: by role, the parts of which the record has the names only.
    """
    space = (given or {}).get("space")
    record = open_record(folder, None if space is None else get_space(space))  # type: ignore[arg-type]
    try:
        return Session(record, make_parts(record.config, given))
    except BaseException:
        record.close()
        raise


def _stem(config: RunConfig) -> str:
    parts = [_short(config.space), _short(config.evaluator), config.task]
    parts += [] if config.strategy == "bonag" else [config.strategy]
    stem = "-".join(str(part) for part in [*parts, f"seed{config.seed}"] if part)
    return re.sub(r"[^A-Za-z0-9._-]", "_", stem)


def _short(name: str) -> str:
    """The last word of the name of a user's part; the name of another."""
    return re.split(r"[:.]", name)[-1].lower() if ":" in name else name
