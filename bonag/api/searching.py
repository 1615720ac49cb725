"""Runs from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bonag.api import session as sessions
from bonag.api.parts import EvaluatorLike
from bonag.api.result import Result
from bonag.record import find_run, read_record
from loops.loop import Event, RunState
from search_spaces import SearchSpace


def search(
    space: str | SearchSpace = "mbv3",
    budget: int = 100,
    seed: int = 0,
    evaluator: EvaluatorLike = None,
    task: str | None = None,
    objective: str | Sequence[str] = "accuracy",
    constraints: Sequence[str] = (),
    strategy: str = "bonag",
    acquisition: str = "log-ei",
    predictor: str = "gp",
    name: str | None = None,
    out: str | Path = "results",
    batch_size: int = 1,
    device: str = "auto",
    executor: str = "local",
    record: str | None = None,
    data: str | Path | None = None,
    max_failures: int = 10,
    threads: int | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Result:
    """Search for the best architectures that ``budget`` evaluations can find; what ``bonag run`` does.

    space: an installed space's name, or a SearchSpace.
    evaluator: a name (None for the space's ``surrogate``), an Evaluator, or a function that maps an architecture to its
        metrics by name or, where there is but one, to its value. Python objects are not recorded: to resume such a run,
        give the object again.
    task, data: what the evaluator measures, and the folder of its tables.
    objective: a metric's name, with a minus before it to minimise; or several of them, of which the search looks for
        the Pareto front. ``params`` and ``macs`` are counted where the evaluator does not.
    constraints: bounds, as in ``latency_pixel3<=8``. Whoever breaks one is a completed trial that is worse than all
        who break none.
    acquisition: of strategy ``bonag``: ``log-ei``, ``ucb``, ``pi`` or ``thompson``.
    predictor: of strategy ``bonag``: ``gp``, ``ensemble`` or ``mixture``.
    name, out: the run's folder is ``out/name``; by default a name is made of space, evaluator and seed.
    record: ``postgresql://...`` to keep the record in a database and not in the folder.
    max_failures: evaluations that may fail in a row before the run stops.
    threads: threads of PyTorch; they take part in floating-point results, so the run keeps them.
    on_event: called with each event of the loop (see loops.loop) as it happens.

    Raises UserError, in one line, for what the caller can mend. Interrupted (Ctrl-C) or killed at any moment, nothing
    recorded is lost, and ``resume`` goes on as if nothing had happened.
    """
    opened = sessions.start(
        space=space,
        budget=budget,
        seed=seed,
        evaluator=evaluator,
        task=task,
        objective=objective,
        constraints=constraints,
        strategy=strategy,
        acquisition=acquisition,
        predictor=predictor,
        name=name,
        out=Path(out),
        batch_size=batch_size,
        device=device,
        executor=executor,
        record=record,
        data=None if data is None else Path(data),
        max_failures=max_failures,
        threads=threads,
    )
    return _run(opened, on_event)


def resume(
    path: str | Path,
    evaluator: EvaluatorLike = None,
    space: SearchSpace | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Result:
    """Go on with a run that was interrupted, killed or stopped; a finished one is returned as it is.

    path: the run's folder, or its name in ``results``.
    evaluator, space: the Python objects that the run was started with, if it was. Raises UserError.
    """
    folder = find_run(str(path))
    done = read_record(folder, space)
    if done.state is RunState.FINISHED:
        return Result(done, space)
    return _run(sessions.resume(folder, evaluator, space), on_event)


def load(path: str | Path, space: SearchSpace | None = None) -> Result:
    """What a run has found so far; it may be live, and is not disturbed. Raises UserError."""
    return Result(read_record(find_run(str(path)), space), space)


def _run(opened: sessions.Session, on_event: Callable[[Event], None] | None) -> Result:
    with opened:
        for event in opened.events():
            if on_event is not None:
                on_event(event)
    return Result(read_record(opened.path, opened.parts.space), opened.parts.space)


__all__ = ["load", "resume", "search"]
