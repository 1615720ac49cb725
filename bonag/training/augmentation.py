"""Random changes of whole batches of images, as tensors."""

from __future__ import annotations

import torch


def augment(pixels: torch.Tensor, generator: torch.Generator, crop: int, flip: bool, cutout: int) -> torch.Tensor:
    """Random crop, flip and cutout of (B, C, H, W) uint8 images, each drawn for each image; black fills gaps.

    crop: pixels of black around an image, out of which its own size is cut (He et al., 2016). cutout: the side of a
    square around a random pixel that becomes black (DeVries and Taylor, 2017). generator: on the CPU.
    """
    if crop:
        pixels = _crop(pixels, generator, crop)
    if flip:
        mirrored = torch.rand(len(pixels), generator=generator) < 0.5
        pixels = torch.where(mirrored.to(pixels.device)[:, None, None, None], pixels.flip(3), pixels)
    return _cut_out(pixels, generator, cutout) if cutout else pixels


def _crop(pixels: torch.Tensor, generator: torch.Generator, margin: int) -> torch.Tensor:
    n, _, height, width = pixels.shape
    padded = torch.nn.functional.pad(pixels, (margin,) * 4)
    starts = torch.randint(2 * margin + 1, (2, n), generator=generator)
    rows, columns = (
        (start[:, None] + torch.arange(size)).to(pixels.device)
        for start, size in zip(starts, (height, width), strict=True)
    )
    images = torch.arange(n, device=pixels.device)[:, None, None]
    # Indices around a slice put what they choose first: (B, H, W, C).
    return padded[images, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cut_out(pixels: torch.Tensor, generator: torch.Generator, side: int) -> torch.Tensor:
    n, _, height, width = pixels.shape
    inside = []
    for size in (height, width):
        first = torch.randint(size, (n, 1), generator=generator) - side // 2
        place = torch.arange(size)[None]
        inside.append(((place >= first) & (place < first + side)).to(pixels.device))
    square = inside[0][:, :, None] & inside[1][:, None, :]
    return pixels.masked_fill(square[:, None], 0)
