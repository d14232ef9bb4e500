"""Transposed convolutions: the layers of neural networks that enlarge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..config import BackendName
from ..plan.choose import make_transposed
from .options import AlgorithmName, PerAxis, Precision

__all__ = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

Crop = int | Sequence[int] | Sequence[Sequence[int]]


def conv_transpose1d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: PerAxis = 1,
    padding: Crop = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
    *,
    layout: Literal["NCL", "NLC"] = "NCL",
    activation: Literal["relu"] | None = None,
    out: NDArray | None = None,
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Spread signals by filters: `conv_transpose2d` with one axis.

    Parameters
    ----------
    x : array_like
        ``(N, C, L)`` or ``(C, L)``; with ``layout="NLC"``, ``(N, L, C)`` or ``(L, C)``.
    w : array_like
        The filters, always ``(C, K // groups, k)``.
    bias, stride, padding, output_padding, groups, dilation, layout, activation, out, precision, \
algorithm, backend, threads
        As in `conv_transpose2d`.

    Returns
    -------
    ndarray
        ``(N, K, out L)``, or as `x`'s layout has it, with
        ``out = (n - 1) * stride + dilation * (k - 1) + 1 + output_padding - padding``.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        A wrong argument, named by the message, or a backend that cannot run here.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.conv_transpose1d([[[1.0, 2.0]]], [[[1.0, 10.0, 100.0]]], stride=2)
    array([[[  1.,  10., 102.,  20., 200.]]])
    """
    samples = lower.array(x, "conv_transpose1d: x")
    transposed = make_transposed(
        lower.transposition,
        ("conv_transpose1d", 1, samples.shape, samples.dtype),
        (w, bias),
        {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": lower.output_dtype(out, "conv_transpose1d: out"),
        },
        algorithm,
        backend,
        threads,
    )
    return transposed(samples, out)


def conv_transpose2d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: PerAxis = 1,
    padding: Crop = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
    *,
    layout: Literal["NCHW", "NHWC"] = "NCHW",
    activation: Literal["relu"] | None = None,
    out: NDArray | None = None,
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Spread images by filters, as a layer of a neural network that enlarges does.

    Each sample adds its multiple of a filter to the result, `stride` further than the sample
    before: the adjoint of `conv2d` with the same arguments.

    Parameters
    ----------
    x : array_like
        ``(N, C, H, W)`` or ``(C, H, W)``; with ``layout="NHWC"`` ``(N, H, W, C)`` or ``(H, W, C)``.
    w : array_like
        The filters, always ``(C, K // groups, kh, kw)``.
    bias : array_like, optional
        ``(K,)``, added to the sums.
    stride : int or sequence of int
        The distance of the filters of neighbouring samples in the result.
    padding : int or sequence of int or of pairs
        Samples that the result lacks at both sides of all axes, of each, or of each side.
    output_padding : int or sequence of int
        Samples that it has more at the end of all axes or of each, fewer than `stride` or
        `dilation`.
    groups : int
        Cuts the channels of `x` and of the result into groups that do not see each other.
    dilation : int or sequence of int
        The distance between neighbouring taps, in samples of the result.
    layout : {"NCHW", "NHWC"}
        Where the channels are, in `x` and in the result.
    activation : {None, "relu"}
        "relu" stores ``max(0, result)``.
    out : ndarray, optional
        Receives the result, in its own dtype.  It may be `x` itself, and otherwise must not
        overlap `x`.
    precision : {"fast", "strict"}
        As in `conv2d`.
    algorithm, backend, threads
        As in `correlate`.

    Returns
    -------
    ndarray
        ``(N, K, out H, out W)``, or as `x`'s layout has it, with
        ``out = (n - 1) * stride + dilation * (k - 1) + 1 + output_padding - padding``, where
        `padding` counts both sides.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        A wrong argument, named by the message, or a backend that cannot run here.

    Notes
    -----
    The dtype of the result is ``np.result_type(x, w, bias)`` unless `out` says otherwise; numbers
    follow the rules of `correlate`.  No zeros are inserted: every stride-th output reads the same
    taps, and these outputs are an ordinary convolution of `x`, of which there are as many as the
    product of the strides.  It costs ``K // groups`` times the taps products for each sample.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> x = np.ones((1, 8, 16, 16), "float32")
    >>> w = np.ones((8, 3, 4, 4), "float32")
    >>> fc.conv_transpose2d(x, w, stride=2, padding=1).shape
    (1, 3, 32, 32)
    """
    samples = lower.array(x, "conv_transpose2d: x")
    transposed = make_transposed(
        lower.transposition,
        ("conv_transpose2d", 2, samples.shape, samples.dtype),
        (w, bias),
        {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": lower.output_dtype(out, "conv_transpose2d: out"),
        },
        algorithm,
        backend,
        threads,
    )
    return transposed(samples, out)


def conv_transpose3d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: PerAxis = 1,
    padding: Crop = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
    *,
    layout: Literal["NCDHW", "NDHWC"] = "NCDHW",
    activation: Literal["relu"] | None = None,
    out: NDArray | None = None,
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Spread volumes by filters: `conv_transpose2d` with three axes.

    Parameters
    ----------
    x : array_like
        ``(N, C, D, H, W)`` or ``(C, D, H, W)``; with ``layout="NDHWC"``,
        ``(N, D, H, W, C)`` or ``(D, H, W, C)``.
    w : array_like
        The filters, always ``(C, K // groups, kd, kh, kw)``.
    bias, stride, padding, output_padding, groups, dilation, layout, activation, out, precision, \
algorithm, backend, threads
        As in `conv_transpose2d`.

    Returns
    -------
    ndarray
        ``(N, K, out D, out H, out W)``, or as `x`'s layout has it, with
        ``out = (n - 1) * stride + dilation * (k - 1) + 1 + output_padding - padding``.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        A wrong argument, named by the message, or a backend that cannot run here.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.conv_transpose3d(np.ones((1, 1, 1, 2)), np.ones((1, 1, 1, 1, 2)))
    array([[[[1., 2., 1.]]]])
    """
    samples = lower.array(x, "conv_transpose3d: x")
    transposed = make_transposed(
        lower.transposition,
        ("conv_transpose3d", 3, samples.shape, samples.dtype),
        (w, bias),
        {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": lower.output_dtype(out, "conv_transpose3d: out"),
        },
        algorithm,
        backend,
        threads,
    )
    return transposed(samples, out)
