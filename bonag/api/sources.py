"""What transfer learns from: earlier runs, tables, surrogates and files of the same space."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bonag.api.known import run_rows, table_rows
from bonag.api.parts import ASK_AND_TELL
from bonag.evaluators import make_evaluator
from bonag.evaluators.registry import evaluator_names
from bonag.predictors.schedule import informative_rows
from bonag.record import Address, RunSnapshot, find_run, read_record
from bonag.record.database import postgres_reader
from bonag.record.listing import Listed, runs_in_database, runs_in_folder
from bonag.record.watching import read_stored
from bonag.transfer.meta_source import META
from loops.config import RunConfig
from loops.ending import RunState
from loops.fingerprint import Fingerprint
from loops.objective import Goal, Objective
from loops.source import Source
from search_spaces import Architecture, SearchSpace, get_space
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion
from search_spaces.registry import space_name

AUTO = "auto"
# Of a large source the best, and others evenly spread: the record keeps them, and models take time by the cube.
MAX_ROWS = 256
# Of a space that is not listed, so many architectures of a surrogate.
SAMPLES = 2000
EVALUATOR = re.compile(r"([\w.-]+):([\w.-]+)(?:/([\w.-]+))?")
Rows = Sequence[tuple[Architecture, Mapping[str, float]]]


def read_sources(
    texts: Sequence[str],
    space: SearchSpace,
    objective: Objective,
    *,
    out: Path = Path("results"),
    data: Path | None = None,
    record: Address | None = None,
) -> tuple[Source, ...]:
    """The sources of all texts, each once and by its name; raises UserError, also for one that knows no goal.

    texts: runs (folders, or names in ``out``), CSV files, ``EVALUATOR:SPACE/TASK``, addresses of databases of which all
    finished runs of the space are meant, or ``auto`` for those of ``record``, or else of ``out``.
    """
    found: dict[str, Source] = {}
    names: set[str] = set()
    for text in texts:
        for one in _read(text, space, objective, out, data, record):
            if one.place in found:
                continue
            source = _source(one, one.place if one.name in names else one.name, objective)
            if source is not None:
                found[one.place] = source
                names.add(source.name)
            elif not _is_many(text):
                raise UserError(
                    f"source '{text}' holds no evaluations of '{objective.goals[0].metric}', nor of one other metric"
                )
    return tuple(found.values())


def read_run_sources(
    config: RunConfig,
    space: object,
    given: object,
    out: Path = Path("results"),
    record: Address | None = None,
) -> tuple[Source, ...]:
    """Those of a run that begins; raises UserError.

    space: where the configuration only has its name. given: the texts as they were given, which may hold passwords.
    out, record: where its own trials go.
    """
    if not config.transfer:
        return ()
    texts = [given] if isinstance(given, str) else list(given)  # type: ignore[call-overload]
    if config.evaluator != ASK_AND_TELL:
        # What is learned from all of them comes once the evaluator has shown its data set.
        texts = [text for text in texts if text != META]
    known = get_space(config.space if space is None else space)  # type: ignore[arg-type]
    data = Path(config.data) if config.data else None
    return read_sources(texts, known, config.parsed_objective(), out=out, data=data, record=record)


def without_secrets(text: str) -> str:
    """The text of a source as a record may hold it."""
    return Address.parse(text).public if "://" in text else text


@dataclass(frozen=True)
class _Found:
    """Evaluations: where they are, what they are called, and what was aimed at in them, if that is known.

    fingerprint: of the data set of a run.
    """

    place: str
    name: str
    rows: Rows
    aim: Goal | None = None
    fingerprint: Fingerprint | None = None


def _is_many(text: str) -> bool:
    return text == AUTO or "://" in text


def _read(
    text: str, space: SearchSpace, objective: Objective, out: Path, data: Path | None, record: Address | None
) -> Iterator[_Found]:
    """All that a text means."""
    path = Path(text)
    if text == META:
        raise UserError(f"transfer '{META}' is for runs whose evaluator shows its data set: leave it out here")
    if _is_many(text):
        address = record if text == AUTO else Address.parse(text)
        for one in runs_in_database(address) if address else runs_in_folder(out):
            if _is_finished(one, space):
                yield _of_run(_snapshot(one, address), space, address)
    elif path.is_file():
        rows = [(architecture, values) for _, architecture, values in table_rows(path, space)]
        yield _Found(str(path.resolve()), path.name, rows)
    elif (match := EVALUATOR.fullmatch(text)) and not path.exists():
        yield _Found(text, text, _of_evaluator(text, match, space, objective, data))
    else:
        yield _of_run(read_record(find_run(text, out)), space)


def _is_finished(one: Listed, space: SearchSpace) -> bool:
    overview = one.overview
    if overview is None or overview.state is not RunState.FINISHED:
        return False
    return overview.config.space == space_name(space)


def _snapshot(one: Listed, address: Address | None) -> RunSnapshot:
    return read_stored(postgres_reader(address), address, one.name) if address else read_record(Path(one.where))


def _of_run(snapshot: RunSnapshot, space: SearchSpace, address: Address | None = None) -> _Found:
    name, rows = snapshot.config.name, run_rows(snapshot, space)
    place = f"{address.public} {name}" if address else str(snapshot.path.resolve())
    values = [(architecture, metrics) for _, architecture, metrics in rows]
    return _Found(place, name, values, snapshot.config.parsed_objective().goals[0], snapshot.fingerprint)


def _of_evaluator(text: str, match: re.Match[str], space: SearchSpace, objective: Objective, data: Path | None) -> Rows:
    name, of_space, task = match.groups()
    if of_space != space.name:
        raise UserError(f"source '{text}' is of the space '{of_space}' and not of '{space.name}'")
    if name not in evaluator_names(space.name):
        raise UserError(f"source '{text}': {suggestion(name, evaluator_names(space.name))}, as in {name}:SPACE/TASK")
    evaluator = make_evaluator(space, name, task, data)
    if not hasattr(evaluator, "evaluate_many"):
        raise UserError(f"source '{text}': evaluator '{name}' does not look up, so its values are those of a run")
    architectures = space.all() or space.sample(SAMPLES, np.random.default_rng(0))
    wanted = [metric for metric in objective.metrics if metric in evaluator.metrics]
    values = evaluator.evaluate_many(architectures)
    return [
        (architecture, {metric: float(values[metric][row]) for metric in wanted if np.isfinite(values[metric][row])})
        for row, architecture in enumerate(architectures)
    ]


def _source(one: _Found, name: str, objective: Objective) -> Source | None:
    """What the evaluations say of the metrics of an objective; None if they know nothing of its first goal.

    What was aimed at in them stands for that goal where they lack it.
    """
    goal, rows, aim = objective.goals[0], one.rows, one.aim
    given = {metric for _, values in rows for metric in values}
    stands_for: dict[str, tuple[str, float]] = {
        metric: (metric, 1.0) for metric in objective.metrics if metric in given
    }
    others: dict[str, str] = {}
    if goal.metric not in stands_for:
        if aim is None and len(given) == 1:
            aim = Goal(next(iter(given)), goal.maximise)
        if aim is None or aim.metric not in given:
            return None
        stands_for[goal.metric] = (aim.metric, 1.0 if aim.maximise == goal.maximise else -1.0)
        others[goal.metric] = aim.metric
    whole = {
        architecture: {metric: sign * values[other] for metric, (other, sign) in stands_for.items()}
        for architecture, values in rows
        if all(other in values for other, _ in stands_for.values())
    }
    if len(whole) < 2:
        return None
    architectures = tuple(whole)
    columns = {metric: np.array([values[metric] for values in whole.values()]) for metric in stands_for}
    kept = informative_rows(objective.signs[goal.metric] * columns[goal.metric], MAX_ROWS)
    return Source(
        name,
        tuple(architectures[row] for row in kept),
        {metric: column[kept] for metric, column in columns.items()},
        others,
        len(rows),
        one.fingerprint,
    )
