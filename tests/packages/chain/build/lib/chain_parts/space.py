"""Networks of six blocks in a row."""

from __future__ import annotations

from torch import Tensor, nn

from search_spaces import Architecture, ProductSpace, Site

WIDTH = 16
KERNELS = {"mbconv3": 3, "mbconv5": 5}


class MBConv(nn.Module):
    """Expansion, depthwise convolution, projection, and the input on top."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        mid = 3 * width
        self.layers = nn.Sequential(
            nn.Conv2d(width, mid, 1, bias=False),
            nn.BatchNorm2d(mid),
            nn.ReLU(),
            nn.Conv2d(mid, mid, kernel, padding=kernel // 2, groups=mid, bias=False),
            nn.BatchNorm2d(mid),
            nn.ReLU(),
            nn.Conv2d(mid, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Chain(ProductSpace):
    """Six blocks in a row; ``skip`` makes a block disappear. The map is halved before the third and the fifth."""

    name = "chain"
    sites = tuple(Site(f"block{number}", ("skip", "mbconv3", "mbconv5")) for number in range(6))
    num_classes = 10
    image_size = 16

    def build(self, architecture: Architecture, num_classes: int | None = None) -> nn.Module:
        """The network: images (B, 3, H, W) -> logits (B, num_classes)."""
        layers: list[nn.Module] = [nn.Conv2d(3, WIDTH, 3, padding=1)]
        for number, site in enumerate(self.sites):
            if number in (2, 4):
                layers.append(nn.AvgPool2d(2))
            block = architecture[site.name]
            if block != "skip":
                layers.append(MBConv(WIDTH, KERNELS[block]))
        head = nn.Linear(WIDTH, num_classes or self.num_classes)
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
