"""How good a trained network is on images, or on a text, that no search has seen."""

# ruff: noqa: PT028 - this test is no test of pytest

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bonag.api.parts import default_threads
from bonag.api.searching import load
from bonag.evaluators.supernet import SupernetEvaluator
from bonag.evaluators.train import TrainEvaluator
from bonag.evaluators.train_text import TrainTextEvaluator
from bonag.evaluators.training import recipe_of, train
from bonag.record.reading import space_of
from bonag.running_trial import RunningTrial
from bonag.training.cutting import read_supernet
from bonag.training.recipe import Recipe, read_hyperparameters
from bonag.training.weights import FILE, TrainedNetwork, read_trained, save_trained, trial_file
from loops.config import RunConfig
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.api.result import Result
    from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True)
class Tested:
    """A network and what it does on the test part.

    metric: what was measured, ``accuracy`` in percent or ``perplexity``. value: of it. examples: on how many. unit:
    what these are: images, characters or words. epochs: of its training. retrained: whether it was trained for this, on
    the training and the validation part. path: the file of its weights. supernet: the file's name, where it was cut
    from one.
    """

    trial: int
    architecture: Architecture
    dataset: str
    metric: str
    value: float
    examples: int
    unit: str
    epochs: int
    retrained: bool
    path: Path
    supernet: str | None = None

    @property
    def accuracy(self) -> float:
        """In percent of ``images`` images; nan for a text."""
        return self.value if self.metric == "accuracy" else math.nan

    @property
    def images(self) -> int:
        """How many it was measured on."""
        return self.examples


def test(
    run: str | Path,
    trial: int | None = None,
    *,
    epochs: int | None = None,
    preset: str | None = None,
    hyperparameters: Sequence[str] = (),
    output: str | Path | None = None,
    space: SearchSpace | None = None,
    report: Callable[[int, int, Mapping[str, object]], None] = lambda epoch, epochs, metrics: None,
) -> Tested:
    """Measure the network of a trial on the test part, which nothing else touches; what ``bonag test`` does.

    run: folder or name of a run whose evaluator is ``train``, or ``supernet`` on a data set. trial: by default the best
    one. epochs, preset, hyperparameters: train it again, as the run did but for these, on all training and validation
    images, a supernet's network alone from fresh weights; without any of them the weights of the search are measured.
    A preset replaces the run's own settings.
    output: where the weights are written, too; `bonag export --weights` takes them.
    report: called after each epoch with its number, how many there are, and metrics.

    A training that is interrupted goes on when it is asked for again. Raises UserError.
    """
    import torch

    torch.set_num_threads(default_threads())
    result = load(run, space)
    index, architecture = _choose(result, trial)
    evaluator = _evaluator(result.config, space or space_of(result.config), epochs, preset, hyperparameters)
    retrained = epochs is not None or preset is not None or bool(hyperparameters)
    path = trial_file(result.path, index)
    if retrained:
        path = _train(evaluator, architecture, path, result.config.seed, report)
    trained = read_trained(path, result.space) if retrained else result.trained(index)
    value, examples = evaluator.test(trained)
    if output is not None:
        _write(trained, Path(output))
    return Tested(
        trial=index,
        architecture=architecture,
        dataset=evaluator.task,
        metric=evaluator.metrics[0],
        value=value,
        examples=examples,
        unit=evaluator.unit,
        epochs=int(trained.facts.get("epochs", 0)),
        retrained=retrained,
        path=path if output is None else Path(output),
        supernet=trained.facts.get("supernet"),
    )


def _choose(result: Result, trial: int | None) -> tuple[int, Architecture]:
    config = result.config
    if config.evaluator == SupernetEvaluator.name and config.dataset is None:
        raise UserError(
            f"run '{config.name}' measured on ImageNet's validation images, and there are no others to test on"
        )
    if config.evaluator not in (TrainEvaluator.name, SupernetEvaluator.name):
        raise UserError(
            f"run '{config.name}' trained no networks: its evaluator is '{config.evaluator}', and it must be "
            f"'{TrainEvaluator.name}' or '{SupernetEvaluator.name}'"
        )
    if trial is None:
        if result.best is None:
            raise UserError(f"run '{config.name}' has no completed trial yet: choose one by --trial")
        trial = result.best.trial
    if not 0 <= trial < len(result.history):
        count = len(result.history)
        raise UserError(f"run '{config.name}' has no trial {trial}: its {count} trials are counted from 0")
    return trial, result.history.trials[trial].architecture


def _evaluator(
    config: RunConfig, space: SearchSpace, epochs: int | None, preset: str | None, hyperparameters: Sequence[str]
) -> TrainEvaluator | TrainTextEvaluator:
    """The run's own, with other settings where they are given."""
    recipe = recipe_of(space)
    texts = _by_name(_network_settings(config.supernet)) if config.supernet is not None else {}
    texts |= {} if preset is not None else _by_name(config.hyperparameters, recipe)
    texts |= {} if epochs is None else _by_name([f"epochs={epochs}"], recipe)
    texts |= _by_name(hyperparameters, recipe)
    if recipe is Recipe and (epochs is not None or preset is not None or hyperparameters):
        # The limit of a quick search is none for the last training.
        texts["images"] = _by_name(hyperparameters).get("images", "images=none")
    data = Path(config.data) if config.data else None
    return train(space, config.dataset, preset or config.preset, tuple(texts.values()), data)


def _network_settings(supernet: str) -> list[str]:
    """Settings by which the networks that are trained are those that the supernet has."""
    file = read_supernet(Path(supernet))
    return [f"image_size={file.image_size or 'none'}", *(f"{name}={value}" for name, value in file.arguments.items())]


def _by_name(texts: Sequence[str], recipe: type = Recipe) -> dict[str, str]:
    read_hyperparameters(texts, recipe)
    return {text.partition("=")[0].strip(): text for text in texts}


def _train(
    evaluator: TrainEvaluator | TrainTextEvaluator,
    architecture: Architecture,
    own: Path,
    seed: int,
    report: Callable[[int, int, Mapping[str, object]], None],
) -> Path:
    def tell(epoch: int, metrics: Mapping[str, object]) -> bool:
        report(epoch, evaluator.recipe.epochs, metrics)
        return True

    # Another recipe is another training, with a checkpoint of its own.
    digest = hashlib.sha256(f"{evaluator.recipe}{evaluator.dataset}{seed}".encode()).hexdigest()[:8]
    folder = own.parent / f"trained-{digest}"
    trial = RunningTrial(seed=seed, space=evaluator.space, folder=folder, tell=tell)
    try:
        evaluator.last_fit(architecture).run_and_keep(trial, preset=evaluator.preset)
    except FloatingPointError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"cannot write into '{folder}': {error.strerror or error}") from error
    return folder / FILE


def _write(trained: TrainedNetwork, path: Path) -> None:
    try:
        save_trained(trained, path)
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror or error}") from error


# Pytest takes a function of this name, wherever it is imported, for a test of its own.
test.__test__ = False  # type: ignore[attr-defined]
