"""Layers of neural networks: batches, channels, groups, padding, and cross-correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..config import BackendName
from ..plan.choose import make_plan
from .options import AlgorithmName, Boundary, Padding, PerAxis, Precision

__all__ = ["conv1d", "conv2d", "conv3d"]


def conv1d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "constant",
    layout: Literal["NCL", "NLC"] = "NCL",
    activation: Literal["relu", "relu6"] | None = None,
    out: NDArray | None = None,
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve signals with filters, as a layer of a neural network does.

    It is a cross-correlation, as in other frameworks: the filters are not flipped.

    Parameters
    ----------
    x : array_like
        ``(N, C, L)`` or ``(C, L)``; with ``layout="NLC"``, ``(N, L, C)`` or ``(L, C)``.
    w : array_like
        The filters, always ``(K, C // groups, k)``.
    bias : array_like, optional
        ``(K,)``: one number for each output channel, added to the sums.
    stride : int or sequence of int, optional
        Compute every stride-th output only.
    padding : int, sequence of int or of pairs, or str, optional
        The number of samples added on both sides: one for all axes, one for each axis, or a pair
        ``(before, after)`` for each axis.  "same" gives ``ceil(n / stride)`` outputs; if the number
        of added samples is odd, the extra one is at the end ("same_lower": at the start).  "valid"
        adds none.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    boundary : str or sequence of str, optional
        The values of the padding, for all axes or one for each: "constant" (zeros), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).  No padded copy is made.
    layout : {"NCL", "NLC"}, optional
        The order of the axes, in the input and in the result.
    activation : {None, "relu", "relu6"}, optional
        "relu" stores ``max(0, result)``, "relu6" ``min(max(0, result), 6)``.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x`, `w` and `bias`:
        a temporary array is used in that case.
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most
        ``3e-5 * abs(x).max() * abs(w).sum(axis=(1, 2))``; "strict" rounds like a plain sum.
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
        ``out = (n + padding - dilation * (k - 1) - 1) // stride + 1``, where `padding` is the total
        of both sides.  Without the axis N if `x` has none.

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
    threads.  NaN and infinity affect only outputs whose window contains them.  If the stride does
    not fit, the last samples are not read, as in other frameworks.

    An output costs ``C // groups`` multiply-adds for each tap with "direct" and "gemm", and less
    with some other algorithms.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> x = np.arange(5.0).reshape(1, 1, 5)
    >>> fc.conv1d(x, np.ones((1, 1, 3)), padding=1)
    array([[[1., 3., 6., 9., 7.]]])
    """
    samples = lower.array(x, "conv1d: x")
    plan = make_plan(
        lower.convolution,
        ("conv1d", 1, samples.shape, samples.dtype),
        (w, bias),
        {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "boundary": boundary,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": lower.output_dtype(out, "conv1d: out"),
        },
        algorithm,
        backend,
        threads,
        once=True,
    )
    return plan._run(samples, out)


def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "constant",
    layout: Literal["NCHW", "NHWC"] = "NCHW",
    activation: Literal["relu", "relu6"] | None = None,
    out: NDArray | None = None,
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve images with filters, as a layer of a neural network does.

    It is a cross-correlation, as in other frameworks: the filters are not flipped.

    Parameters
    ----------
    x : array_like
        ``(N, C, H, W)`` or ``(C, H, W)``; with ``layout="NHWC"``, ``(N, H, W, C)`` or
        ``(H, W, C)``.
    w : array_like
        The filters, always ``(K, C // groups, kh, kw)``.
    bias : array_like, optional
        ``(K,)``: one number for each output channel, added to the sums.
    stride : int or sequence of int, optional
        Compute every stride-th output only.
    padding : int, sequence of int or of pairs, or str, optional
        The number of samples added on both sides: one for all axes, one for each axis, or a pair
        ``(before, after)`` for each axis.  "same" gives ``ceil(n / stride)`` outputs; if the number
        of added samples is odd, the extra one is at the end ("same_lower": at the start).  "valid"
        adds none.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    boundary : str or sequence of str, optional
        The values of the padding, for all axes or one for each: "constant" (zeros), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).  No padded copy is made.
    layout : {"NCHW", "NHWC"}, optional
        The order of the axes, in the input and in the result.
    activation : {None, "relu", "relu6"}, optional
        "relu" stores ``max(0, result)``, "relu6" ``min(max(0, result), 6)``.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x`, `w` and `bias`:
        a temporary array is used in that case.
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most
        ``3e-5 * abs(x).max() * abs(w).sum(axis=(1, 2, 3))``; "strict" rounds like a plain sum.
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
        ``out = (n + padding - dilation * (k - 1) - 1) // stride + 1``, where `padding` is the total
        of both sides.  Without the axis N if `x` has none.

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
    threads.  NaN and infinity affect only outputs whose window contains them.  If the stride does
    not fit, the last samples are not read, as in other frameworks.

    An output costs ``C // groups`` multiply-adds for each tap with "direct" and "gemm", and less
    with some other algorithms.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> x = np.ones((1, 3, 32, 32), "float32")
    >>> w = np.ones((8, 3, 5, 5), "float32")
    >>> fc.conv2d(x, w).shape
    (1, 8, 28, 28)
    >>> fc.conv2d(x, w, stride=2, padding="same", activation="relu").shape
    (1, 8, 16, 16)
    """
    samples = lower.array(x, "conv2d: x")
    plan = make_plan(
        lower.convolution,
        ("conv2d", 2, samples.shape, samples.dtype),
        (w, bias),
        {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "boundary": boundary,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": lower.output_dtype(out, "conv2d: out"),
        },
        algorithm,
        backend,
        threads,
        once=True,
    )
    return plan._run(samples, out)


def conv3d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "constant",
    layout: Literal["NCDHW", "NDHWC"] = "NCDHW",
    activation: Literal["relu", "relu6"] | None = None,
    out: NDArray | None = None,
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve volumes with filters, as a layer of a neural network does.

    It is a cross-correlation, as in other frameworks: the filters are not flipped.

    Parameters
    ----------
    x : array_like
        ``(N, C, D, H, W)`` or ``(C, D, H, W)``; with ``layout="NDHWC"``, ``(N, D, H, W, C)`` or
        ``(D, H, W, C)``.
    w : array_like
        The filters, always ``(K, C // groups, kd, kh, kw)``.
    bias : array_like, optional
        ``(K,)``: one number for each output channel, added to the sums.
    stride : int or sequence of int, optional
        Compute every stride-th output only.
    padding : int, sequence of int or of pairs, or str, optional
        The number of samples added on both sides: one for all axes, one for each axis, or a pair
        ``(before, after)`` for each axis.  "same" gives ``ceil(n / stride)`` outputs; if the number
        of added samples is odd, the extra one is at the end ("same_lower": at the start).  "valid"
        adds none.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    boundary : str or sequence of str, optional
        The values of the padding, for all axes or one for each: "constant" (zeros), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).  No padded copy is made.
    layout : {"NCDHW", "NDHWC"}, optional
        The order of the axes, in the input and in the result.
    activation : {None, "relu", "relu6"}, optional
        "relu" stores ``max(0, result)``, "relu6" ``min(max(0, result), 6)``.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x`, `w` and `bias`:
        a temporary array is used in that case.
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most
        ``3e-5 * abs(x).max() * abs(w).sum(axis=(1, 2, 3, 4))``; "strict" rounds like a plain sum.
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
        ``out = (n + padding - dilation * (k - 1) - 1) // stride + 1``, where `padding` is the total
        of both sides.  Without the axis N if `x` has none.

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
    threads.  NaN and infinity affect only outputs whose window contains them.  If the stride does
    not fit, the last samples are not read, as in other frameworks.

    An output costs ``C // groups`` multiply-adds for each tap with "direct" and "gemm", and less
    with some other algorithms.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.conv3d(np.ones((2, 4, 4, 4)), np.ones((1, 2, 3, 3, 3)))[0, 0, 0]
    array([54., 54.])
    """
    samples = lower.array(x, "conv3d: x")
    plan = make_plan(
        lower.convolution,
        ("conv3d", 3, samples.shape, samples.dtype),
        (w, bias),
        {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "boundary": boundary,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": lower.output_dtype(out, "conv3d: out"),
        },
        algorithm,
        backend,
        threads,
        once=True,
    )
    return plan._run(samples, out)
