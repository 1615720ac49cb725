"""The training of supernets, from Python."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from bonag.api.generating import torch_device
from bonag.api.parts import default_threads
from bonag.elastic.checkpoint import Checkpoint
from bonag.elastic.file import save_supernet
from bonag.elastic.fitting import SupernetFit, SupernetProgress
from bonag.elastic.phases import METHODS, phases_of
from bonag.elastic.recipe import SupernetRecipe, make_supernet_recipe
from bonag.names import SpaceName
from bonag.plots.supernet_curve import write_supernet_curve
from bonag.training.datasets import DIGITS, load_dataset
from bonag.training.images import Dataset
from bonag.training.networks import check_networks
from bonag.training.recipe import read_hyperparameters
from bonag.whole_file import check_writable, whole_file
from search_spaces import NetworkSize, SearchSpace, get_space
from search_spaces.errors import UserError
from search_spaces.mbv3 import MBV3
from search_spaces.mbv3.layout import scaled_layout

METHOD, PRESET, WIDTH = next(iter(METHODS)), "quick", 1.0


@dataclass(frozen=True)
class TrainedSupernet:
    """A training that has ended: the supernet's file, its curve (a row an epoch), and the files that show it."""

    path: Path
    curve: Sequence[Mapping[str, Any]]
    table: Path
    figure: Path


@dataclass(frozen=True)
class SupernetTraining:
    """A training whose settings are checked when it is made, before anything is computed or written.

    path: of the file to write, of safetensors. Beside it are the curve as a table (.csv) and a figure (.svg), written
        anew after each epoch, and ``path.checkpoint`` while the training is unfinished: the same training goes on
        with it.
    dataset: a name or a path, as in ``--evaluator train``. width: times the channels of the usual networks.
    method: ``shrinking`` (Cai et al., ICLR 2020) or ``sandwich`` (Yu et al., ECCV 2020).
    preset: ``quick`` or ``long``. hyperparameters: ``name=value``. data: the folder of data sets that have a name.

    Raises UserError.
    """

    space: SpaceName | str | SearchSpace
    path: str | Path
    dataset: str = DIGITS
    width: float = WIDTH
    method: str = METHOD
    preset: str = PRESET
    hyperparameters: Sequence[str] = ()
    data: str | Path | None = None
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        torch.set_num_threads(default_threads())
        self._check_space()
        phases_of(self.method)
        if self.seed < 0:
            raise UserError(f"seed must be at least 0, not {self.seed}")
        side = self.recipe.image_size or self.images.side
        check_networks(get_space(self.space), NetworkSize(self.images.num_classes, side, {"width": self.width}))
        self._check_path()
        self.checkpoint.load()

    @cached_property
    def images(self) -> Dataset:
        """The data set."""
        size = read_hyperparameters(self.hyperparameters, SupernetRecipe).get("image_size")
        return load_dataset(self.dataset, None if self.data is None else Path(self.data), size)

    @cached_property
    def recipe(self) -> SupernetRecipe:
        """How it is trained."""
        return make_supernet_recipe(self.preset, self.images, self.hyperparameters)

    @cached_property
    def torch_device(self) -> str:
        """``cpu`` or ``cuda``."""
        return torch_device(self.device)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """Keeps the state of the training until it ends."""
        settings = {name: getattr(self, name) for name in ("dataset", "width", "method", "seed")}
        recipe = {f"hyperparameter {name}": value for name, value in vars(self.recipe).items()}
        return Checkpoint(Path(f"{self.path}.checkpoint"), {**settings, **recipe})

    def beside(self, ending: str) -> Path:
        """A file beside the one to write."""
        return Path(self.path).with_suffix(ending)

    def describe(self) -> str:
        """What is trained, in words."""
        return f"a supernet of {MBV3.name}, width {self.width:g}, on {self.images.describe()}: {self.recipe.describe()}"

    def run(self, report: Callable[[SupernetProgress], None] | None = None) -> TrainedSupernet:
        """Train, and write the files; raises UserError, and FloatingPointError where the training diverges.

        report: called after each step. Interrupted by KeyboardInterrupt from there, it leaves its checkpoint.
        """
        torch.set_num_threads(default_threads())
        fit = SupernetFit(self.images, self.recipe, self.method, self.width, self.seed, self.torch_device)
        shown = 0

        def show(progress: SupernetProgress) -> None:
            nonlocal shown
            if len(progress.curve) > shown:
                shown = len(progress.curve)
                self._show(progress.curve)
            if report is not None:
                report(progress)

        network = fit.run(self.checkpoint, show)
        path = Path(self.path)
        try:
            save_supernet(fit, network, path, preset=self.preset)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error
        self.checkpoint.forget()
        return TrainedSupernet(path, fit.curve, self.beside(".csv"), self.beside(".svg"))

    def _show(self, curve: Sequence[Mapping[str, Any]]) -> None:
        try:
            with whole_file(self.beside(".csv")) as temporary, temporary.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(curve[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(curve)
            write_supernet_curve(curve, self.beside(".svg"))
        except OSError as error:
            raise UserError(f"cannot write {error.filename or self.beside('.csv')}: {error.strerror}") from error

    def _check_space(self) -> None:
        name = get_space(self.space).name
        if name != MBV3.name:
            raise UserError(f"space '{name}' has no supernet to train: choose '{MBV3.name}'")
        try:
            scaled_layout(self.width)
        except ValueError as error:
            raise UserError(str(error)) from error

    def _check_path(self) -> None:
        path = Path(self.path)
        if path.suffix != ".safetensors":
            raise UserError(f"{path} must end in .safetensors")
        if path.is_file():
            raise UserError(f"{path} is there already: choose another name, or delete it")
        for one in (path, self.checkpoint.path, self.beside(".csv"), self.beside(".svg")):
            check_writable(one)


def train_supernet(
    space: SpaceName | str | SearchSpace,
    path: str | Path,
    *settings: Any,
    report: Callable[[SupernetProgress], None] | None = None,
    **named: Any,
) -> TrainedSupernet:
    """Train a supernet of a space and write it to a file; what ``bonag train-supernet`` does.

    settings, named: of ``SupernetTraining``: ``dataset="digits"``, ``width=1.0``, ``method="shrinking"``,
        ``preset="quick"``, ``hyperparameters=()``, ``data=None``, ``seed=0``, ``device="auto"``.
    report: called after each step.

    Raises UserError. An interrupted training leaves its checkpoint, with which the same call goes on.
    """
    return SupernetTraining(space, path, *settings, **named).run(report)
