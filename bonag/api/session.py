"""An open run, ready to go on: what the command line and the Python functions share."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType

import bonag
from bonag.api.known import known_trials
from bonag.api.parts import DEFAULT, Parts, default_cpus, default_threads, make_parts, part_names, with_sources
from bonag.api.sources import read_run_sources, without_secrets
from bonag.callbacks.beginning import Beginning
from bonag.evaluators.command import EXEC
from bonag.evaluators.registry import told_units
from bonag.record import Address, NameTakenError, RunRecord, create_record, open_record, refuse_taken
from bonag.record.machine import this_machine
from bonag.strategies.making import computing_device
from bonag.transfer.meta_source import META, meta_source
from loops.config import EXTENSIBLE, RunConfig
from loops.ending import RunState
from loops.fingerprint import Fingerprint
from loops.history import Trial, TrialStatus
from loops.loop import Ended, Event, Loop, Over
from loops.protocols import Evaluator
from loops.source import Source
from loops.stopping import NeverStop
from search_spaces import get_space
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion


class Session:
    """The parts of a run and its record, until it is closed."""

    def __init__(self, record: RunRecord, parts: Parts) -> None:
        self.record = record
        self.parts = parts
        self.config = record.config
        self.path = record.path

    def run(self, callbacks: Iterable[Callable[[Event], None]] = (), stop: Callable[[], bool] = lambda: False) -> Over:
        """Run to the end, or until ``stop`` says so; each callback is called with each event as it happens.

        One that has a method ``begin`` is given the ``bonag.callbacks.Beginning`` before. Raises UserError if recording
        fails. What a callback raises ends the run, which can be resumed.
        """
        record, parts, callbacks = self.record, self.parts, tuple(callbacks)
        history = record.history()
        for callback in callbacks:
            if hasattr(callback, "begin"):
                callback.begin(Beginning(self.path, self.config, parts.space, history))
        forgiven = record.forgiven
        if record.state is RunState.STOPPED:
            # Whoever resumes a run that failures stopped has mended something, so the count starts anew.
            forgiven = history.pending[0].index if history.pending else len(history)
        record.hurry = stop
        machine = json.dumps(this_machine(self.config.threads))
        record.set_state(RunState.RUNNING, forgiven=forgiven, machine=machine)
        record.log.write(f"bonag {bonag.__version__}, process {os.getpid()}, {len(history)} trials so far")

        def notify(event: Event) -> None:
            self._log(event)
            if isinstance(event, Over):
                record.set_state(event.state, event.reason)
            for callback in callbacks:
                callback(event)

        try:
            return Loop(
                self.config,
                parts.strategy,
                parts.evaluator,
                parts.executor,
                record,
                notify=notify,
                stop=lambda: stop() or record.stop_asked(),
                forgiven=forgiven,
                rule=None if isinstance(parts.rule, NeverStop) else parts.rule,
                folder=self.path,
                seconds=record.seconds,
                latest=lambda _: record.latest_config(),
            ).run()
        except Exception as error:
            record.log.write(f"ended by {type(error).__name__}: {error}")
            raise

    def _log(self, event: Event) -> None:
        if isinstance(event, Ended):
            trial = event.trial
            values = (f"{name} {trial.metrics.get(name)!r}" for name in self.parts.objective.metrics)
            what = trial.reason if trial.status is TrialStatus.FAILED else ", ".join(values)
            self.record.log.write(f"trial {trial.index} {trial.status}: {what}")
        elif isinstance(event, Over):
            self.record.log.write(f"{event.state}{f': {event.reason}' if event.reason else ''}")

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
    given.setdefault("objective", get_space(given["space"]).goal)  # type: ignore[arg-type]
    config = RunConfig(
        name="unnamed" if name is None else name,  # type: ignore[arg-type]
        bonag=bonag.__version__,
        data=str(Path(str(data)).resolve()) if data else None,
        **{"evaluator": DEFAULT, "threads": default_threads(), **given, **part_names(given)},  # type: ignore[arg-type]
    )
    if name is not None:
        refuse_taken(out / config.name)
    objects = {role: given[role] for role in part_names(given)}
    config = replace(
        config,
        device=computing_device(objects.get("strategy", config.strategy), config.device),
        cpus_per_trial=config.cpus_per_trial or default_cpus(config.workers, config.executor),
    )
    config = replace(config, transfer=tuple(map(without_secrets, config.transfer)))
    sources = read_run_sources(config, objects.get("space"), given.get("transfer"), out, address)
    parts = make_parts(config, objects, sources=sources)
    # The defaults by name, so that the run stays what it is when defaults change.
    config = replace(
        config,
        evaluator=config.evaluator or getattr(parts.evaluator, "name", "default"),
        task=config.task or getattr(parts.evaluator, "task", None),
        **{
            name: getattr(parts.evaluator, name, getattr(config, name))
            for name in ("dataset", "preset", "supernet", "imagenet")
        },
    )
    try:
        known = known_trials(config.known, parts.space, parts.objective.metrics, out)
        look = fingerprint_of(parts.evaluator)
        if META in config.transfer:
            sources = (*sources, meta_source(parts.space, parts.objective, sources, look))
            parts = with_sources(parts, config, objects, sources)
        opened = _create(out, config, name is not None, parts, address, known, sources, look)
    except BaseException:
        parts.executor.close()
        raise
    return Session(opened, parts)


def _create(
    out: Path,
    config: RunConfig,
    named: bool,
    parts: Parts,
    address: Address | None,
    known: Sequence[Trial],
    sources: Sequence[Source],
    fingerprint: Fingerprint | None,
) -> RunRecord:
    begun = (parts.evaluator.description, address, known, parts.space.network_size, sources, fingerprint)
    units = told_units(parts.evaluator)
    if named:
        return create_record(out, config, *begun, units=units)
    stem = _stem(config)
    for number in count(1):
        try:
            return create_record(out, replace(config, name=f"{stem}-{number}"), *begun, units=units)
        except NameTakenError:
            continue
    raise AssertionError("numbers never end")


def fingerprint_of(evaluator: Evaluator) -> Fingerprint | None:
    """What the evaluator says of its data set, if it can (``loops.protocols.Fingerprinted``)."""
    look = getattr(evaluator, "fingerprint", None)
    return look() if callable(look) else None


def resume(
    folder: Path, given: Mapping[str, object] | None = None, changes: Mapping[str, object] | None = None
) -> Session:
    """Open a run to go on with it. Raises UserError, and leaves it as it is, where that cannot be.

    given: by role, the parts of which the record has the names only. changes: other values of ``EXTENSIBLE`` options.
    """
    space = (given or {}).get("space")
    record = open_record(folder, None if space is None else get_space(space))  # type: ignore[arg-type]
    try:
        config = changed(record.config, changes or {})
        session = Session(record, make_parts(config, given, record.size, record.sources))
        if config != record.config:
            record.extend(config)
            session.config = config
        return session
    except BaseException:
        record.close()
        raise


def changed(config: RunConfig, changes: Mapping[str, object]) -> RunConfig:
    """The configuration with other ends; raises UserError for what cannot be changed in a run that has begun."""
    given = {name: value for name, value in changes.items() if value is not None}
    for name in given:
        if name not in EXTENSIBLE:
            raise UserError(f"'{name}' cannot be changed in a run that has begun: {suggestion(name, EXTENSIBLE)}")
    return replace(config, **given)  # type: ignore[arg-type]


def _stem(config: RunConfig) -> str:
    parts = [_short(config.space), _short(config.evaluator), config.task]
    parts += [] if config.strategy == "bonag" else [config.strategy]
    stem = "-".join(str(part) for part in [*parts, f"seed{config.seed}"] if part)
    return re.sub(r"[^A-Za-z0-9._-]", "_", stem)


def _short(name: str) -> str:
    """The last word of the name of a user's part; the name of another."""
    if name.startswith(EXEC):
        return "command"
    return re.split(r"[:.]", name)[-1].lower() if ":" in name else name
