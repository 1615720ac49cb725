"""What networks see of an image of ImageNet: the centre when they are measured, any part when they learn.

The same images as those of torchvision's transforms ``Resize``, ``CenterCrop``, ``RandomResizedCrop``,
``RandomHorizontalFlip`` and ``ColorJitter`` by Pillow, which the networks of Once-for-All were trained and measured on.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bonag.training.pictures import unreadable

if TYPE_CHECKING:
    from PIL.Image import Image

# The side of the crop as a share of the image's shorter side.
CENTRE = 0.875
# Of a random crop: its share of the area, and width to height. Of colours: how far brightness and saturation go from 1.
AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
BRIGHTNESS, SATURATION = 32 / 255, 0.5
TRIES = 10


def read_crop(path: Path, side: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """(3, side, side) uint8: the centre of the image, or with ``rng`` a random part of it; raises UserError."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            colours = image.convert("RGB")
            crop = centre_crop(colours, side) if rng is None else random_crop(colours, side, rng)
            return np.asarray(crop).transpose(2, 0, 1)
    except Exception as error:  # decoders of damaged files raise whatever they like
        raise unreadable(path, error) from error


def centre_crop(image: Image, side: int) -> Image:
    """Shorter side brought to side / 0.875, bilinear with antialias, then the middle (side, side)."""
    from PIL.Image import Resampling

    short = math.ceil(side / CENTRE)
    scale = short / min(image.size)
    width, height = (short if edge == min(image.size) else int(short * edge / min(image.size)) for edge in image.size)
    resized = image if scale == 1 else image.resize((width, height), Resampling.BILINEAR)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return resized.crop((left, top, left + side, top + side))


def random_crop(image: Image, side: int, rng: np.random.Generator) -> Image:
    """A random part brought to (side, side), mirrored or not, of other brightness and saturation."""
    from PIL import ImageEnhance, ImageOps
    from PIL.Image import Resampling

    crop = image.crop(_random_box(*image.size, rng)).resize((side, side), Resampling.BILINEAR)
    if rng.random() < 0.5:
        crop = ImageOps.mirror(crop)
    changes = [
        (ImageEnhance.Brightness, rng.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS)),
        (ImageEnhance.Color, rng.uniform(1 - SATURATION, 1 + SATURATION)),
    ]
    for place in rng.permutation(len(changes)):
        enhance, factor = changes[place]
        crop = enhance(crop).enhance(factor)
    return crop


def _random_box(width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    for _ in range(TRIES):
        area = width * height * rng.uniform(*AREA)
        ratio = math.exp(rng.uniform(*np.log(RATIO)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return left, top, left + w, top + h
    # The middle, as near to the whole as the ratio may be.
    w = min(width, round(height * RATIO[1]))
    h = min(height, round(width / RATIO[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h
