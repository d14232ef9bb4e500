"""Average pooling to an output size that does not depend on the input."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...api.options import PerAxis
from ...problem import dtypes
from .base import Layer, shown

__all__ = ["AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "GlobalAvgPool"]


class GlobalAvgPool(Layer):
    """Global average pooling: the mean of each channel, from ``(N, C, ...)`` to ``(N, C, 1, ...)``.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.GlobalAvgPool()
    >>> layer([[[[1.0, 2.0], [3.0, 6.0]]]])
    array([[[[3.]]]])
    >>> layer.backward([[[[8.0]]]])
    array([[[[2., 2.],
             [2., 2.]]]])
    """

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        samples = lower.channelled(x, "GlobalAvgPool: x")
        axes = tuple(range(2, samples.ndim))
        means = samples.mean(axes, dtypes.widened(samples[:0]).dtype, keepdims=True)
        return dtypes.stored(means, samples.dtype, None), samples.shape

    def _backward(self, kept: tuple[int, ...], grads: NDArray) -> NDArray:
        shares = grads / grads.dtype.type(prod(kept[2:]))
        return np.broadcast_to(shares, kept).copy()


class _AdaptiveAvgPool(Layer):
    """The mean of each window, for a given number of windows."""

    _rank: ClassVar[int]

    def __init__(self, output_size: PerAxis) -> None:
        name = type(self).__name__
        self.output_size = lower.per_axis(output_size, self._rank, f"{name}: output_size", least=1)

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        name = type(self).__name__
        samples = lower.floats(x, f"{name}: x")
        axes = lower.places(f"{name}: x", self._rank, samples.shape, self._layout, "")[2]
        means = dtypes.widened(samples)
        for axis, count in zip(axes, self.output_size, strict=True):
            means = _means(means, axis, count)
        return dtypes.stored(means, samples.dtype, None), (axes, samples.shape)

    def _backward(self, kept: Any, grads: NDArray) -> NDArray:
        axes, shape = kept
        shares = dtypes.widened(grads)
        for axis, count in zip(axes, self.output_size, strict=True):
            shares = _shares(shares, axis, count, shape[axis])
        return dtypes.stored(shares, grads.dtype, None)

    @property
    def _layout(self) -> str:
        return lower.layout(None, self._rank, "")

    def _arguments(self) -> str:
        return shown(self.output_size)


def _ranges(count: int, n: int) -> list[tuple[int, int]]:
    """The first samples and the ends of windows, which cover all samples and may overlap by one."""
    return [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


def _means(x: NDArray, axis: int, count: int) -> NDArray:
    along = np.moveaxis(x, axis, 0)
    parts = [along[a:b].mean(axis=0) for a, b in _ranges(count, len(along))]
    return np.stack(parts, axis)


def _shares(grads: NDArray, axis: int, count: int, n: int) -> NDArray:
    out = np.zeros((*grads.shape[:axis], n, *grads.shape[axis + 1 :]), grads.dtype)
    samples, means = np.moveaxis(out, axis, 0), np.moveaxis(grads, axis, 0)
    for mean, (a, b) in zip(means, _ranges(count, n), strict=True):
        samples[a:b] += mean / mean.dtype.type(b - a)
    return out


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Adaptive average pooling: as many windows as the output size requires.

    Parameters
    ----------
    output_size : int or sequence of int
        The length of the result.

    Notes
    -----
    `torch.nn.AdaptiveAvgPool1d` takes the same windows: window ``i`` of ``m`` reaches from sample
    ``floor(i * n / m)`` to ``ceil((i + 1) * n / m)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> nn.AdaptiveAvgPool1d(2)(np.ones((1, 3, 5))).shape
    (1, 3, 2)
    """

    _rank = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Adaptive average pooling: as many windows as the output size requires.

    Parameters
    ----------
    output_size : int or sequence of int
        The height and width of the result.

    Notes
    -----
    `torch.nn.AdaptiveAvgPool2d` takes the same windows: window ``i`` of ``m`` reaches from sample
    ``floor(i * n / m)`` to ``ceil((i + 1) * n / m)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> nn.AdaptiveAvgPool2d(2)(np.ones((1, 3, 5, 5))).shape
    (1, 3, 2, 2)
    """

    _rank = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Adaptive average pooling: as many windows as the output size requires.

    Parameters
    ----------
    output_size : int or sequence of int
        The depth, height and width of the result.

    Notes
    -----
    `torch.nn.AdaptiveAvgPool3d` takes the same windows: window ``i`` of ``m`` reaches from sample
    ``floor(i * n / m)`` to ``ceil((i + 1) * n / m)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> nn.AdaptiveAvgPool3d(2)(np.ones((1, 3, 5, 5, 5))).shape
    (1, 3, 2, 2, 2)
    """

    _rank = 3
