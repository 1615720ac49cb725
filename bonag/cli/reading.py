"""`bonag status`, `bonag best` and `bonag trials`: they read, also while a run is live, and change nothing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bonag.api.result import Result

Run = Annotated[str, typer.Argument(metavar="RUN", help="Folder of the run, or its name in results/.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def status(run: Run, as_json: Json = False) -> None:
    """Show how a run stands.

    With --json: an object with run, path, state (running, finished, stopped, interrupted), reason, space, evaluator,
    task, objective, strategy, seed, budget, trials, completed, failed, running, and best (null, or an object with
    trial, architecture, metrics, params, macs).
    """
    from bonag.cli.wording import found_json, summary_lines

    result = _load(run)
    if not as_json:
        config = result.config
        task = f" on {config.task}" if config.task else ""
        print(f"run {config.name} in {result.path}")
        print(f"space {config.space}, evaluator {config.evaluator}{task}, objective {config.objective}, ", end="")
        print(f"strategy {config.strategy}, seed {config.seed}")
        print("\n".join(summary_lines(result)))
        return
    config, history = result.config, result.history
    names = ("space", "evaluator", "task", "objective", "strategy", "seed", "budget")
    _print_json(
        {
            "run": config.name,
            "path": str(result.path),
            "state": str(result.state),
            "reason": result.reason,
            **{name: getattr(config, name) for name in names},
            "trials": len(history),
            "completed": len(history.completed),
            "failed": sum(trial.status == "failed" for trial in history),
            "running": len(history.pending),
            "best": None if result.best is None else found_json(result.best),
        }
    )


def best(
    run: Run,
    k: Annotated[int, typer.Option("-k", "--top", min=1, help="How many.")] = 5,
    as_json: Json = False,
) -> None:
    """Show the best trials of a run, best first.

    With --json: an object with run, objective, and best, a list of objects with trial, architecture, metrics, params,
    macs.
    """
    from bonag.cli.wording import found_json, found_lines

    result = _load(run)
    top = result.top(k)
    if as_json:
        found = [found_json(one) for one in top]
        _print_json({"run": result.config.name, "objective": result.config.objective, "best": found})
    elif not top:
        print("no trial has completed yet")
    else:
        print("\n".join(line for one in top for line in found_lines(one, result.objective.goal.metric)))


def trials(run: Run, csv: Annotated[bool, typer.Option("--csv", help="Write CSV, with every column.")] = False) -> None:
    """Show all trials of a run, in the order in which they were proposed."""
    result = _load(run)
    if csv:
        result.trials.to_csv(sys.stdout, index=False, lineterminator="\n")
        return
    metric = result.objective.goal.metric
    print(f"{'trial':>5}  {'status':9}  {metric:>12}  architecture")
    for trial in result.history:
        value = f"{trial.metrics[metric]:12.6g}" if metric in trial.metrics else " " * 12
        print(f"{trial.index:5}  {trial.status:9}  {value}  {trial.architecture}", end="")
        print(f"  ({trial.reason})" if trial.reason else "")


def _load(run: str) -> Result:
    from bonag.api.searching import load

    return load(run)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
