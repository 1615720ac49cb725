"""What a shell may complete beside commands and options: names of parts and of runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

# By option, the registry in ``bonag.roles`` that knows its names.
REGISTRIES = {
    "space": "SPACES",
    "strategy": "STRATEGIES",
    "acquisition": "ACQUISITIONS",
    "predictor": "PREDICTORS",
    "executor": "EXECUTORS",
    "stop_early": "STOP_RULES",
}


def completer(option: str) -> Callable[..., list[str]] | None:
    """What completes the values of an option of a run, if anything does."""
    if option == "evaluator":
        return _evaluators
    if option not in REGISTRIES:
        return None

    def complete(incomplete: str) -> list[str]:
        from bonag import roles

        return _begun(getattr(roles, REGISTRIES[option]).names(), incomplete)

    return complete


def run_names(incomplete: str) -> list[str]:
    """The runs in ``results/``."""
    return _begun(sorted(path.parent.name for path in Path("results").glob("*/config.json")), incomplete)


def _evaluators(context: typer.Context, incomplete: str) -> list[str]:
    """Those of the space that was typed before, else of any."""
    from bonag.evaluators import evaluator_names

    return _begun(evaluator_names(str(context.params.get("space") or "")), incomplete)


def _begun(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
