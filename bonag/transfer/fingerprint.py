"""The fingerprint of a data set: statistics of features by a network that is the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from bonag.transfer import efficientnet
from loops.fingerprint import Fingerprint
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

if TYPE_CHECKING:
    import torch

FILTERS, NONE = "random-filters", "none"
# Of the features that are kept, and of the factors of their covariance in a class.
FEATURES, RANK = 64, 2
MOST_CLASSES = 100
# Images are chosen by a hash of some of their pixels, among at most so many images.
HASHED_IMAGES, HASHED_PIXELS, CHUNK = 50_000, 1024, 2048
BATCH = 64


@dataclass(frozen=True)
class FeatureNetwork:
    """A network whose features are a data set's fingerprint.

    side: of the images that it takes, in pixels. images: how many of a data set it looks at. make: gives a function
    from (B, 3, side, side) normalised images to (B, F) features.
    """

    side: int
    images: int
    make: Callable[[], Callable[[torch.Tensor], torch.Tensor]]


def fingerprint(
    pixels: torch.Tensor,
    labels: np.ndarray,
    network: str = FILTERS,
    *,
    side: int | None = None,
    images: int | None = None,
) -> Fingerprint:
    """That of (N, 1 or 3, H, W) uint8 images with (N,) labels; it does not depend on their order. Raises UserError.

    side: in pixels, to which images are brought for training. images: how many of them are trained with, at most.
    """
    import torch

    chosen = FEATURE_NETWORKS[check_network(network)]
    rows = _choose(pixels, labels, chosen.images)
    classes, counts = np.unique(labels, return_counts=True)
    shares = dict(
        zip(classes.tolist(), (counts * min(1.0, (images or len(labels)) / len(labels))).tolist(), strict=True)
    )
    side = side or int(pixels.shape[-1])
    together = np.concatenate(list(rows.values()))
    with torch.inference_mode():
        seen = _normalised(pixels[torch.from_numpy(together)], side)
        features = _features(network, seen).double().numpy()
    parts = np.split(features, np.cumsum([len(one) for one in rows.values()])[:-1])
    statistics = np.stack([_statistics(part) for part in parts]).astype(np.float16)
    return Fingerprint(network, side, np.array([shares[label] for label in rows]), statistics)


def check_network(name: str) -> str:
    """The name itself, or ``none``; raises UserError where there is no such network."""
    if name not in (*FEATURE_NETWORKS, NONE):
        raise UserError(f"unknown fingerprint '{name}': {suggestion(name, (*FEATURE_NETWORKS, NONE))}")
    return name


def _choose(pixels: torch.Tensor, labels: np.ndarray, n: int) -> dict[int, np.ndarray]:
    """By class, the places of at most n images together, chosen and ordered by what they show."""
    few = min(len(labels), HASHED_IMAGES)
    candidates = np.arange(few) * len(labels) // few
    keys, of_class = _hashes(pixels, candidates), labels[candidates]
    classes = np.unique(of_class)
    if len(classes) > MOST_CLASSES:
        classes = classes[np.arange(MOST_CLASSES) * len(classes) // MOST_CLASSES]
    each = max(2, n // len(classes))
    order = np.argsort(keys, kind="stable")
    return {int(label): candidates[order[of_class[order] == label][:each]] for label in classes}


def _hashes(pixels: torch.Tensor, rows: np.ndarray) -> np.ndarray:
    """(n,) uint64 of so many images."""
    import torch

    flat = pixels.reshape(len(pixels), -1)
    size = flat.shape[1]
    used = min(size, HASHED_PIXELS)
    places = torch.from_numpy(np.arange(used) * size // used)
    weights = np.random.PCG64(0).random_raw(used) | np.uint64(1)
    found = []
    for start in range(0, len(rows), CHUNK):
        values = flat[torch.from_numpy(rows[start : start + CHUNK])][:, places].numpy()
        found.append(values.astype(np.uint64) @ weights)
    keys = np.concatenate(found)
    # Neighbours in brightness are none in the order: the finaliser of MurmurHash3.
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(factor)
    return np.asarray(keys ^ (keys >> np.uint64(33)))


def _normalised(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """(B, C, H, W) uint8 -> (B, 3, side, side) float32; each channel has mean 0 and standard deviation 1 over all."""
    values = _resized(pixels.float() / 255, side)
    means = values.double().mean((0, 2, 3)).float()
    spreads = values.double().std((0, 2, 3), correction=0).clamp_min(1e-3).float()
    return ((values - means[:, None, None]) / spreads[:, None, None]).expand(-1, 3, -1, -1)


def _resized(values: torch.Tensor, side: int) -> torch.Tensor:
    from torch.nn.functional import interpolate

    if values.shape[-1] == side:
        return values
    return interpolate(values, (side, side), mode="bilinear", antialias=True, align_corners=False)


def _features(network: str, values: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) -> (B, FEATURES)."""
    import torch

    extract, side = _made(network), FEATURE_NETWORKS[network].side
    return torch.cat([extract(_resized(part, side)) for part in values.split(BATCH)])


def _statistics(features: np.ndarray) -> np.ndarray:
    """(n, D) features of a class -> (2 + RANK, D): means, standard deviations beside the factors, factors."""
    means = features.mean(axis=0)
    centred = (features - means) / max(1, len(features) - 1) ** 0.5
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    factors = np.zeros((RANK, features.shape[1]))
    kept = min(RANK, len(values))
    factors[:kept] = values[:kept, None] * directions[:kept]
    # Of the two signs of a direction, the one in which its largest entry is positive.
    largest = np.take_along_axis(factors, np.abs(factors).argmax(axis=1)[:, None], axis=1)
    factors *= np.where(largest < 0, -1.0, 1.0)
    rest = np.maximum((centred**2).sum(axis=0) - (factors**2).sum(axis=0), 0.0)
    return np.concatenate([[means, np.sqrt(rest)], factors])


@lru_cache(maxsize=1)
def _made(network: str) -> Callable[[torch.Tensor], torch.Tensor]:
    return FEATURE_NETWORKS[network].make()


def _random_filters() -> Callable[[torch.Tensor], torch.Tensor]:
    """Three layers of 3x3 filters that were drawn once, without mean; the features are how strongly each responds."""
    import torch
    from torch.nn.functional import avg_pool2d, conv2d

    filters, inputs = [], 3
    for seed, outputs in enumerate((16, 16, 32)):
        # The raw numbers of a bit generator are the same in every version of NumPy.
        raw = np.random.PCG64(seed).random_raw(outputs * inputs * 9)
        drawn = (raw / 2.0**64 - 0.5).reshape(outputs, inputs, 3, 3)
        drawn -= drawn.mean(axis=(1, 2, 3), keepdims=True)
        drawn /= np.sqrt((drawn**2).sum(axis=(1, 2, 3), keepdims=True))
        filters.append(torch.from_numpy(drawn).float())
        inputs = outputs

    def extract(images: torch.Tensor) -> torch.Tensor:
        found = []
        for weights in filters:
            images = conv2d(images, weights, padding=1).relu()
            found.append(images.mean((2, 3)))
            images = avg_pool2d(images, 2)
            # Filters in a row would make everything small.
            images = images * 3
        return torch.cat(found, dim=1)

    return extract


FEATURE_NETWORKS = {
    FILTERS: FeatureNetwork(32, 2000, _random_filters),
    efficientnet.NAME: FeatureNetwork(96, 400, lambda: efficientnet.make(FEATURES)),
}
