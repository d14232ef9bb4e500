"""Transposed convolutions, the upsampling layers of neural networks."""

from __future__ import annotations

from typing import Literal

from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..config import BackendName
from ..plan.choose import make_transposed
from .options import AlgorithmName, Crop, PerAxis, Precision

__all__ = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


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
    activation: Literal["relu", "relu6"] | None = None,
    out: NDArray | None = None,
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Apply a transposed convolution to signals, as an upsampling layer of a neural network does.

    Each sample adds its multiple of the filter to the result, `stride` samples after that of the
    previous sample.  The operation is the adjoint of `fastconv.conv1d` with the same arguments.

    Parameters
    ----------
    x : array_like
        ``(N, C, L)`` or ``(C, L)``; with ``layout="NLC"``, ``(N, L, C)`` or ``(L, C)``.
    w : array_like
        The filters, always ``(C, K // groups, k)``.
    bias : array_like, optional
        ``(K,)``: one number for each output channel, added to the sums.
    stride : int or sequence of int, optional
        The distance between the filters of adjacent samples in the result.
    padding : int, sequence of int or of pairs, optional
        The number of samples cropped from both sides of the result: one for all axes, one for each
        axis, or a pair ``(before, after)`` for each axis.
    output_padding : int or sequence of int, optional
        The number of samples added at the end of the result, for all axes or one for each.  It must
        be less than `stride` or less than `dilation`.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples of the result.
    layout : {"NCL", "NLC"}, optional
        The order of the axes, in the input and in the result.
    activation : {None, "relu", "relu6"}, optional
        "relu" stores ``max(0, result)``, "relu6" ``min(max(0, result), 6)``.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x`, `w` and `bias`:
        a temporary array is used in that case.
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most 3e-5 times the
        largest possible sum; "strict" rounds like a plain sum.
    algorithm : str, optional
        How sums are computed: "auto", "box", "separable", "sparse", "fft", "winograd", "pointwise",
        "depthwise", "gemm" or "direct".  "auto" chooses the algorithm with the shortest predicted
        time.  "box", "separable", "sparse" and "depthwise" need groups with one channel in and one
        out; "pointwise" needs kernels with one tap.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array ``(N, K, out L)``, in the layout of `x`, with
        ``out = (n - 1) * stride + dilation * (k - 1) + 1 + output_padding - padding``, where
        `padding` is the total of both sides.  Without the axis N if `x` has none.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The result has the dtype ``np.result_type(x, w, bias)`` unless `out` has another one.  Sums of
    integers are exact; results that are converted to an integer dtype are rounded half to even and
    saturate.  float16 is summed in float32.  The bits of a result do not depend on the number of
    threads.

    No zeros are inserted.  Every stride-th output uses the same taps, so that the result consists
    of several ordinary convolutions of `x`: as many as the product of the strides.  A sample costs
    ``K // groups`` multiply-adds for each tap.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.conv_transpose1d([[[1.0, 2.0]]], [[[1.0, 10.0, 100.0]]], stride=2)
    array([[[  1.,  10., 102.,  20., 200.]]])
    """
    samples = lower.array(x, "conv_transpose1d: x")
    plan = make_transposed(
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
        once=True,
    )
    return plan._run(samples, out)


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
    activation: Literal["relu", "relu6"] | None = None,
    out: NDArray | None = None,
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Apply a transposed convolution to images, as an upsampling layer of a neural network does.

    Each sample adds its multiple of the filter to the result, `stride` samples after that of the
    previous sample.  The operation is the adjoint of `fastconv.conv2d` with the same arguments.

    Parameters
    ----------
    x : array_like
        ``(N, C, H, W)`` or ``(C, H, W)``; with ``layout="NHWC"``, ``(N, H, W, C)`` or
        ``(H, W, C)``.
    w : array_like
        The filters, always ``(C, K // groups, kh, kw)``.
    bias : array_like, optional
        ``(K,)``: one number for each output channel, added to the sums.
    stride : int or sequence of int, optional
        The distance between the filters of adjacent samples in the result.
    padding : int, sequence of int or of pairs, optional
        The number of samples cropped from both sides of the result: one for all axes, one for each
        axis, or a pair ``(before, after)`` for each axis.
    output_padding : int or sequence of int, optional
        The number of samples added at the end of the result, for all axes or one for each.  It must
        be less than `stride` or less than `dilation`.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples of the result.
    layout : {"NCHW", "NHWC"}, optional
        The order of the axes, in the input and in the result.
    activation : {None, "relu", "relu6"}, optional
        "relu" stores ``max(0, result)``, "relu6" ``min(max(0, result), 6)``.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x`, `w` and `bias`:
        a temporary array is used in that case.
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most 3e-5 times the
        largest possible sum; "strict" rounds like a plain sum.
    algorithm : str, optional
        How sums are computed: "auto", "box", "separable", "sparse", "fft", "winograd", "pointwise",
        "depthwise", "gemm" or "direct".  "auto" chooses the algorithm with the shortest predicted
        time.  "box", "separable", "sparse" and "depthwise" need groups with one channel in and one
        out; "pointwise" needs kernels with one tap.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array ``(N, K, out H, out W)``, in the layout of `x`, with
        ``out = (n - 1) * stride + dilation * (k - 1) + 1 + output_padding - padding``, where
        `padding` is the total of both sides.  Without the axis N if `x` has none.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The result has the dtype ``np.result_type(x, w, bias)`` unless `out` has another one.  Sums of
    integers are exact; results that are converted to an integer dtype are rounded half to even and
    saturate.  float16 is summed in float32.  The bits of a result do not depend on the number of
    threads.

    No zeros are inserted.  Every stride-th output uses the same taps, so that the result consists
    of several ordinary convolutions of `x`: as many as the product of the strides.  A sample costs
    ``K // groups`` multiply-adds for each tap.

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
    plan = make_transposed(
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
        once=True,
    )
    return plan._run(samples, out)


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
    activation: Literal["relu", "relu6"] | None = None,
    out: NDArray | None = None,
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Apply a transposed convolution to volumes, as an upsampling layer of a neural network does.

    Each sample adds its multiple of the filter to the result, `stride` samples after that of the
    previous sample.  The operation is the adjoint of `fastconv.conv3d` with the same arguments.

    Parameters
    ----------
    x : array_like
        ``(N, C, D, H, W)`` or ``(C, D, H, W)``; with ``layout="NDHWC"``, ``(N, D, H, W, C)`` or
        ``(D, H, W, C)``.
    w : array_like
        The filters, always ``(C, K // groups, kd, kh, kw)``.
    bias : array_like, optional
        ``(K,)``: one number for each output channel, added to the sums.
    stride : int or sequence of int, optional
        The distance between the filters of adjacent samples in the result.
    padding : int, sequence of int or of pairs, optional
        The number of samples cropped from both sides of the result: one for all axes, one for each
        axis, or a pair ``(before, after)`` for each axis.
    output_padding : int or sequence of int, optional
        The number of samples added at the end of the result, for all axes or one for each.  It must
        be less than `stride` or less than `dilation`.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples of the result.
    layout : {"NCDHW", "NDHWC"}, optional
        The order of the axes, in the input and in the result.
    activation : {None, "relu", "relu6"}, optional
        "relu" stores ``max(0, result)``, "relu6" ``min(max(0, result), 6)``.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x`, `w` and `bias`:
        a temporary array is used in that case.
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most 3e-5 times the
        largest possible sum; "strict" rounds like a plain sum.
    algorithm : str, optional
        How sums are computed: "auto", "box", "separable", "sparse", "fft", "winograd", "pointwise",
        "depthwise", "gemm" or "direct".  "auto" chooses the algorithm with the shortest predicted
        time.  "box", "separable", "sparse" and "depthwise" need groups with one channel in and one
        out; "pointwise" needs kernels with one tap.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array ``(N, K, out D, out H, out W)``, in the layout of `x`, with
        ``out = (n - 1) * stride + dilation * (k - 1) + 1 + output_padding - padding``, where
        `padding` is the total of both sides.  Without the axis N if `x` has none.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The result has the dtype ``np.result_type(x, w, bias)`` unless `out` has another one.  Sums of
    integers are exact; results that are converted to an integer dtype are rounded half to even and
    saturate.  float16 is summed in float32.  The bits of a result do not depend on the number of
    threads.

    No zeros are inserted.  Every stride-th output uses the same taps, so that the result consists
    of several ordinary convolutions of `x`: as many as the product of the strides.  A sample costs
    ``K // groups`` multiply-adds for each tap.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.conv_transpose3d(np.ones((1, 1, 1, 2)), np.ones((1, 1, 1, 1, 2)))
    array([[[[1., 2., 1.]]]])
    """
    samples = lower.array(x, "conv_transpose3d: x")
    plan = make_transposed(
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
        once=True,
    )
    return plan._run(samples, out)
