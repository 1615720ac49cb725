"""Experiments that only Ax can read, in the background where there is a background process."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from bonag.insight.progress import report
from bonag.ui.background.growing import Growing, Version
from bonag.ui.source import Source, Summary, View
from loops.gain import gain_of
from loops.history import History
from loops.metric_units import untold
from loops.objective import Goal, Objective
from search_spaces import Architecture
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.ax.reading import Experiment

READING = "Ax is reading this experiment in the background; it appears here in a moment."


@dataclass(frozen=True)
class AxArm:
    """What an experiment that bonag did not make has in place of architectures.

    An arm of an Ax experiment: its name, and its parameters in the order of the search space.
    """

    name: str
    parameters: tuple[tuple[str, str | int | float | bool | None], ...]

    def __str__(self) -> str:
        """``name=value, ...``."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters)


class AxSource(Source):
    """Experiments of Ax. Only they are read: a generation strategy, which may be anybody's own class, is not needed.

    public: where they are, without secrets. live: whether a running trial can go on, as in a database, and not in a
    file that was written once.
    """

    public: str
    live: bool
    _growing: Growing | None = None

    def __getstate__(self) -> dict[str, object]:
        # The background process reads by itself.
        return self.__dict__ | {"_growing": None}

    def read_in_background(self, growing: Growing) -> None:
        """See ``Source``."""
        self._growing = growing

    def stamp(self, key: str) -> Hashable:
        """Changes with the experiment, and when it was read."""
        version = self._version(key)
        return version, self._growing is not None and self._growing.over(self._place(key), version)

    def view(self, key: str, before: View | None = None) -> View:
        """The experiment, or while the background process reads an older view or a placeholder; see ``Source``."""
        name = self._name(key)
        if self._growing is None:
            return self._read(key, name)
        args = (self._place(key), self._version(key), _read, self, key)
        found = self._growing.ask(*args, every=True, first=True)
        if found.job is not None and found.job.error is not None:
            raise UserError(found.job.error)
        return placeholder(key, name, self.public) if found.result is None else cast(View, found.result)

    def experiment(self, key: str) -> Experiment:
        """See ``Source``; it is not connected to where it came from."""
        name = self._name(key)
        try:
            return self._load(name)
        except UserError:
            raise
        except Exception as error:  # whatever Ax makes of what it did not write
            raise self._foreign(name, error) from error

    @abstractmethod
    def _name(self, key: str) -> str:
        """The experiment's name; raises UnknownKeyError."""

    @abstractmethod
    def _version(self, key: str) -> Version:
        """Changes with what is stored; raises UnknownKeyError."""

    @abstractmethod
    def _load(self, name: str) -> Experiment:
        """Read by Ax, as data; raises UserError, or whatever Ax makes of what it did not write."""

    def _read(self, key: str, name: str) -> View:
        experiment = self.experiment(key)
        from bonag.ax.reading import read_experiment

        try:
            # Whatever handles trials of any space handles these, as hashable values that have a text.
            found = read_experiment(experiment, lambda arm, values: cast(Architecture, AxArm(arm, values)))
        except UserError:
            raise
        except Exception as error:
            raise self._foreign(name, error) from error
        history, objective = found.history, found.objective
        state = "finished" if not history.pending else "running" if self.live else "snapshot"
        starts = [trial.proposed_at for trial in history if trial.proposed_at is not None]
        ends = [trial.ended_at for trial in history if trial.ended_at is not None]
        origins = dict.fromkeys(str(trial.provenance["origin"]) for trial in history if "origin" in trial.provenance)
        gain, units = gain_of(history, objective), untold(history.metrics)
        summary = Summary(
            key,
            name,
            "ax",
            state,
            space=found.space.name if found.space else None,
            strategy=", ".join(origins) or None,
            objective=str(objective),
            gain=gain,
            trials=len(history),
            started=min(starts, default=None),
            ended=None if history.pending else max(ends, default=None),
            found=gain.words(objective, units),
        )
        description = " ".join(["An Ax experiment, of which there is no record of bonag's.", *found.notes])
        return View(summary, history, objective, found.space, None, description, None, self.public, (), units)

    def _place(self, key: str) -> tuple[Hashable, ...]:
        return ("reading", self.public, key)

    def _foreign(self, name: str, error: Exception) -> UserError:
        problem = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return UserError(f"Ax {version('ax-platform')} cannot read '{name}' of {self.public}: {problem}")


def placeholder(key: str, name: str, where: str, problem: str | None = None) -> View:
    """What stands for an experiment until it is read, or because it cannot be."""
    summary = Summary(key, name, "ax", "unreadable" if problem else "reading", problem=problem)
    nothing = Objective((Goal("objective"),))
    return View(summary, History(), nothing, None, None, problem or READING, problem, where)


def checksum(value: object) -> Version:
    """A version of what has no number of trials yet."""
    return 0, zlib.crc32(repr(value).encode())


def _read(source: AxSource, key: str) -> View:
    report("Ax is reading the experiment")
    return source.view(key)
