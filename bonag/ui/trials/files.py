"""The files of a trial's network, made in the background process since they need PyTorch."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from bonag.export import FORMATS, export_network
from bonag.ui.jobs import Job, Jobs
from bonag.ui.worker import report
from search_spaces import Architecture, InvalidArchitectureError, SearchSpace, get_space
from search_spaces.errors import UserError

# Of each format, the ending of its file, and what it is.
KINDS = {
    "state-dict": (".safetensors", "PyTorch weights as safetensors, fresh from seed 0"),
    "onnx": (".onnx", "The network as an ONNX graph, with the same weights"),
    "python": (".py", "The network's source: plain PyTorch that needs nothing of bonag"),
}


@dataclass(frozen=True)
class File:
    """A file that is offered. job: how far it is; None if nobody has asked for it yet, or not for long."""

    format: str
    name: str
    what: str
    job: Job | None

    @property
    def size(self) -> str:
        """How large the file is, once it is there."""
        count = len(self.job.result) if self.job and self.job.result else 0
        return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def file_name(run: str, index: int, format: str) -> str:
    """The name under which the file is downloaded, made of letters that every system takes."""
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in run)
    return f"{safe.lstrip('.-') or 'run'}-trial-{index}{KINDS[format][0]}"


def offered(jobs: Jobs, space: SearchSpace, architecture: Architecture, run: str, index: int) -> list[File]:
    """All formats with how far they are; asks for nothing."""
    return [
        File(format, file_name(run, index, format), KINDS[format][1], jobs.known(_key(space, architecture, format)))
        for format in FORMATS
    ]


def request(jobs: Jobs, space: SearchSpace, architecture: Architecture, format: str) -> Job:
    """Have the file made, also again if that failed before."""
    key = _key(space, architecture, format)
    known = jobs.known(key)
    if known is not None and known.error is not None:
        jobs.forget(key)
    return jobs.request(key, network_file, space.name, str(architecture), format, first=True)


def ready(jobs: Jobs, space: SearchSpace, architecture: Architecture, format: str) -> bytes | None:
    """What is in the file, if it is made."""
    known = jobs.known(_key(space, architecture, format))
    return None if known is None or known.state != "done" else bytes(known.result)


def network_file(space_name: str, text: str, format: str) -> bytes:
    """What `bonag export` writes for this architecture; raises UserError."""
    report("building the network")
    space = get_space(space_name)
    try:
        architecture = space.parse(text)
    except InvalidArchitectureError as error:
        raise UserError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="bonag-") as place:
        path = Path(place) / "network"
        export_network(space, architecture, format, path)
        return path.read_bytes()


def _key(space: SearchSpace, architecture: Architecture, format: str) -> tuple[Hashable, ...]:
    # The network depends on nothing else; a run that goes on does not change it.
    return ("export", space.name, str(architecture), format, 0)
