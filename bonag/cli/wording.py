"""How results are put into words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonag.api.result import Found, Result

DEFAULT_OUT = Path("results")
# Metrics shown to people; a table of latencies has dozens.
SHOWN = 4


def run_argument(path: Path) -> str:
    """What to type for this run: its name where that is enough, else its folder."""
    return path.name if path.parent == DEFAULT_OUT else str(path)


def found_json(found: Found) -> dict[str, Any]:
    """A trial with its costs, for ``--json``."""
    return {
        "trial": found.trial,
        "architecture": str(found.architecture),
        "metrics": dict(found.metrics),
        "params": found.params,
        "macs": found.macs,
    }


def found_lines(found: Found, metric: str) -> list[str]:
    """A trial with its costs, for people; the metric that is the objective comes first."""
    names = [metric, *(name for name in found.metrics if name not in (metric, "params", "macs"))]
    metrics = [f"{name} {found.metrics[name]:.6g}" for name in names]
    if len(metrics) > SHOWN:
        metrics[SHOWN:] = [f"{len(metrics) - SHOWN} more metrics (--json)"]
    return [
        f"trial {found.trial}: {', '.join(metrics)}, {found.params / 1e6:.2f} M params, {found.macs / 1e6:.1f} M MACs",
        f"  {found.architecture}",
    ]


def summary_lines(result: Result) -> list[str]:
    """How the run stands, and its best trial."""
    failed = sum(trial.status == "failed" for trial in result.history)
    lines = [
        f"{result.state}: {len(result.history)} trials"
        + (f" of {result.config.budget}" if result.config.budget is not None else "")
        + (f", {failed} failed" if failed else "")
        + (f" ({result.reason})" if result.reason else "")
    ]
    if result.best is not None:
        first, second = found_lines(result.best, result.objective.goal.metric)
        lines += [f"best {first}", second]
    return lines
