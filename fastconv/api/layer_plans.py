"""Plans of layers of neural networks: batches, channels, groups, padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike, DTypeLike

from .. import lower
from ..config import BackendName
from ..plan.choose import make_plan
from ..plan.plan import Plan
from .options import AlgorithmName, Boundary, Padding, PerAxis, Precision

__all__ = ["plan_conv1d", "plan_conv2d", "plan_conv3d"]


def plan_conv1d(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
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
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Choose an algorithm and pack the weights for repeated calls of `fastconv.conv1d`.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on: ``(N, C, L)`` or ``(C, L)``; with
        ``layout="NLC"``, ``(N, L, C)`` or ``(L, C)``.
    x_dtype : dtype
        Their dtype, of any byte order.
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
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most
        ``3e-5 * abs(x).max() * abs(w).sum(axis=(1, 2))``; "strict" rounds like a plain sum.
    algorithm : str, optional
        How sums are computed: "auto", "box", "separable", "sparse", "fft", "winograd", "pointwise",
        "depthwise", "gemm" or "direct".  "auto" chooses the algorithm with the shortest predicted
        time.  "box", "separable", "sparse" and "depthwise" need groups with one channel in and one
        out; "pointwise" needs kernels with one tap.  ``print(plan)`` lists all algorithms with
        their predicted times, or the reasons why they cannot be used.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    Plan
        ``plan(x)`` returns the same bits as ``conv1d(x, w, ...)``.  ``print(plan)`` explains its
        choices.

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
    >>> plan = fc.plan_conv1d((1, 2, 8), "float32", np.ones((4, 2, 3), "float32"))
    >>> plan(np.ones((1, 2, 8), "float32")).shape
    (1, 4, 6)
    """
    return _plan(
        1,
        (x_shape, x_dtype, w, bias),
        {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "boundary": boundary,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": None,
        },
        algorithm,
        backend,
        threads,
    )


def plan_conv2d(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
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
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Choose an algorithm and pack the weights for repeated calls of `fastconv.conv2d`.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on: ``(N, C, H, W)`` or ``(C, H, W)``;
        with ``layout="NHWC"``, ``(N, H, W, C)`` or ``(H, W, C)``.
    x_dtype : dtype
        Their dtype, of any byte order.
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
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most
        ``3e-5 * abs(x).max() * abs(w).sum(axis=(1, 2, 3))``; "strict" rounds like a plain sum.
    algorithm : str, optional
        How sums are computed: "auto", "box", "separable", "sparse", "fft", "winograd", "pointwise",
        "depthwise", "gemm" or "direct".  "auto" chooses the algorithm with the shortest predicted
        time.  "box", "separable", "sparse" and "depthwise" need groups with one channel in and one
        out; "pointwise" needs kernels with one tap.  ``print(plan)`` lists all algorithms with
        their predicted times, or the reasons why they cannot be used.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    Plan
        ``plan(x)`` returns the same bits as ``conv2d(x, w, ...)``.  ``print(plan)`` explains its
        choices.

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
    >>> plan = fc.plan_conv2d((1, 2, 8, 8), "float32", np.ones((4, 2, 3, 3), "float32"))
    >>> plan(np.ones((1, 2, 8, 8), "float32")).shape
    (1, 4, 6, 6)
    """
    return _plan(
        2,
        (x_shape, x_dtype, w, bias),
        {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "boundary": boundary,
            "layout": layout,
            "activation": activation,
            "precision": precision,
            "out_dtype": None,
        },
        algorithm,
        backend,
        threads,
    )


def plan_conv3d(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
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
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Choose an algorithm and pack the weights for repeated calls of `fastconv.conv3d`.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on: ``(N, C, D, H, W)`` or
        ``(C, D, H, W)``; with ``layout="NDHWC"``, ``(N, D, H, W, C)`` or ``(D, H, W, C)``.
    x_dtype : dtype
        Their dtype, of any byte order.
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
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most
        ``3e-5 * abs(x).max() * abs(w).sum(axis=(1, 2, 3, 4))``; "strict" rounds like a plain sum.
    algorithm : str, optional
        How sums are computed: "auto", "box", "separable", "sparse", "fft", "winograd", "pointwise",
        "depthwise", "gemm" or "direct".  "auto" chooses the algorithm with the shortest predicted
        time.  "box", "separable", "sparse" and "depthwise" need groups with one channel in and one
        out; "pointwise" needs kernels with one tap.  ``print(plan)`` lists all algorithms with
        their predicted times, or the reasons why they cannot be used.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    Plan
        ``plan(x)`` returns the same bits as ``conv3d(x, w, ...)``.  ``print(plan)`` explains its
        choices.

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
    >>> plan = fc.plan_conv3d((1, 2, 8, 8, 8), "float32", np.ones((4, 2, 3, 3, 3), "float32"))
    >>> plan(np.ones((1, 2, 8, 8, 8), "float32")).shape
    (1, 4, 6, 6, 6)
    """
    return _plan(
        3,
        (x_shape, x_dtype, w, bias),
        {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "boundary": boundary,
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
) -> Plan:
    """The plan for arrays of a shape and dtype, and for weights and biases."""
    call = f"conv{rank}d"
    x_shape, x_dtype, w, bias = given
    shape = lower.shape(x_shape, f"plan_{call}: x_shape")
    dtype = lower.dtype_named(x_dtype, f"plan_{call}: x_dtype")
    checked = (call, rank, shape, dtype)
    plan = make_plan(
        lower.convolution, checked, (w, bias), options, algorithm, backend, threads, once=False
    )
    return plan._for_many_calls()
