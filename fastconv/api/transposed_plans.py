"""Plans of transposed convolutions, the upsampling layers of neural networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike, DTypeLike

from .. import lower
from ..config import BackendName
from ..plan.choose import make_transposed
from ..plan.transposed import TransposedPlan
from .options import AlgorithmName, Crop, PerAxis, Precision

__all__ = ["plan_conv_transpose1d", "plan_conv_transpose2d", "plan_conv_transpose3d"]


def plan_conv_transpose1d(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
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
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> TransposedPlan:
    """Choose an algorithm and pack the weights for repeated calls of `fastconv.conv_transpose1d`.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on: ``(N, C, L)`` or ``(C, L)``; with
        ``layout="NLC"``, ``(N, L, C)`` or ``(L, C)``.
    x_dtype : dtype
        Their dtype, of any byte order.
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
    TransposedPlan
        ``plan(x)`` returns the same bits as ``conv_transpose1d(x, w, ...)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The plan keeps a copy of the weights, packed for its algorithm.  It can be copied, pickled, and
    called from several threads at once.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> w = np.ones((2, 4, 3), "float32")
    >>> plan = fc.plan_conv_transpose1d((1, 2, 8), "float32", w, stride=2)
    >>> plan(np.ones((1, 2, 8), "float32")).shape
    (1, 4, 17)
    """
    return _plan(
        1,
        (x_shape, x_dtype, w, bias),
        {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": None,
        },
        algorithm,
        backend,
        threads,
    )


def plan_conv_transpose2d(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
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
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> TransposedPlan:
    """Choose an algorithm and pack the weights for repeated calls of `fastconv.conv_transpose2d`.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on: ``(N, C, H, W)`` or ``(C, H, W)``;
        with ``layout="NHWC"``, ``(N, H, W, C)`` or ``(H, W, C)``.
    x_dtype : dtype
        Their dtype, of any byte order.
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
    TransposedPlan
        ``plan(x)`` returns the same bits as ``conv_transpose2d(x, w, ...)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The plan keeps a copy of the weights, packed for its algorithm.  It can be copied, pickled, and
    called from several threads at once.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> w = np.ones((2, 4, 3, 3), "float32")
    >>> plan = fc.plan_conv_transpose2d((1, 2, 8, 8), "float32", w, stride=2)
    >>> plan(np.ones((1, 2, 8, 8), "float32")).shape
    (1, 4, 17, 17)
    """
    return _plan(
        2,
        (x_shape, x_dtype, w, bias),
        {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": None,
        },
        algorithm,
        backend,
        threads,
    )


def plan_conv_transpose3d(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
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
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> TransposedPlan:
    """Choose an algorithm and pack the weights for repeated calls of `fastconv.conv_transpose3d`.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on: ``(N, C, D, H, W)`` or
        ``(C, D, H, W)``; with ``layout="NDHWC"``, ``(N, D, H, W, C)`` or ``(D, H, W, C)``.
    x_dtype : dtype
        Their dtype, of any byte order.
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
    TransposedPlan
        ``plan(x)`` returns the same bits as ``conv_transpose3d(x, w, ...)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The plan keeps a copy of the weights, packed for its algorithm.  It can be copied, pickled, and
    called from several threads at once.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> w = np.ones((2, 4, 3, 3, 3), "float32")
    >>> plan = fc.plan_conv_transpose3d((1, 2, 8, 8, 8), "float32", w, stride=2)
    >>> plan(np.ones((1, 2, 8, 8, 8), "float32")).shape
    (1, 4, 17, 17, 17)
    """
    return _plan(
        3,
        (x_shape, x_dtype, w, bias),
        {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": None,
        },
        algorithm,
        backend,
        threads,
    )


def _plan(
    rank: int,
    given: tuple[Sequence[int], DTypeLike, ArrayLike, ArrayLike | None],
    options: dict[str, Any],
    algorithm: AlgorithmName,
    backend: BackendName | None,
    threads: int | None,
) -> TransposedPlan:
    """The plan for arrays of a shape and dtype, and for weights and biases."""
    call = f"conv_transpose{rank}d"
    x_shape, x_dtype, w, bias = given
    shape = lower.shape(x_shape, f"plan_{call}: x_shape")
    dtype = lower.dtype_named(x_dtype, f"plan_{call}: x_dtype")
    checked = (call, rank, shape, dtype)
    return make_transposed(
        lower.transposition, checked, (w, bias), options, algorithm, backend, threads, once=False
    )
