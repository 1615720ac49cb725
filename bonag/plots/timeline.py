"""When each evaluation ran, beside which others."""

from __future__ import annotations

import numpy as np

from bonag.plots import notation
from bonag.plots.canvas import canvas, empty
from bonag.plots.measured import why_empty
from bonag.plots.palette import BEST, FAILED, INFEASIBLE, TRIAL
from bonag.plots.plot import Part, Plot
from bonag.plots.seconds import scale_of
from loops.history import History, Trial, TrialStatus

_COLOURS = {
    TrialStatus.COMPLETED: TRIAL, TrialStatus.STOPPED: INFEASIBLE, TrialStatus.FAILED: FAILED,
    TrialStatus.ABANDONED: FAILED, TrialStatus.RUNNING: "#009E73",
}  # fmt: skip
# Evaluations that overlap by less than this share of the shorter one came one after the other.
_OVERLAP = 0.1
_LANE, _AROUND, _LEAST = 26, 120, 260


def timeline(history: History) -> Plot:
    """A line for each evaluation from its beginning to its end, on as few lanes as there were workers.

    One that still runs ends where the latest event is. The lowest lane has the proposals.
    """
    timed = [trial for trial in history if _start(trial) is not None]
    if not timed:
        return empty("time", "", "no times were recorded" if len(history) else why_empty(history))
    timed.sort(key=lambda trial: (_start(trial), trial.index))
    starts = np.array([_start(trial) for trial in timed], dtype=np.float64)
    latest = max(moment for trial in timed for moment in (trial.proposed_at, trial.ended_at) if moment is not None)
    ends = np.array([trial.ended_at or latest for trial in timed], dtype=np.float64)
    ends = np.maximum(ends, starts)
    proposals = [
        (t.proposed_at - t.proposal_seconds, t.proposed_at) for t in timed if t.proposed_at and t.proposal_seconds
    ]
    begun = min(float(starts.min()), *(first for first, _ in proposals), float(starts.min()))
    unit, scale = scale_of(float(ends.max()) - begun)
    lanes = lanes_of(starts, ends)
    count = int(lanes.max()) + 1
    figure = canvas(f"time since it began ({unit})", "", height=max(_LEAST, _LANE * (count + 1) + _AROUND))
    width = 14 if count <= 8 else 8
    if proposals:
        moments = (np.array(proposals) - begun) / scale
        figure.add_trace(_bars(moments, np.zeros(len(moments)), "proposals", BEST, width))
    for status, colour in _COLOURS.items():
        which = np.array([trial.status is status for trial in timed])
        if which.any():
            moments = (np.stack([starts[which], ends[which]], axis=1) - begun) / scale
            trace = _bars(moments, lanes[which] + 1.0, str(status), colour, width)
            trials = [trial for trial, chosen in zip(timed, which, strict=True) if chosen]
            trace |= {"text": [words for trial in trials for words in (_words(trial), _words(trial), "")]}
            figure.add_trace(trace | {"hoverinfo": "text"})
    figure.update_xaxes(rangemode="tozero")
    rows = ["proposals", *(f"worker {lane + 1}" for lane in range(count))]
    every = -(-len(rows) // 20)
    figure.update_yaxes(
        tickvals=list(range(0, len(rows), every)), ticktext=rows[::every], range=[-0.7, count + 0.7], showgrid=False
    )
    busy = float((ends - starts).sum()) / max(count * (float(ends.max()) - float(starts.min())), 1e-9)
    at_once = notation.count(count, "evaluation")
    return Plot(
        figure,
        f"{notation.count(len(timed), 'evaluation')}, at most {at_once} at once: workers were busy {100 * busy:.0f} % "
        "of the time.",
    )


def lanes_of(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The lane of each of n spans, sorted by their starts, such that those of a lane follow one another: (n,) int."""
    free: list[float] = []
    lanes = np.zeros(len(starts), dtype=np.int64)
    for place, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        allowed = start + _OVERLAP * (end - start)
        lane = next((lane for lane, until in enumerate(free) if until <= allowed), len(free))
        free[lane : lane + 1] = [end]
        lanes[place] = lane
    return lanes


def _start(trial: Trial) -> float | None:
    if trial.ended_at is not None and trial.evaluation_seconds is not None:
        return trial.ended_at - trial.evaluation_seconds
    return trial.proposed_at


def _bars(moments: np.ndarray, lanes: np.ndarray, name: str, colour: str, width: int) -> Part:
    """(n, 2) beginnings and ends as one trace with gaps, so that thousands stay light."""
    gap = np.full(len(moments), np.nan)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": np.stack([*moments.T.round(4), gap], axis=1).ravel(),
        "y": np.repeat(lanes, 3),
        "line": {"color": colour, "width": width},
        "opacity": 0.75,
        "hoverinfo": "skip",
    }


def _words(trial: Trial) -> str:
    took = "" if trial.evaluation_seconds is None else f", {notation.number(trial.evaluation_seconds, 's', 3)}"
    return f"<b>trial {trial.index:,}</b>, {trial.status}{took}"
