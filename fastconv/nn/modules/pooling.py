"""Layers of max and average pooling."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...api.options import PerAxis
from .. import windows
from .base import Layer, shown

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


class _MaxPool(Layer):
    """The largest value of each window, for any rank."""

    _rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        padding: PerAxis = 0,
        dilation: PerAxis = 1,
        *,
        ceil_mode: bool = False,
        layout: str | None = None,
    ) -> None:
        name = type(self).__name__
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.ceil_mode = dilation, lower.flag(ceil_mode, f"{name}: ceil_mode")
        self.layout = lower.layout(layout, self._rank, f"{name}: layout")

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        name = type(self).__name__
        samples = lower.real_numbers(x, f"{name}: x")
        axes = lower.pooling(
            name,
            "x",
            self._rank,
            samples.shape,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.layout,
        )
        if not self.training:
            return windows.largest(samples, axes), None
        stages = windows.largest_in_stages(samples, axes)
        return stages[-1], (stages, axes)

    def _backward(self, kept: Any, grads: NDArray) -> NDArray:
        stages, axes = kept
        return windows.scatter_to_peaks(grads, stages, axes)

    def _arguments(self) -> str:
        return shown(
            self.kernel_size,
            stride=(self.stride, None),
            padding=(self.padding, 0),
            dilation=(self.dilation, 1),
            ceil_mode=(self.ceil_mode, False),
            layout=(self.layout, lower.layout(None, self._rank, "")),
        )


class MaxPool1d(_MaxPool):
    """Max pooling: the largest value of each window.

    Parameters
    ----------
    kernel_size : int or sequence of int
        The length of the windows.
    stride : int or sequence of int, optional
        The distance from one window to the next.  By default, `kernel_size`, so that windows do not
        overlap.
    padding : int or sequence of int, optional
        The number of samples added on both sides, for all axes or one for each; they are never the
        largest.  At most half of the samples that a window spans.
    dilation : int or sequence of int, optional
        The distance between adjacent samples of a window.
    ceil_mode : bool, optional
        Round the output size up: keep a last window that begins inside the padded input and ends
        beyond it.
    layout : {"NCL", "NLC"}, optional
        The order of the axes, in the input and in the result.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.MaxPool1d(3)
    >>> layer([[1.0, 5.0, 3.0]])
    array([[5.]])
    >>> layer.backward([[7.0]])
    array([[0., 7., 0.]])
    """

    _rank = 1


class MaxPool2d(_MaxPool):
    """Max pooling: the largest value of each window.

    Parameters
    ----------
    kernel_size : int or sequence of int
        The height and width of the windows.
    stride : int or sequence of int, optional
        The distance from one window to the next.  By default, `kernel_size`, so that windows do not
        overlap.
    padding : int or sequence of int, optional
        The number of samples added on both sides, for all axes or one for each; they are never the
        largest.  At most half of the samples that a window spans.
    dilation : int or sequence of int, optional
        The distance between adjacent samples of a window.
    ceil_mode : bool, optional
        Round the output size up: keep a last window that begins inside the padded input and ends
        beyond it.
    layout : {"NCHW", "NHWC"}, optional
        The order of the axes, in the input and in the result.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.MaxPool2d(2)
    >>> layer([[[1.0, 2.0], [3.0, 4.0]]])
    array([[[4.]]])
    >>> layer.backward([[[5.0]]])
    array([[[0., 0.],
            [0., 5.]]])
    """

    _rank = 2


class MaxPool3d(_MaxPool):
    """Max pooling: the largest value of each window.

    Parameters
    ----------
    kernel_size : int or sequence of int
        The depth, height and width of the windows.
    stride : int or sequence of int, optional
        The distance from one window to the next.  By default, `kernel_size`, so that windows do not
        overlap.
    padding : int or sequence of int, optional
        The number of samples added on both sides, for all axes or one for each; they are never the
        largest.  At most half of the samples that a window spans.
    dilation : int or sequence of int, optional
        The distance between adjacent samples of a window.
    ceil_mode : bool, optional
        Round the output size up: keep a last window that begins inside the padded input and ends
        beyond it.
    layout : {"NCDHW", "NDHWC"}, optional
        The order of the axes, in the input and in the result.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.MaxPool3d((1, 2, 2))
    >>> layer([[[[1.0, 2.0], [3.0, 4.0]]]])
    array([[[[4.]]]])
    >>> layer.backward([[[[5.0]]]])
    array([[[[0., 0.],
             [0., 5.]]]])
    """

    _rank = 3


class _AvgPool(Layer):
    """The mean of each window, for any rank."""

    _rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        padding: PerAxis = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        layout: str | None = None,
    ) -> None:
        name = type(self).__name__
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode = lower.flag(ceil_mode, f"{name}: ceil_mode")
        self.count_include_pad = lower.flag(count_include_pad, f"{name}: count_include_pad")
        self.layout = lower.layout(layout, self._rank, f"{name}: layout")

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        name = type(self).__name__
        samples = lower.floats(x, f"{name}: x")
        axes = lower.pooling(
            name,
            "x",
            self._rank,
            samples.shape,
            self.kernel_size,
            self.stride,
            self.padding,
            1,
            self.ceil_mode,
            self.layout,
        )
        return windows.means(samples, axes, self.count_include_pad), axes

    def _backward(self, kept: Any, grads: NDArray) -> NDArray:
        return windows.shared_out(grads, kept, self.count_include_pad)

    def _arguments(self) -> str:
        return shown(
            self.kernel_size,
            stride=(self.stride, None),
            padding=(self.padding, 0),
            ceil_mode=(self.ceil_mode, False),
            count_include_pad=(self.count_include_pad, True),
            layout=(self.layout, lower.layout(None, self._rank, "")),
        )


class AvgPool1d(_AvgPool):
    """Average pooling: the mean of each window.

    Parameters
    ----------
    kernel_size : int or sequence of int
        The length of the windows.
    stride : int or sequence of int, optional
        The distance from one window to the next.  By default, `kernel_size`, so that windows do not
        overlap.
    padding : int or sequence of int, optional
        The number of zeros added on both sides, for all axes or one for each; at most half of
        `kernel_size`.
    ceil_mode : bool, optional
        Round the output size up: keep a last window that begins inside the padded input and ends
        beyond it.
    count_include_pad : bool, optional
        Whether the padding zeros count in the mean.  Positions that `ceil_mode` adds beyond them
        never count.
    layout : {"NCL", "NLC"}, optional
        The order of the axes, in the input and in the result.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.AvgPool1d(3)
    >>> layer([[1.0, 5.0, 3.0]])
    array([[3.]])
    >>> layer.backward([[6.0]])
    array([[2., 2., 2.]])
    """

    _rank = 1


class AvgPool2d(_AvgPool):
    """Average pooling: the mean of each window.

    Parameters
    ----------
    kernel_size : int or sequence of int
        The height and width of the windows.
    stride : int or sequence of int, optional
        The distance from one window to the next.  By default, `kernel_size`, so that windows do not
        overlap.
    padding : int or sequence of int, optional
        The number of zeros added on both sides, for all axes or one for each; at most half of
        `kernel_size`.
    ceil_mode : bool, optional
        Round the output size up: keep a last window that begins inside the padded input and ends
        beyond it.
    count_include_pad : bool, optional
        Whether the padding zeros count in the mean.  Positions that `ceil_mode` adds beyond them
        never count.
    layout : {"NCHW", "NHWC"}, optional
        The order of the axes, in the input and in the result.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.AvgPool2d(2)
    >>> layer([[[1.0, 2.0], [3.0, 4.0]]])
    array([[[2.5]]])
    >>> layer.backward([[[8.0]]])
    array([[[2., 2.],
            [2., 2.]]])
    """

    _rank = 2


class AvgPool3d(_AvgPool):
    """Average pooling: the mean of each window.

    Parameters
    ----------
    kernel_size : int or sequence of int
        The depth, height and width of the windows.
    stride : int or sequence of int, optional
        The distance from one window to the next.  By default, `kernel_size`, so that windows do not
        overlap.
    padding : int or sequence of int, optional
        The number of zeros added on both sides, for all axes or one for each; at most half of
        `kernel_size`.
    ceil_mode : bool, optional
        Round the output size up: keep a last window that begins inside the padded input and ends
        beyond it.
    count_include_pad : bool, optional
        Whether the padding zeros count in the mean.  Positions that `ceil_mode` adds beyond them
        never count.
    layout : {"NCDHW", "NDHWC"}, optional
        The order of the axes, in the input and in the result.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.AvgPool3d((1, 2, 2))
    >>> layer([[[[1.0, 2.0], [3.0, 4.0]]]])
    array([[[[2.5]]]])
    >>> layer.backward([[[[8.0]]]])
    array([[[[2., 2.],
             [2., 2.]]]])
    """

    _rank = 3
