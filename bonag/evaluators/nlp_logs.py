"""The official logs of NAS-Bench-NLP: one JSON file for each training of a cell, in folders or in zip files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from bonag.data_folder import VARIABLE
from bonag.evaluators.data_files import data_folder, missing_data
from bonag.safe_reading import reading
from search_spaces import Architecture, InvalidArchitectureError, NetworkSize
from search_spaces.errors import UserError
from search_spaces.nlp import NLPArchitecture
from search_spaces.nlp.cells import FIRST, MAX_STATES, Cell
from search_spaces.nlp.layout import PTB_WORDS, WIKITEXT_WORDS

# The corpora, by the folder that logs say their data were in, and how many words each has.
CORPORA = {"wikitext2": ("wikitext-2", WIKITEXT_WORDS), "ptb": ("ptb", PTB_WORDS)}
LOG = "log_stats_model_*.json"
# How deep logs may lie: the benchmark's repository has them in folders of its own.
PLACES = (LOG, f"*/{LOG}", f"*/*/{LOG}")
ARCHIVES = ("*logs*.zip", "*/*logs*.zip", "*/*/*logs*.zip")
WHERE = (
    "get them by `git clone https://github.com/fmsnew/nas-bench-nlp-release`, which has them as zip files in "
    "train_logs_single_run, train_logs_multi_runs and train_logs_wikitext-2, and give that folder, or one with the "
    f"files, by --data or {VARIABLE}"
)
# The operations as logs call them.
NAMES = {
    **{f"activation_{theirs}": ours for theirs, ours in (("tanh", "tanh"), ("sigm", "sigmoid"))},
    "activation_leaky_relu": "leaky_relu",
    **{f"elementwise_{op}": op for op in ("sum", "prod")},
    **{op: op for op in ("linear", "blend")},
}
# Of the trainings in the benchmark a loss is at least that of a good model, and at most that of a guess.
LEAST_LOSS, MOST_LOSS = 1.0, 100.0


@dataclass(frozen=True)
class Log:
    """One training of a cell. params: that the log tells.

    validation_loss: the lowest of all epochs (nats a word), and test_loss that of the same epoch; both nan where the
    training diverged. training_time: its seconds.
    """

    architecture: Architecture
    params: int
    validation_loss: float
    test_loss: float
    training_time: float


def network_size(corpus: str) -> NetworkSize:
    """That of the networks which were trained on it."""
    return NetworkSize(CORPORA[corpus][1], None)


def corpora(data_dir: Path | None) -> list[str]:
    """Those of which there are logs; raises UserError where there are none."""
    return list(_places(data_dir))


def read_logs(data_dir: Path | None, corpus: str) -> tuple[Log, ...]:
    """All logs of a corpus, in the order of their names; raises UserError for one that is damaged."""
    found = [log for place in _places(data_dir)[corpus] for log in _read(place, place.stat().st_mtime_ns)]
    return tuple(log for named, log in found if named == corpus)


def read_recipe(recipe: Any) -> NLPArchitecture:
    """The cell of a recipe, as logs have it; raises InvalidArchitectureError for what is none.

    recipe: by node its operation and its inputs, which are other nodes, ``x`` and ``h_prev_0`` to ``h_prev_2``;
    ``h_new_0`` to ``h_new_2`` are the nodes that become states.
    """
    order: list[str] = []
    try:
        while len(order) < len(recipe):
            ready = [
                name
                for name, node in recipe.items()
                if name not in order and all(one not in recipe or one in order for one in node["input"])
            ]
            if not ready:
                raise InvalidArchitectureError("the nodes of a recipe read each other in a circle")
            order += ready
        number = {"x": 0} | {f"h_prev_{state}": 1 + state for state in range(MAX_STATES)}
        number |= {name: FIRST + place for place, name in enumerate(order)}
        nodes = [(NAMES[recipe[name]["op"]], tuple(number[one] for one in recipe[name]["input"])) for name in order]
        ends = [name for state in range(MAX_STATES) if (name := f"h_new_{state}") in recipe]
        return NLPArchitecture.of(Cell(tuple(nodes), tuple(number[name] for name in ends)))
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidArchitectureError(f"a recipe has no {error}") from None


def _places(data_dir: Path | None) -> dict[str, list[Path]]:
    """By corpus, the folders and zip files with logs; raises UserError where there is none."""
    need = "NAS-Bench-NLP's evaluators need its logs"
    folder = data_folder(data_dir, need)
    archives = [folder] if folder.is_file() else sorted({path for one in ARCHIVES for path in folder.glob(one)})
    folders = sorted({path.parent for pattern in PLACES for path in folder.glob(pattern)})
    found: dict[str, list[Path]] = {}
    for place in (*folders, *archives):
        first = next(_texts(place), None)
        if first is not None:
            found.setdefault(_log(*first)[0], []).append(place)
    if not found:
        raise missing_data(data_dir, need, f"; {WHERE}")
    return {corpus: found[corpus] for corpus in CORPORA if corpus in found}


@lru_cache(maxsize=8)
def _read(place: Path, changed: int) -> tuple[tuple[str, Log], ...]:
    """All logs of a folder or a zip file, each with its corpus. changed: when the place was written last."""
    return tuple(_log(where, text) for where, text in _texts(place))


def _texts(place: Path) -> Iterator[tuple[str, bytes]]:
    """The logs of a place with what messages call them."""
    if place.is_dir():
        for path in sorted(place.glob(LOG)):
            with reading(path):
                text = path.read_bytes()
            yield str(path), text
        return
    with reading(place), ZipFile(place) as archive:
        for name in sorted(archive.namelist()):
            if Path(name).match(LOG):
                yield f"{name} in {place}", archive.read(name)


def _log(where: str, text: bytes) -> tuple[str, Log]:
    try:
        said = json.loads(text)
        named = str(said["data"]).rstrip("/").rpartition("/")[2]
        corpus = next((corpus for corpus, (folder, _) in CORPORA.items() if folder == named), None)
        if corpus is None:
            raise ValueError(f"its corpus is '{named}', and of {' or '.join(CORPORA)} it must be")
        architecture = read_recipe(json.loads(said["recepie"]))
        losses = list(zip(said["val_losses"], said["test_losses"], strict=True))
        best = (math.nan, math.nan)
        if said["status"] == "OK":
            best = min(losses)
            if not all(LEAST_LOSS <= loss <= MOST_LOSS for loss in best):
                raise ValueError(f"its losses are {best}")
        return corpus, Log(architecture, int(said["num_params"]), *best, float(sum(said["wall_times"])))
    except (ValueError, KeyError, TypeError) as error:  # InvalidArchitectureError is a ValueError
        raise UserError(f"{where} is no log of NAS-Bench-NLP: {error}; {WHERE}") from error
