"""The files of a trial's network, made in the background process since they need PyTorch."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from bonag.export import FORMATS, export_network
from bonag.insight.progress import report
from bonag.ui.background.growing import Growing, Standing
from bonag.ui.background.jobs import Job
from search_spaces import Architecture, InvalidArchitectureError, NetworkSize, SearchSpace, get_space
from search_spaces.errors import UserError

# Of each format, the ending of its file, and what it is.
KINDS = {
    "state-dict": (".safetensors", "PyTorch weights as safetensors, {weights}"),
    "onnx": (".onnx", "The network as an ONNX graph, with weights that are {weights}"),
    "python": (".py", "The network's source: plain PyTorch that needs nothing of bonag"),
}
# The network depends on nothing else; a run that goes on does not change it.
_ONLY = (0, 0)
TRAINED, RANDOM = "as the search trained them", "random: nothing is learnt yet"


@dataclass(frozen=True)
class File:
    """A file that is offered. content: when it is there. job: making it, or how that failed; None where neither."""

    format: str
    name: str
    what: str
    content: bytes | None
    job: Job | None

    @property
    def size(self) -> str:
        """How large the file is, once it is there."""
        count = len(self.content or b"")
        return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def file_name(run: str, index: int, format: str) -> str:
    """The name under which the file is downloaded, made of letters that every system takes."""
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in run)
    return f"{safe.lstrip('.-') or 'run'}-trial-{index}{KINDS[format][0]}"


def offer(
    growing: Growing, space: SearchSpace, architecture: Architecture, run: str, index: int, weights: Path | None = None
) -> list[File]:
    """All formats with how far they are; asks for nothing. weights: the file of the trained network, if any."""
    words = RANDOM if weights is None else TRAINED
    found = {format: growing.look(_place(space, architecture, format, weights), _ONLY) for format in FORMATS}
    return [
        File(
            format, file_name(run, index, format), KINDS[format][1].format(weights=words), standing.result, standing.job
        )
        for format, standing in found.items()
    ]


def request(
    growing: Growing, space: SearchSpace, architecture: Architecture, format: str, weights: Path | None = None
) -> Standing:
    """Have the file made, also again if that failed before."""
    place = _place(space, architecture, format, weights)
    file = None if weights is None else str(weights)
    asked = space.name, space.network_size, str(architecture), format
    growing.again(place)
    return growing.ask(place, _ONLY, network_file, *asked, file, every=True, first=True)


def network_file(space_name: str, size: NetworkSize, text: str, format: str, weights: str | None = None) -> bytes:
    """What `bonag export` writes for this architecture of a run with networks of that size; raises UserError."""
    report("building the network")
    space = get_space(space_name).at(size)
    try:
        architecture = space.parse(text)
    except InvalidArchitectureError as error:
        raise UserError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="bonag-") as place:
        path = Path(place) / "network"
        export_network(space, architecture, format, path, weights=None if weights is None else Path(weights))
        return path.read_bytes()


def _place(space: SearchSpace, architecture: Architecture, format: str, weights: Path | None) -> tuple[Hashable, ...]:
    file = None if weights is None else str(weights)
    return ("export", space.name, str(space.network_size), str(architecture), format, file)
