"""Cuts the network of an architecture out of a supernet, and measures it on images."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bonag.running_trial import RunningTrial
from bonag.training.cutting import SupernetFile, read_supernet
from bonag.training.datasets import NAMES
from bonag.training.supernet_images import DatasetImages, SupernetImages, TreeImages, read_once
from bonag.training.weights import FILE, save_trained
from search_spaces import Architecture, SearchSpace
from search_spaces.errors import UserError

if TYPE_CHECKING:
    import torch

    from bonag.training.images import Images
    from bonag.training.measuring import Pixels

TASK = "imagenet"
SMALLEST, LARGEST = 32, 1024
# Classes among which five are not nearly all.
SEVERAL = 10
# Seconds between lines that tell how far an evaluation is.
TELL_EVERY = 10.0


class SupernetEvaluator:
    """The accuracy (%) of an architecture's network with weights of a supernet, which nothing trains further.

    Its batch norm statistics are measured anew before, and the network is left in the trial's folder. The evaluator is
    checked with its data when it is made, and travels without them.
    """

    name = "supernet"
    looks_up = False

    def __init__(
        self,
        space: SearchSpace,
        supernet: str | None = None,
        imagenet: str | None = None,
        dataset: str | None = None,
        images: int | None = None,
        task: str | None = None,
        data: Path | None = None,
    ) -> None:
        """supernet: file. imagenet: folder, see ``ImageTree``; or dataset: a name or a path, by default what the
        supernet's file says. images: how many validation images, all where None. task: of ImageNet ``imagenet`` and the
        images' side in pixels, which is theirs then. data: the folder in which data sets that have a name are looked
        for. Raises UserError.
        """
        if supernet is None:
            raise UserError("evaluator 'supernet' needs a supernet: give its file by --supernet FILE")
        # A run may be gone on with from another folder.
        self.space, self.supernet = space, str(Path(supernet).expanduser().absolute())
        self.imagenet: str | None = None
        self.dataset: str | None = None
        file = self.file()
        if imagenet is not None and dataset is not None:
            raise UserError("evaluator 'supernet' measures on one kind of images: give --imagenet or --dataset")
        if imagenet is not None:
            self.imagenet = str(Path(imagenet).expanduser().absolute())
            self.image_size = _side(task) or file.image_size or space.image_size
            self.source: SupernetImages = TreeImages(Path(self.imagenet), self.image_size, images)
            self.task = f"{TASK}{self.image_size}"
        else:
            self.dataset = _named(dataset or file.dataset)
            found = DatasetImages(self.dataset, data, images, file.image_size)
            self.source, self.task, self.image_size = found, found.dataset.name, file.image_size or found.side
        if self.source.num_classes != file.num_classes:
            raise UserError(
                f"the supernet {supernet} tells {file.num_classes} classes apart, and there are "
                f"{self.source.num_classes} in {self.imagenet or self.dataset}: give the images that it is for"
            )
        self.num_classes, self.arguments = file.num_classes, file.arguments
        self.metrics = ("accuracy", "accuracy_top5", "loss") if self.num_classes > SEVERAL else ("accuracy", "loss")
        self.description = (
            f"Networks with weights of {file.describe()}, which nothing trains further, and batch norm statistics of "
            f"their own. {self.source.describe()} Beside it {' and '.join(self.metrics[1:])} (cross-entropy)."
        )

    def file(self) -> SupernetFile:
        """The supernet, read once in a process."""
        return read_supernet(Path(self.supernet))

    def evaluate(self, architecture: Architecture, trial: RunningTrial) -> dict[str, float]:
        """Cut, recalibrate and measure the network, and write it into the trial's folder."""
        from dataclasses import replace

        from bonag.training.batch_size import images_at_once
        from bonag.training.measuring import Pixels, measure_closely
        from bonag.training.recalibration import recalibrate

        say = _Teller()
        statistics, validation = read_once(self.source, lambda done, all: say(f"decoded {done:,} of {all:,} images"))
        trained = self.file().cut(self.space, architecture, self.image_size)
        network = trained.build().to(trial.device)
        pixels = Pixels(trained.mean, trained.stddev, self.image_size)
        count = recalibrate(network, _batches(statistics, pixels, trial.device, say))
        say(f"batch norm statistics of {count:,} images", always=True)
        measured = measure_closely(
            network,
            validation,
            pixels,
            images_at_once(network, self.image_size, trial.device),
            lambda seen, right: say(
                f"{seen:,} of {len(validation):,} images, accuracy {100 * right / seen:.2f} so far"
            ),
        )
        facts = {**trained.facts, "recalibrated": f"{count} images", "task": self.task}
        save_trained(replace(trained, state=network.cpu().state_dict(), facts=facts), trial.folder / FILE)
        values = {"accuracy": measured.accuracy, "accuracy_top5": measured.top5, "loss": measured.loss}
        return {name: values[name] for name in self.metrics}


class _Teller:
    """Prints, into the trial's output, at most every ten seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, text: str, always: bool = False) -> None:
        if always or time.monotonic() - self._last >= TELL_EVERY:
            print(text, flush=True)
            self._last = time.monotonic()


def _batches(images: Images, pixels: Pixels, device: str, say: _Teller) -> Iterator[torch.Tensor]:
    from bonag.training.recalibration import BATCH

    for start in range(0, len(images), BATCH):
        say(f"batch norm statistics of {start:,} of {len(images):,} images")
        yield pixels.prepare(images.pixels[start : start + BATCH].to(device))


def _side(task: str | None) -> int | None:
    """The pixels in the name of a task; raises UserError for what is none of ImageNet."""
    if task is None:
        return None
    match = re.fullmatch(rf"{TASK}(\d{{1,9}})", task)
    if match is None or not SMALLEST <= int(match[1]) <= LARGEST:
        raise UserError(
            f"evaluator 'supernet' has no task '{task}': it must be '{TASK}' and the pixels of an image's side, from "
            f"{SMALLEST} to {LARGEST}, as in {TASK}224"
        )
    return int(match[1])


def _named(dataset: str | None) -> str:
    if dataset is None:
        raise UserError("evaluator 'supernet' needs images: give them by --imagenet DIR or --dataset NAME")
    path = Path(dataset).expanduser()
    return str(path.absolute()) if dataset not in NAMES and path.exists() else dataset
