"""What networks see of an image is what torchvision's transforms make of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from bonag.training.crops import centre_crop, random_crop, read_crop
from search_spaces.errors import UserError


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def by_tensors(image: Image.Image, side: int) -> torch.Tensor:
    """The same without Pillow: (3, side, side), from 0 to 255."""
    x = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].double()
    short = math.ceil(side / 0.875)
    width, height = image.size
    size = (short, short * width // height) if height <= width else (short * height // width, short)
    x = interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)
    top, left = round((size[0] - side) / 2), round((size[1] - side) / 2)
    return x[0, :, top : top + side, left : left + side]


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [(500, 375, 224), (375, 500, 160), (97, 31, 32), (40, 41, 64), (37, 37, 32), (256, 300, 224), (1000, 64, 48)],
)
def test_the_centre_is_that_of_tensors_to_one_grey_level(width, height, side):
    image = picture(width, height)
    crop = np.asarray(centre_crop(image, side))
    assert crop.shape == (side, side, 3)
    expected = by_tensors(image, side).permute(1, 2, 0).numpy()
    assert np.abs(crop - expected).max() <= 1
    assert expected.std() > 5


def test_an_image_of_the_right_size_is_only_cut():
    image = picture(341, 256)
    assert np.array_equal(np.asarray(centre_crop(image, 224)), np.asarray(image)[16:240, 58:282])


def test_random_crops_are_parts_of_the_image_mirrored_or_not():
    # Where a pixel was stands in its colours.
    width, height = 200, 150
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    image = Image.fromarray(np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8))
    areas, mirrored = [], 0
    for seed in range(200):
        crop = np.asarray(random_crop(image, 32, np.random.default_rng(seed))).astype(float)
        assert crop.shape == (32, 32, 3)
        wide, high = np.abs(crop[16, -1, 0] - crop[16, 0, 0]), crop[-1, 16, 1] - crop[0, 16, 1]
        mirrored += crop[16, 0, 0] > crop[16, -1, 0]
        areas.append(wide * high / (width * height))
    assert 70 < mirrored < 130
    assert min(areas) < 0.15
    # Of the largest part the colours may be brighter.
    assert 0.7 < max(areas) < 1.3
    assert 0.3 < np.median(areas) < 0.6


def test_random_crops_change_brightness_and_saturation_within_bounds():
    image = Image.new("RGB", (64, 64), (100, 100, 100))
    grey = [np.asarray(random_crop(image, 32, np.random.default_rng(seed))).mean() / 100 for seed in range(300)]
    assert 1 - 32 / 255 - 0.01 <= min(grey) < 0.9
    assert 1.1 < max(grey) <= 1 + 32 / 255 + 0.01
    red = Image.new("RGB", (64, 64), (150, 100, 100))
    spread = [np.ptp(np.asarray(random_crop(red, 32, np.random.default_rng(seed)))[0, 0]) / 50.0 for seed in range(300)]
    assert 0.4 < min(spread) < 0.6
    assert 1.4 < max(spread) < 1.8


def test_random_crops_are_functions_of_the_seed_and_images_of_any_shape_have_them():
    image = picture(90, 60)
    one, same, other = (np.asarray(random_crop(image, 32, np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    for size in ((1, 100), (100, 1), (1, 1)):
        assert random_crop(picture(*size), 32, np.random.default_rng(0)).size == (32, 32)


def test_images_of_every_mode_have_three_channels(tmp_path):
    colours = {"RGB": (200, 30, 60), "L": 90, "CMYK": (0, 255, 255, 0), "P": 3, "LA": (90, 255), "1": 1, "I;16": 300}
    for mode, colour in colours.items():
        path = tmp_path / f"{mode.replace(';', '')}.tif"
        Image.new(mode, (40, 50), colour).save(path)
        assert read_crop(path, 32).shape == (3, 32, 32)
        assert read_crop(path, 32, np.random.default_rng(0)).dtype == np.uint8
    assert read_crop(tmp_path / "RGB.tif", 32)[:, 0, 0].tolist() == [200, 30, 60]
    assert read_crop(tmp_path / "L.tif", 32)[:, 0, 0].tolist() == [90, 90, 90]
    red = read_crop(tmp_path / "CMYK.tif", 32)[:, 0, 0]
    assert red[0] > 200
    assert red[1] < 50


def test_what_is_no_image_is_named_in_one_line(tmp_path):
    picture(60, 50).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    for name, content in (("text.JPEG", b"no image"), ("half.JPEG", whole[: len(whole) // 2]), ("empty.JPEG", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"^cannot read .*{name}: ") as error:
            read_crop(tmp_path / name, 32)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"cannot read .*absent.JPEG: .*No such file"):
        read_crop(tmp_path / "absent.JPEG", 32)
