"""Layers that reshape, drop, repeat or pad samples."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...api.options import Boundary, Crop, PerAxis
from ...problem import dtypes
from ...problem.boundary import OUTSIDE, index_map
from .base import Layer, shown
from .weights import Rng

__all__ = ["Dropout", "Flatten", "Pad", "Upsample"]


class Flatten(Layer):
    """A layer that merges axes: by default, all but the first, to ``(N, features)``.

    Parameters
    ----------
    start_dim : int, optional
        The first axis to merge; 1 by default.
    end_dim : int, optional
        The last axis to merge; by default, the last axis of the batch.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> nn.Flatten()(np.ones((2, 3, 4, 5))).shape
    (2, 60)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = lower.integer(start_dim, "Flatten: start_dim")
        self.end_dim = lower.integer(end_dim, "Flatten: end_dim")

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        samples = lower.batch(x, "Flatten: x")
        shape = samples.shape
        if (self.start_dim, self.end_dim) == (1, -1):
            return samples.reshape(len(samples), prod(shape[1:])), shape
        first = lower.scored_axis(self.start_dim, len(shape), "Flatten: start_dim") % len(shape)
        last = lower.scored_axis(self.end_dim, len(shape), "Flatten: end_dim") % len(shape)
        joined = (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :])
        return samples.reshape(joined if first <= last else shape), shape

    def _backward(self, kept: tuple[int, ...], grads: NDArray) -> NDArray:
        return grads.reshape(kept)

    def _arguments(self) -> str:
        return shown(start_dim=(self.start_dim, 1), end_dim=(self.end_dim, -1))


class Dropout(Layer):
    """A layer that sets random values to zero in training, and scales up the others.

    Parameters
    ----------
    p : float, optional
        The probability of a zero, from 0 to less than 1. The other values are divided by ``1 - p``.
    rng : numpy.random.Generator or int, optional
        The random generator, or its seed.

    Notes
    -----
    After `eval`, it returns its batch unchanged.

    References
    ----------
    Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.Dropout(0.5, rng=0)
    >>> sorted(set(layer(np.ones(100)).tolist()))
    [0.0, 2.0]
    >>> layer.eval()(np.ones(3))
    array([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        self.p = lower.share(p, "Dropout: p")
        self._rng = lower.generator(rng, "Dropout: rng")

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        samples = lower.floats(x, "Dropout: x")
        if not self.training or self.p == 0:
            return samples, None
        kept = self._rng.random(samples.shape, np.float32) >= self.p
        factors = kept * samples.dtype.type(1 / (1 - self.p))
        return np.asarray(samples * factors), factors

    def _backward(self, kept: NDArray | None, grads: NDArray) -> NDArray:
        return grads if kept is None else grads * kept.astype(grads.dtype, copy=False)

    def _arguments(self) -> str:
        return repr(self.p)


class Pad(Layer):
    """A layer that pads each channel, with any border.

    Convolutions do not need this layer: they pad without a copy.

    Parameters
    ----------
    padding : int, sequence of int or of pairs
        The number of samples added on both sides of the axes after the channels: one for all axes,
        one for each axis, or a pair ``(before, after)`` for each axis.
    boundary : str or sequence of str, optional
        The values of the padding, for all axes or one for each: "constant" (`value`), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    value : float, optional
        The padding value for "constant".

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.Pad(2, "mirror")
    >>> layer([[[1.0, 2.0, 3.0]]])
    array([[[3., 2., 1., 2., 3., 2., 1.]]])
    >>> layer.backward([[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]])
    array([[[2., 3., 2.]]])
    """

    def __init__(
        self,
        padding: Crop,
        boundary: Boundary | Sequence[Boundary] = "constant",
        value: float = 0.0,
    ) -> None:
        self.padding, self.boundary = padding, boundary
        self.value = lower.real(value, "Pad: value")

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        samples = lower.channelled(x, "Pad: x")
        sizes = samples.shape[2:]
        ones = (1,) * len(sizes)
        pads = lower.padding_of("Pad: padding", self.padding, sizes, ones, ones)
        names = lower.borders(self.boundary, len(sizes), "Pad: boundary")
        maps = []
        result = samples
        for axis, (n, (before, after), name) in enumerate(zip(sizes, pads, names, strict=True), 2):
            lower.check_not_empty("Pad", axis, n, name)
            index = index_map(name, -before, n + after, n)
            maps.append(index)
            if before or after:
                result = result.take(index, axis, mode="clip")
                outside = np.flatnonzero(index == OUTSIDE)
                np.moveaxis(result, axis, 0)[outside] = self.value
        return result, (maps, sizes)

    def _backward(self, kept: Any, grads: NDArray) -> NDArray:
        for axis, (index, n) in reversed(list(enumerate(zip(*kept, strict=True), 2))):
            before = _first_inside(index, n)
            along = np.moveaxis(grads, axis, 0)
            folded = along[before : before + n].copy()
            for place in (*range(before), *range(before + n, len(index))):
                if index[place] != OUTSIDE:
                    folded[index[place]] += along[place]
            grads = np.ascontiguousarray(np.moveaxis(folded, 0, axis))
        return grads

    def _arguments(self) -> str:
        return shown(self.padding, boundary=(self.boundary, "constant"), value=(self.value, 0.0))


def _first_inside(index: NDArray, n: int) -> int:
    """The index of the first original sample in a padded array."""
    return next(
        at for at in range(len(index) - n + 1) if np.array_equal(index[at : at + n], range(n))
    )


class Upsample(Layer):
    """A layer that upsamples each channel.

    Parameters
    ----------
    size : int or sequence of int, optional
        The lengths of the axes after the channels, in the result. Give either `size` or
        `scale_factor`.
    scale_factor : float or sequence of float, optional
        The factor by which these axes grow.
    mode : {"nearest", "linear", "bilinear", "trilinear"}, optional
        "nearest" repeats samples. The others interpolate linearly along every axis; they are
        synonyms, named after signals, images and volumes.
    align_corners : bool, optional
        Align the centres of the first and the last sample of the input and of the result, so that
        these samples keep their values. By default, their outer edges are aligned.

    Notes
    -----
    `torch.nn.Upsample` gives the same.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.Upsample(scale_factor=2)([[[1.0, 2.0]]])
    array([[[1., 1., 2., 2.]]])
    >>> layer = nn.Upsample(scale_factor=2, mode="linear")
    >>> layer([[[1.0, 2.0]]])
    array([[[1.  , 1.25, 1.75, 2.  ]]])
    >>> layer.backward([[[1.0, 0.0, 0.0, 0.0]]])
    array([[[1., 0.]]])
    """

    def __init__(
        self,
        size: PerAxis | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: Literal["nearest", "linear", "bilinear", "trilinear"] = "nearest",
        align_corners: bool | None = None,
    ) -> None:
        lower.one_of(mode, "Upsample: mode", ("nearest", "linear", "bilinear", "trilinear"))
        lower.either(size, scale_factor, "Upsample: size and scale_factor")
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners = align_corners

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        samples = lower.channelled(x, "Upsample: x")
        lengths = samples.shape[2:]
        sizes, ratios = lower.enlarged("Upsample", lengths, self.size, self.scale_factor)
        tables = []
        result = dtypes.widened(samples)
        for axis, (n, m, ratio) in enumerate(zip(lengths, sizes, ratios, strict=True), 2):
            table = self._table(n, m, ratio)
            tables.append(table)
            result = _interpolated(result, axis, *table)
        return dtypes.stored(result, samples.dtype, None), (tables, lengths)

    def _table(self, n: int, m: int, ratio: float) -> tuple[NDArray, NDArray, NDArray]:
        """For each output, the indices of two samples and the weight of the second one."""
        places = np.arange(m)
        if self.mode == "nearest":
            first = np.minimum((places / ratio).astype(np.intp), n - 1)
            return first, first, np.zeros(m)
        if self.align_corners:
            at = places * ((n - 1) / (m - 1) if m > 1 else 0.0)
        else:
            at = np.maximum((places + 0.5) / ratio - 0.5, 0)
        first = np.minimum(at.astype(np.intp), n - 1)
        return first, np.minimum(first + 1, n - 1), at - first

    def _backward(self, kept: Any, grads: NDArray) -> NDArray:
        result = dtypes.widened(grads)
        for axis, (table, n) in enumerate(zip(*kept, strict=True), 2):
            along = np.moveaxis(result, axis, 0)
            received = np.zeros((n, *along.shape[1:]), along.dtype)
            for place, (first, second, share) in enumerate(zip(*table, strict=True)):
                if share == 0:
                    received[first] += along[place]
                else:
                    received[first] += along[place] * along.dtype.type(1 - share)
                    received[second] += along[place] * along.dtype.type(share)
            result = np.moveaxis(received, 0, axis)
        return dtypes.stored(np.ascontiguousarray(result), grads.dtype, None)

    def _arguments(self) -> str:
        return shown(
            size=(self.size, None),
            scale_factor=(self.scale_factor, None),
            mode=(self.mode, "nearest"),
            align_corners=(self.align_corners, None),
        )


def _interpolated(
    x: NDArray, axis: int, first: NDArray, second: NDArray, share: NDArray
) -> NDArray:
    near = x.take(first, axis)
    if not share.any():
        return near
    shares = share.astype(x.dtype).reshape(-1, *[1] * (x.ndim - axis - 1))
    near *= 1 - shares
    far = x.take(second, axis)
    far *= shares
    near += far
    return near
