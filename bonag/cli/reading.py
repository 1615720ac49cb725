"""`bonag status`, `bonag best` and `bonag trials`: they read, also while a run is live, and change nothing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bonag.cli.completing import run_names

if TYPE_CHECKING:
    from bonag.api.result import Result

# Trials that `bonag best` shows of a single objective.
BEST = 5
Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Folder of the run, or its name in results/.", autocompletion=run_names),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def status(
    run: Run,
    as_json: Json = False,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Write its options, with which `bonag run --config` repeats it.")
    ] = False,
    about: Annotated[bool, typer.Option("--about", help="Say what the evaluator's numbers are, and no more.")] = False,
) -> None:
    """Show how a run stands.

    With --json: an object with run, path, state (running, finished, stopped, interrupted), reason, space, evaluator,
    task, objective (a string, or a list of several), constraints, strategy, seed, budget, trials (queries, which count
    towards the budget, and known), completed, failed, stopped, abandoned, running, infeasible, description (what the
    numbers are), best (null, or an object with trial, architecture, metrics, params, macs), front (the indices of
    its trials), note and tags (that somebody wrote about the run).
    """
    from bonag.cli.config_file import options_text
    from bonag.cli.result_text import found_json, summary_lines
    from bonag.record import Note, find_run, read_record
    from search_spaces.errors import UserError

    if as_json + as_yaml + about > 1:
        raise UserError("choose one of --json (how the run stands), --yaml (which repeats it) and --about")
    if as_yaml:
        print(options_text(read_record(find_run(run)).config), end="")
        return
    result = _load(run)
    if about:
        print(result.description)
        return
    note = result.notes.get(None, Note())
    if not as_json:
        config = result.config
        task = f" on {config.task}" if config.task else ""
        print(f"run {config.name} in {result.path}")
        print(f"space {config.space}, evaluator {config.evaluator}{task}, objective {result.objective}, ", end="")
        print(f"strategy {config.strategy}, seed {config.seed}")
        if result.space.counts:
            print(f"networks of {result.space.network_size}")
        print("\n".join(summary_lines(result)))
        if note != Note():
            print("\n".join([f"tags: {', '.join(note.tags)}"] * bool(note.tags) + [note.text] * bool(note.text)))
        return
    config, history = result.config, result.history
    names = ("space", "evaluator", "task", "objective", "constraints", "strategy", "seed", "budget")
    _print_json(
        {
            "run": config.name,
            "path": str(result.path),
            "state": str(result.state),
            "reason": result.reason,
            **{name: getattr(config, name) for name in names},
            "trials": len(history),
            "queries": history.queries,
            "known": len(history) - history.queries,
            "completed": len(history.completed),
            **{name: sum(trial.status == name for trial in history) for name in ("failed", "stopped", "abandoned")},
            "running": len(history.pending),
            "infeasible": int((~result.objective.feasible(history)).sum()),
            "description": result.description,
            "best": None if result.best is None else found_json(result.best),
            "front": [found.trial for found in result.front],
            "note": note.text,
            "tags": list(note.tags),
        }
    )


def best(
    run: Run,
    k: Annotated[
        int | None,
        typer.Option("-k", "--top", min=1, help="How many.", show_default="5, or the whole front"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the best trials of a run, best first; of several objectives those that no other trial beats in all of them.

        bonag best first -k 10

    With --json: an object with run, objective (a string, or a list of several), constraints, and best, a list of
    objects with trial, architecture, metrics, params, macs. Trials that break a constraint are left out.
    """
    from bonag.cli.result_text import found_json, found_lines, nearest_lines

    result = _load(run)
    several = len(result.objective.goals) > 1
    top = result.top(k or (len(result.front) if several else BEST))
    if as_json:
        found = [found_json(one) for one in top]
        config = result.config
        described = {"run": config.name, "objective": config.objective, "constraints": config.constraints}
        _print_json({**described, "best": found})
    elif not top:
        print("\n".join(nearest_lines(result)) or "no trial has completed yet")
    else:
        print("\n".join(line for one in top for line in found_lines(one, result.objective.metrics, result.units)))


def trials(run: Run, csv: Annotated[bool, typer.Option("--csv", help="Write CSV, with every column.")] = False) -> None:
    """Show all trials of a run, in the order in which they were proposed.

    With --csv: the columns trial, status, feasible (where there are constraints), architecture, one for each metric,
    reason, origin, acquisition, proposal_seconds, evaluation_seconds, proposed_at and ended_at (ISO 8601, UTC); and
    tags and note where any trial has them.

        bonag trials first --csv > trials.csv
    """
    from bonag.record import Note
    from loops.counting import report_words
    from loops.history import MOMENT
    from loops.metric_units import column

    result = _load(run)
    if csv:
        result.trials.to_csv(sys.stdout, index=False, lineterminator="\n", date_format=MOMENT)
        return
    ended = [trial.metrics for trial in result.history]
    values = {name: [one[name] for one in ended if name in one] for name in result.objective.metrics}
    columns = {name: column(name, found, result.units) for name, found in values.items()}
    shown = [(name, heading, max(12, len(heading)), scale) for name, (heading, scale) in columns.items()]
    print(f"{'trial':>5}  {'status':9}  ", *(f"{heading:>{width}}  " for _, heading, width, _ in shown), sep="", end="")
    print("architecture")
    for trial in result.history:
        cells = (f"{trial.metrics[m] / by:{w}.6g}" if m in trial.metrics else " " * w for m, _, w, by in shown)
        infeasible = trial.status == "completed" and not result.objective.admits(trial)
        reported = report_words(trial, result.objective.metrics) if trial.status == "running" else None
        parts = ["infeasible" if infeasible else trial.reason, reported, None if trial.is_query else "known"]
        written = result.notes.get(trial.index, Note())
        parts += [*(f"#{tag}" for tag in written.tags), " ".join(written.text.split())]
        note = ", ".join(filter(None, parts))
        print(f"{trial.index:5}  {trial.status:9}  {'  '.join(cells)}  {trial.architecture}", end="")
        print(f"  ({note})" if note else "")


def _load(run: str) -> Result:
    from bonag.api.searching import load

    return load(run)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
