"""The convolutions of well-known networks and some unusual ones, with how often they occur."""

from typing import Any, NamedTuple

import numpy as np

__all__ = ["KINDS", "NETWORKS", "Layer"]


class Layer(NamedTuple):
    """One convolution with a bias, whose filtered axes have the same length."""

    channels: int
    size: int
    filters: int
    taps: int = 1
    stride: int = 1
    groups: int = 1
    dilation: int = 1
    rank: int = 2
    count: int = 1

    @property
    def padding(self) -> int:
        """The padding that keeps the size at stride 1."""
        return self.dilation * (self.taps - 1) // 2

    @property
    def outputs(self) -> int:
        """Samples of a channel of the result."""
        reach = self.size + 2 * self.padding - self.dilation * (self.taps - 1) - 1
        return (reach // self.stride + 1) ** self.rank

    @property
    def operations(self) -> int:
        """Multiplications and additions for one image."""
        terms = self.channels // self.groups * self.taps**self.rank
        return 2 * terms * self.filters * self.outputs

    @property
    def options(self) -> dict[str, Any]:
        """Further arguments of conv1d, conv2d and conv3d, in their order."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def arrays(self, batch: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return samples, weights scaled so that outputs are about one, and a bias."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((batch, self.channels, *[self.size] * self.rank), np.float32)
        shape = (self.filters, self.channels // self.groups, *[self.taps] * self.rank)
        w = rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(np.prod(shape[1:])))
        return x, w, rng.standard_normal(self.filters, np.float32)

    def gradient(self, batch: int = 1) -> np.ndarray:
        """Return a random gradient of the result."""
        side = round(self.outputs ** (1 / self.rank))
        shape = (batch, self.filters, *[side] * self.rank)
        return np.random.default_rng(1).standard_normal(shape, np.float32)

    def __str__(self) -> str:
        parts = [f"{self.channels}×{self.size}" + (f"^{self.rank}" if self.rank != 2 else "²")]
        parts.append(f"→ {self.filters}, k{self.taps}")
        for name, value in (("s", self.stride), ("g", self.groups), ("d", self.dilation)):
            if value > 1:
                parts.append(f"{name}{value}")
        return " ".join(parts)


def _depthwise(channels: int, size: int, stride: int = 1, count: int = 1) -> Layer:
    return Layer(channels, size, channels, 3, stride, channels, count=count)


NETWORKS = {
    "ResNet-50": (
        Layer(3, 224, 64, 7, 2),
        Layer(64, 56, 64),
        Layer(64, 56, 64, 3, count=3),
        Layer(64, 56, 256, count=4),
        Layer(256, 56, 64, count=2),
        Layer(256, 56, 128),
        Layer(128, 56, 128, 3, 2),
        Layer(256, 56, 512, 1, 2),
        Layer(128, 28, 512, count=4),
        Layer(512, 28, 128, count=3),
        Layer(128, 28, 128, 3, count=3),
        Layer(512, 28, 256),
        Layer(256, 28, 256, 3, 2),
        Layer(512, 28, 1024, 1, 2),
        Layer(256, 14, 1024, count=6),
        Layer(1024, 14, 256, count=5),
        Layer(256, 14, 256, 3, count=5),
        Layer(1024, 14, 512),
        Layer(512, 14, 512, 3, 2),
        Layer(1024, 14, 2048, 1, 2),
        Layer(512, 7, 2048, count=3),
        Layer(2048, 7, 512, count=2),
        Layer(512, 7, 512, 3, count=2),
    ),
    "MobileNet-v2": (
        Layer(3, 224, 32, 3, 2),
        _depthwise(32, 112),
        Layer(32, 112, 16),
        Layer(16, 112, 96),
        _depthwise(96, 112, 2),
        Layer(96, 56, 24),
        Layer(24, 56, 144, count=2),
        _depthwise(144, 56),
        Layer(144, 56, 24),
        _depthwise(144, 56, 2),
        Layer(144, 28, 32),
        Layer(32, 28, 192, count=3),
        _depthwise(192, 28, count=2),
        Layer(192, 28, 32, count=2),
        _depthwise(192, 28, 2),
        Layer(192, 14, 64),
        Layer(64, 14, 384, count=4),
        _depthwise(384, 14, count=4),
        Layer(384, 14, 64, count=3),
        Layer(384, 14, 96),
        Layer(96, 14, 576, count=3),
        _depthwise(576, 14, count=2),
        Layer(576, 14, 96, count=2),
        _depthwise(576, 14, 2),
        Layer(576, 7, 160),
        Layer(160, 7, 960, count=3),
        _depthwise(960, 7, count=3),
        Layer(960, 7, 160, count=2),
        Layer(960, 7, 320),
        Layer(320, 7, 1280),
    ),
    "odd": (
        Layer(64, 224, 64, 3),
        Layer(17, 61, 19, 3),
        Layer(32, 61, 48, 5),
        Layer(31, 97, 37, 7),
        Layer(64, 56, 64, 3, dilation=2),
        Layer(128, 28, 128, 3, groups=32),
        Layer(128, 28, 256, 3, 2, groups=4),
        _depthwise(96, 31),
        Layer(1, 128, 16, 9),
        Layer(16, 127, 1, 5),
        Layer(64, 8000, 64, 9, rank=1),
        Layer(1, 48000, 32, 25, 4, rank=1),
        Layer(16, 32, 32, 3, rank=3),
        Layer(3, 48, 16, 5, 2, rank=3),
    ),
}

KINDS = {
    "stem 7x7 s2": Layer(3, 224, 64, 7, 2),
    "3x3": Layer(64, 56, 64, 3),
    "3x3 of 128": Layer(128, 28, 128, 3),
    "3x3 of 256": Layer(256, 14, 256, 3),
    "3x3 of 512": Layer(512, 7, 512, 3),
    "3x3 s2": Layer(128, 56, 128, 3, 2),
    "3x3 d2": Layer(64, 56, 64, 3, dilation=2),
    "3x3 g32": Layer(128, 28, 128, 3, groups=32),
    "1x1 to more": Layer(64, 56, 256),
    "1x1 to fewer": Layer(256, 56, 64),
    "1x1 of 7x7": Layer(160, 7, 960),
    "depthwise 3x3": _depthwise(144, 56),
    "depthwise 3x3 s2": _depthwise(144, 56, 2),
    "1-D 9": Layer(64, 8000, 64, 9, rank=1),
    "3-D 3x3x3": Layer(16, 32, 32, 3, rank=3),
}
"""One layer of each kind, by short name."""
