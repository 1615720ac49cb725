"""How good a trained network is on images that no search has seen."""

# ruff: noqa: PT028 - this test is no test of pytest

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bonag.api.parts import default_threads
from bonag.api.searching import load
from bonag.evaluators.supernet import SupernetEvaluator
from bonag.evaluators.train import TrainEvaluator
from bonag.running_trial import RunningTrial
from bonag.training.cutting import read_supernet
from bonag.training.recipe import read_hyperparameters
from bonag.training.weights import FILE, TrainedNetwork, read_trained, save_trained, trial_file
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from bonag.api.result import Result
    from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True)
class Tested:
    """A network and what it does on the test images.

    accuracy: in percent of ``images`` images. epochs: of its training. retrained: whether it was trained for this, on
    training and validation images. path: the file of its weights. supernet: the file's name, where it was cut from one.
    """

    trial: int
    architecture: Architecture
    dataset: str
    accuracy: float
    images: int
    epochs: int
    retrained: bool
    path: Path
    supernet: str | None = None


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
    """Measure the network of a trial on the test images, which nothing else touches; what ``bonag test`` does.

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
    evaluator = _evaluator(result, epochs, preset, hyperparameters)
    retrained = epochs is not None or preset is not None or bool(hyperparameters)
    path = trial_file(result.path, index)
    if retrained:
        path = _train(evaluator, architecture, path, result.config.seed, report)
    elif not path.is_file():
        raise UserError(
            f"trial {index} of run '{result.config.name}' has no trained network: train it by --epochs N, or choose "
            "another one"
        )
    trained = read_trained(path, result.space)
    accuracy, images = _measure(trained, evaluator)
    if output is not None:
        _write(trained, Path(output))
    return Tested(
        trial=index,
        architecture=architecture,
        dataset=evaluator.task,
        accuracy=accuracy,
        images=images,
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
    result: Result, epochs: int | None, preset: str | None, hyperparameters: Sequence[str]
) -> TrainEvaluator:
    """The run's own, with other settings where they are given."""
    config = result.config
    texts = _by_name(_network_settings(config.supernet)) if config.supernet is not None else {}
    texts |= {} if preset is not None else _by_name(config.hyperparameters)
    texts |= {} if epochs is None else _by_name([f"epochs={epochs}"])
    texts |= _by_name(hyperparameters)
    if epochs is not None or preset is not None or hyperparameters:
        # The limit of a quick search is none for the last training.
        texts["images"] = _by_name(hyperparameters).get("images", "images=none")
    data = Path(config.data) if config.data else None
    return TrainEvaluator(result.space, config.dataset, preset or config.preset, tuple(texts.values()), data)


def _network_settings(supernet: str) -> list[str]:
    """Settings by which the networks that are trained are those that the supernet has."""
    file = read_supernet(Path(supernet))
    return [f"image_size={file.image_size or 'none'}", *(f"{name}={value}" for name, value in file.arguments.items())]


def _by_name(texts: Sequence[str]) -> dict[str, str]:
    read_hyperparameters(texts)
    return {text.partition("=")[0].strip(): text for text in texts}


def _train(
    evaluator: TrainEvaluator,
    architecture: Architecture,
    own: Path,
    seed: int,
    report: Callable[[int, int, Mapping[str, object]], None],
) -> Path:
    from bonag.training.fitting import Fit
    from bonag.training.images import resplit

    def tell(epoch: int, metrics: Mapping[str, object]) -> bool:
        report(epoch, evaluator.recipe.epochs, metrics)
        return True

    # Another recipe is another training, with a checkpoint of its own.
    digest = hashlib.sha256(f"{evaluator.recipe}{evaluator.dataset}{seed}".encode()).hexdigest()[:8]
    folder = own.parent / f"trained-{digest}"
    trial = RunningTrial(seed=seed, space=evaluator.space, folder=folder, tell=tell)
    fit = Fit(evaluator.space, architecture, resplit(evaluator.images()), evaluator.recipe, evaluator.arguments)
    try:
        network = fit.run(trial)
        save_trained(fit.hand_over(network, preset=evaluator.preset), folder / FILE)
        fit.forget()
    except FloatingPointError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"cannot write into '{folder}': {error.strerror or error}") from error
    return folder / FILE


def _measure(trained: TrainedNetwork, evaluator: TrainEvaluator) -> tuple[float, int]:
    from bonag.device import resolve_device
    from bonag.training.measuring import Pixels, measure

    test = evaluator.images().test
    device: Any = resolve_device("auto")
    pixels = Pixels(trained.mean, trained.stddev, trained.image_size)
    return measure(trained.build().to(device), test, pixels), len(test)


def _write(trained: TrainedNetwork, path: Path) -> None:
    try:
        save_trained(trained, path)
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror or error}") from error


# Pytest takes a function of this name, wherever it is imported, for a test of its own.
test.__test__ = False  # type: ignore[attr-defined]
