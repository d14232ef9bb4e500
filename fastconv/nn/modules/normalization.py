"""Batch normalization."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ... import lower
from ...problem import dtypes
from .base import Layer, Parameter, shown

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


class _BatchNorm(Layer):
    """Batch normalization of arrays with a given number of axes."""

    _ranks: ClassVar[tuple[int, ...]]
    buffers = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        name = type(self).__name__
        self.num_features = lower.integer(num_features, f"{name}: num_features", least=1)
        self.eps = lower.real(eps, f"{name}: eps", least=0)
        self.momentum = None if momentum is None else lower.real(momentum, f"{name}: momentum", 0)
        numbers = lower.float_dtype(dtype, f"{name}: dtype")
        self.weight = self.bias = self.running_mean = self.running_var = None
        self.num_batches_tracked: NDArray | None = None
        if lower.flag(affine, f"{name}: affine"):
            self.weight = Parameter(np.ones(num_features, numbers))
            self.bias = Parameter(np.zeros(num_features, numbers))
        if lower.flag(track_running_stats, f"{name}: track_running_stats"):
            self.running_mean = np.zeros(num_features, numbers)
            self.running_var = np.ones(num_features, numbers)
            self.num_batches_tracked = np.zeros((), np.int64)

    weight: Parameter | None
    bias: Parameter | None
    running_mean: NDArray | None
    running_var: NDArray | None

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        name = type(self).__name__
        samples = lower.normalized(x, self._ranks, self.num_features, f"{name}: x")
        wide = dtypes.widened(samples)
        if self.training or self.running_mean is None or self.running_var is None:
            count = wide.size // max(self.num_features, 1)
            lower.enough_samples(count, samples.shape, f"{name}: x")
            mean = _sums(wide) / count
            centred = wide - _shaped(mean, wide)
            variance = _sums(centred, centred) / count
            if self.training:
                self._track(mean, variance * (count / (count - 1)))
        else:
            mean, variance = self.running_mean.astype(float), self.running_var.astype(float)
            centred = wide - _shaped(mean, wide)
        inverse = 1 / np.sqrt(variance + self.eps)
        centred *= _shaped(inverse, wide)
        result = centred
        if self.weight is not None and self.bias is not None:
            result = centred * _shaped(self.weight.value, wide)
            result += _shaped(self.bias.value, wide)
        return dtypes.stored(result, samples.dtype, None), (centred, inverse)

    def _track(self, mean: NDArray, variance: NDArray) -> None:
        """Move the running statistics towards those of a batch."""
        if self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        for running, seen in ((self.running_mean, mean), (self.running_var, variance)):
            if running is not None:
                running *= 1 - share
                running += (share * seen).astype(running.dtype)

    def _learn(self, kept: Any, grads: NDArray) -> None:
        if self.weight is not None and self.bias is not None:
            dtype = self.weight.value.dtype
            self.weight.grad = _sums(grads, kept[0]).astype(dtype)
            self.bias.grad = _sums(grads).astype(dtype)

    def _backward(self, kept: Any, grads: NDArray) -> NDArray:
        normal, inverse = kept
        wide = dtypes.widened(grads)
        count = wide.size // self.num_features
        factor = inverse if self.weight is None else inverse * self.weight.value
        result = normal * _shaped(_sums(wide, normal) / -count, wide)
        result += wide
        result -= _shaped(_sums(wide) / count, wide)
        result *= _shaped(factor, wide)
        return dtypes.stored(result, grads.dtype, None)

    def _arguments(self) -> str:
        return shown(
            self.num_features,
            eps=(self.eps, 1e-5),
            momentum=(self.momentum, 0.1),
            affine=(self.weight is not None, True),
            track_running_stats=(self.running_mean is not None, True),
        )

    @property
    def scale_and_shift(self) -> tuple[NDArray, NDArray]:
        """The factor and the offset of each channel in evaluation, in double precision."""
        mean, variance = lower.tracked(self.running_mean, self.running_var, type(self).__name__)
        scale = 1 / np.sqrt(variance.astype(float) + self.eps)
        if self.weight is not None:
            scale = scale * self.weight.value
        shift = -mean.astype(float) * scale
        if self.bias is not None:
            shift = shift + self.bias.value
        return scale, shift


class BatchNorm1d(_BatchNorm):
    """Batch normalization of ``(N, C)`` or ``(N, C, L)``.

    Each channel is normalized to mean 0 and variance 1; then a learned scale and offset are applied
    to it.

    In training, it uses the statistics of the batch and updates the running statistics.  After
    `eval`, it uses the running statistics.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float, optional
        Added to the variance.
    momentum : float or None, optional
        The weight of a batch in the running statistics; None averages all batches equally.
    affine : bool, optional
        Learn a scale and an offset for each channel.
    track_running_stats : bool, optional
        Keep running statistics.  Without them, evaluation uses the statistics of the batch.
    dtype : dtype, optional
        The dtype of the parameters and the running statistics.

    Attributes
    ----------
    weight, bias : Parameter or None
        The scale and the offset, ``(num_features,)``.
    running_mean, running_var : ndarray or None
        The running statistics, ``(num_features,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  In training, a call raises it if a batch has
        a single value for each channel.

    Notes
    -----
    `torch.nn.BatchNorm1d` gives the same.  `fastconv.nn.freeze` folds it into a convolution.

    References
    ----------
    Ioffe & Szegedy 2015, Batch normalization.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> x = np.random.default_rng(0).normal(7, 3, (5, 4))
    >>> layer = nn.BatchNorm1d(4, dtype="float64")
    >>> bool(abs(layer(x).mean()) < 1e-12)
    True
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalization of ``(N, C, H, W)``.

    Each channel is normalized to mean 0 and variance 1; then a learned scale and offset are applied
    to it.

    In training, it uses the statistics of the batch and updates the running statistics.  After
    `eval`, it uses the running statistics.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float, optional
        Added to the variance.
    momentum : float or None, optional
        The weight of a batch in the running statistics; None averages all batches equally.
    affine : bool, optional
        Learn a scale and an offset for each channel.
    track_running_stats : bool, optional
        Keep running statistics.  Without them, evaluation uses the statistics of the batch.
    dtype : dtype, optional
        The dtype of the parameters and the running statistics.

    Attributes
    ----------
    weight, bias : Parameter or None
        The scale and the offset, ``(num_features,)``.
    running_mean, running_var : ndarray or None
        The running statistics, ``(num_features,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  In training, a call raises it if a batch has
        a single value for each channel.

    Notes
    -----
    `torch.nn.BatchNorm2d` gives the same.  `fastconv.nn.freeze` folds it into a convolution.

    References
    ----------
    Ioffe & Szegedy 2015, Batch normalization.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> x = np.random.default_rng(0).normal(7, 3, (5, 4, 3, 3))
    >>> layer = nn.BatchNorm2d(4, dtype="float64")
    >>> bool(abs(layer(x).mean()) < 1e-12)
    True
    """

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalization of ``(N, C, D, H, W)``.

    Each channel is normalized to mean 0 and variance 1; then a learned scale and offset are applied
    to it.

    In training, it uses the statistics of the batch and updates the running statistics.  After
    `eval`, it uses the running statistics.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float, optional
        Added to the variance.
    momentum : float or None, optional
        The weight of a batch in the running statistics; None averages all batches equally.
    affine : bool, optional
        Learn a scale and an offset for each channel.
    track_running_stats : bool, optional
        Keep running statistics.  Without them, evaluation uses the statistics of the batch.
    dtype : dtype, optional
        The dtype of the parameters and the running statistics.

    Attributes
    ----------
    weight, bias : Parameter or None
        The scale and the offset, ``(num_features,)``.
    running_mean, running_var : ndarray or None
        The running statistics, ``(num_features,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  In training, a call raises it if a batch has
        a single value for each channel.

    Notes
    -----
    `torch.nn.BatchNorm3d` gives the same.  `fastconv.nn.freeze` folds it into a convolution.

    References
    ----------
    Ioffe & Szegedy 2015, Batch normalization.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> x = np.random.default_rng(0).normal(7, 3, (5, 4, 2, 3, 3))
    >>> layer = nn.BatchNorm3d(4, dtype="float64")
    >>> bool(abs(layer(x).mean()) < 1e-12)
    True
    """

    _ranks = (5,)


def _sums(x: NDArray, y: NDArray | None = None) -> NDArray:
    """The sum of each channel, of ``x`` or of ``x * y``, in double precision."""
    rows = x.reshape(*x.shape[:2], prod(x.shape[2:]))
    if y is None:
        each: NDArray = rows.sum(axis=2)
    else:
        each = np.einsum("ncl,ncl->nc", rows, y.reshape(rows.shape))
    sums: NDArray = each.sum(axis=0, dtype=float)
    return sums


def _shaped(channels: NDArray, x: NDArray) -> NDArray:
    """One number for each channel, in the dtype of ``x`` and a shape that broadcasts to it."""
    return channels.astype(x.dtype).reshape(-1, *[1] * (x.ndim - 2))
