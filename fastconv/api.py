"""The public calls.  Each asks a question (`validate`), has it planned (`planner`) and runs the plan.

Two families share one engine.  `correlate` and `convolve` are image-style: any rank, same size by
default, a border rule.  `conv1d`, `conv2d` and `conv3d` are layers of neural networks: batches,
channels, groups, padding, and cross-correlation, as every framework has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import validate
from .config import BackendName
from .plan import Plan
from .planner import make_plan

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "convolve",
    "correlate",
    "plan_conv1d",
    "plan_conv2d",
    "plan_conv3d",
    "plan_correlate",
]

Boundary = Literal["constant", "nearest", "symmetric", "mirror", "wrap"]
PerAxis = int | Sequence[int]
Padding = int | Sequence[int] | Sequence[Sequence[int]] | Literal["same", "same_lower", "valid"]
AlgorithmName = Literal["auto", "direct", "separable"]


def correlate(
    x: ArrayLike,
    w: ArrayLike | tuple[ArrayLike, ...],
    *,
    axes: PerAxis | None = None,
    mode: Literal["same", "valid", "full"] = "same",
    boundary: Boundary | Sequence[Boundary] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    out: NDArray | None = None,
    dtype: DTypeLike | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Slide a kernel over an array and sum the products: ``out[i] = sum_j w[j] * x[i + j - c]``.

    The centre ``c`` is ``len(w) // 2``.  The kernel is not flipped (see `convolve`) and, for
    complex numbers, not conjugated.

    Parameters
    ----------
    x : array_like
        An array of any rank.
    w : array_like or tuple of 1-D array_like
        The kernel, with one axis for each axis of `x` that it spans; or its 1-D factors, one for
        each axis, where the kernel is their outer product.
    axes : int or sequence of int, optional
        The axes of `x` that `w` spans, in the order of `w`'s axes.  Default: the last ones.  Each
        index along the other axes is filtered for itself: an RGB image wants ``axes=(0, 1)``.
    mode : {"same", "valid", "full"}
        "same": as long as `x`; "valid": where the whole kernel lies on `x`; "full": wherever the
        kernel touches `x`.  "same" is ``full[(n - 1) // 2 :][: len(x)]`` with n taps.
    boundary : str or sequence of str
        What lies beyond the edges, for all axes or for each: "constant" (`cval`), "nearest"
        ``a a|a b c d|d d``, "symmetric" ``b a|a b c d|d c``, "mirror" ``c b|a b c d|c b`` or
        "wrap" ``c d|a b c d|a b``.
    cval : scalar
        The value beyond the edges for "constant".
    origin : int or sequence of int
        Shifts the centre of the kernel, as in `scipy.ndimage.correlate`; for "same" only.
    stride : int or sequence of int
        Take every stride-th output.
    dilation : int or sequence of int
        The distance between neighbouring taps, in samples.
    out : ndarray, optional
        Receives the result, in its own dtype.  It may be `x` itself, and otherwise must not
        overlap `x`.
    dtype : dtype, optional
        Of the result.  Default: ``np.result_type(x, w)``, with bool counting as uint8.
    algorithm : {"auto", "direct", "separable"}
        "auto" takes the one that is expected to be fastest; `plan_correlate` tells which.
    backend : {"cython", "numba", "numpy"}, optional
        Default: see `get_backend`.
    threads : int, optional
        The most threads to use.  Default: see `get_num_threads`.

    Returns
    -------
    ndarray
        `out`, or a new array: `x`'s shape with the filtered axes as `mode` and `stride` say.

    Raises
    ------
    TypeError, ValueError
        A wrong argument; the message names it.  `out` is untouched.
    BackendUnavailableError
        `backend` cannot run here.

    Notes
    -----
    Integer times integer is exact.  Results that are converted to an integer dtype are rounded
    half to even (NaN to 0) and saturate; nothing wraps.  float16 is summed in float32.  Results
    are the same bits for any number of threads.  A NaN or infinity reaches the outputs whose
    kernel covers it and no others.

    It costs one product for each tap and output, and memory for the result and a few strips along
    the edges.  An interrupt (Ctrl-C) leaves `out` partly written.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.correlate([1, 2, 3, 4], [1, 0, -1])
    array([-2, -2, -2,  3])
    >>> fc.correlate([1, 2, 3, 4], [1, 0, -1], boundary="nearest")
    array([-1, -2, -2, -1])
    >>> fc.correlate(np.eye(4), ([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0]), mode="valid")
    array([[ 0.,  2.],
           [-2.,  0.]])
    """
    samples = validate.array(x, "correlate: x")
    plan = _plan_correlation(
        "correlate",
        samples.shape,
        samples.dtype,
        w,
        flip=False,
        axes=axes,
        mode=mode,
        boundary=boundary,
        cval=cval,
        origin=origin,
        stride=stride,
        dilation=dilation,
        out=out,
        dtype=dtype,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )
    return plan(samples, out)


def convolve(
    x: ArrayLike,
    w: ArrayLike | tuple[ArrayLike, ...],
    *,
    axes: PerAxis | None = None,
    mode: Literal["same", "valid", "full"] = "same",
    boundary: Boundary | Sequence[Boundary] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    out: NDArray | None = None,
    dtype: DTypeLike | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The mathematician's convolution ``(x * w)[i] = sum_j w[j] * x[i - j]``: a flipped kernel.

    It is `correlate` with the kernel reversed along every axis, and takes the same arguments.
    ``mode="full"`` is `numpy.convolve`, in any rank.

    Parameters
    ----------
    x, w, axes, mode, boundary, cval, stride, dilation, out, dtype, algorithm, backend, threads
        As in `correlate`.
    origin : int or sequence of int
        Shifts the centre of the kernel, the other way than in `correlate`, as
        `scipy.ndimage.convolve` does.

    Returns
    -------
    ndarray
        As from `correlate`.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `correlate`.

    Notes
    -----
    For kernels of even length, ``mode="same"`` is `numpy.convolve`'s and `scipy.signal`'s;
    `scipy.ndimage.convolve` puts the centre one sample further.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.convolve([1, 2, 3], [0, 1, 10], mode="full")
    array([ 0,  1, 12, 23, 30])
    >>> fc.convolve([0, 0, 1, 0, 0], [1, 2, 3])
    array([0, 1, 2, 3, 0])
    """
    samples = validate.array(x, "convolve: x")
    plan = _plan_correlation(
        "convolve",
        samples.shape,
        samples.dtype,
        w,
        flip=True,
        axes=axes,
        mode=mode,
        boundary=boundary,
        cval=cval,
        origin=origin,
        stride=stride,
        dilation=dilation,
        out=out,
        dtype=dtype,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )
    return plan(samples, out)


def plan_correlate(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
    w: ArrayLike | tuple[ArrayLike, ...],
    *,
    axes: PerAxis | None = None,
    mode: Literal["same", "valid", "full"] = "same",
    boundary: Boundary | Sequence[Boundary] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    dtype: DTypeLike | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Check, choose and prepare once what `correlate` would do at each call.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that will come.
    x_dtype : dtype
        Their dtype.
    w, axes, mode, boundary, cval, origin, stride, dilation, dtype, algorithm, backend, threads
        As in `correlate`.

    Returns
    -------
    Plan
        ``plan(x)`` is ``correlate(x, w, ...)``, to the bit; ``print(plan)`` says how.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `correlate`.

    Examples
    --------
    >>> import fastconv as fc
    >>> plan = fc.plan_correlate((480, 640), "float32", np.ones((3, 3), "float32"))
    >>> plan.algorithm
    'direct'
    >>> plan(np.ones((480, 640), "float32"))[0, :3]
    array([4., 6., 6.], dtype=float32)
    """
    return _plan_correlation(
        "correlate",
        validate.shape(x_shape, "plan_correlate: x_shape"),
        validate.dtype_named(x_dtype, "plan_correlate: x_dtype"),
        w,
        flip=False,
        axes=axes,
        mode=mode,
        boundary=boundary,
        cval=cval,
        origin=origin,
        stride=stride,
        dilation=dilation,
        out=None,
        dtype=dtype,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )


def _plan_correlation(
    name: str,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    w: ArrayLike | tuple[ArrayLike, ...],
    *,
    algorithm: str,
    backend: str | None,
    threads: int | None,
    **options: Any,
) -> Plan:
    question = validate.correlation(name, x_shape, x_dtype, w, **options)
    return make_plan(question, algorithm, backend, threads)


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
    activation: Literal["relu"] | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve signals with filters: `conv2d` with one axis.

    Parameters
    ----------
    x : array_like
        ``(N, C, L)`` or ``(C, L)``; with ``layout="NLC"``, ``(N, L, C)`` or ``(L, C)``.
    w : array_like
        The filters, always ``(K, C // groups, k)``.
    bias, stride, padding, dilation, groups, boundary, layout, activation, out, algorithm, \
backend, threads
        As in `conv2d`.

    Returns
    -------
    ndarray
        ``(N, K, out L)``, or as `x`'s layout has it, with
        ``out = (n + padding - dilation * (k - 1) - 1) // stride + 1``.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        A wrong argument, named by the message, or a backend that cannot run here.

    Examples
    --------
    >>> import fastconv as fc
    >>> x = np.arange(5.0).reshape(1, 1, 5)
    >>> fc.conv1d(x, np.ones((1, 1, 3)), padding=1)
    array([[[1., 3., 6., 9., 7.]]])
    """
    samples = validate.array(x, "conv1d: x")
    plan = _plan_convolution(
        1,
        samples.shape,
        samples.dtype,
        w,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        activation=activation,
        out=out,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )
    return plan(samples, out)


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
    activation: Literal["relu"] | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Check, choose and prepare once what `conv1d` would do at each call.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that will come.
    x_dtype : dtype
        Their dtype.
    w, bias, stride, padding, dilation, groups, boundary, layout, activation, algorithm, \
backend, threads
        As in `conv1d`.

    Returns
    -------
    Plan
        ``plan(x)`` is ``conv1d(x, w, ...)``, to the bit; ``print(plan)`` says how.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `conv1d`.

    Examples
    --------
    >>> import fastconv as fc
    >>> plan = fc.plan_conv1d((1, 2, 8), "float32", np.ones((4, 2, 3), "float32"))
    >>> plan(np.ones((1, 2, 8), "float32")).shape
    (1, 4, 6)
    """
    return _plan_convolution(
        1,
        validate.shape(x_shape, "plan_conv1d: x_shape"),
        validate.dtype_named(x_dtype, "plan_conv1d: x_dtype"),
        w,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        activation=activation,
        out=None,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )


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
    activation: Literal["relu"] | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve images with filters, as a layer of a neural network does.

    Parameters
    ----------
    x : array_like
        ``(N, C, H, W)`` or ``(C, H, W)``; with ``layout="NHWC"``, ``(N, H, W, C)`` or ``(H, W, C)``.
    w : array_like
        The filters, always ``(K, C // groups, kh, kw)``.
    bias : array_like, optional
        ``(K,)``, added to the sums.
    stride : int or sequence of int
        Take every stride-th output.
    padding : int, sequence of int or of pairs, or str
        Samples added at both sides of all axes, of each, or of each side; "same" makes
        ``ceil(n / stride)`` outputs, an odd sample being added at the end ("same_lower": at the
        start); "valid" adds none.
    dilation : int or sequence of int
        The distance between neighbouring taps, in samples.
    groups : int
        Cuts the channels of `x` and of the result into groups that do not see each other.
    boundary : str or sequence of str
        What the padding holds: "constant" (zeros), "nearest", "symmetric", "mirror" or "wrap",
        as in `correlate`; no padded copy is made.
    layout : {"NCHW", "NHWC"}
        Where the channels are, in `x` and in the result.
    activation : {None, "relu"}
        "relu" stores ``max(0, result)``.
    out : ndarray, optional
        Receives the result, in its own dtype.  It may be `x` itself, and otherwise must not
        overlap `x`.
    algorithm, backend, threads
        As in `correlate`.

    Returns
    -------
    ndarray
        ``(N, K, out H, out W)``, or as `x`'s layout has it, with
        ``out = (n + padding - dilation * (k - 1) - 1) // stride + 1``.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        A wrong argument, named by the message, or a backend that cannot run here.

    Notes
    -----
    The dtype of the result is ``np.result_type(x, w, bias)`` unless `out` says otherwise; numbers
    follow the rules of `correlate`.  A stride that does not fit leaves the last samples unread, as
    every framework does.  It costs ``C // groups`` times the taps products for each output.

    Examples
    --------
    >>> import fastconv as fc
    >>> x = np.ones((1, 3, 32, 32), "float32")
    >>> w = np.ones((8, 3, 5, 5), "float32")
    >>> fc.conv2d(x, w).shape
    (1, 8, 28, 28)
    >>> fc.conv2d(x, w, stride=2, padding="same", activation="relu").shape
    (1, 8, 16, 16)
    """
    samples = validate.array(x, "conv2d: x")
    plan = _plan_convolution(
        2,
        samples.shape,
        samples.dtype,
        w,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        activation=activation,
        out=out,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )
    return plan(samples, out)


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
    activation: Literal["relu"] | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Check, choose and prepare once what `conv2d` would do at each call.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that will come.
    x_dtype : dtype
        Their dtype.
    w, bias, stride, padding, dilation, groups, boundary, layout, activation, algorithm, \
backend, threads
        As in `conv2d`.

    Returns
    -------
    Plan
        ``plan(x)`` is ``conv2d(x, w, ...)``, to the bit; ``print(plan)`` says how.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `conv2d`.

    Examples
    --------
    >>> import fastconv as fc
    >>> plan = fc.plan_conv2d((1, 2, 8, 8), "float32", np.ones((4, 2, 3, 3), "float32"))
    >>> plan(np.ones((1, 2, 8, 8), "float32")).shape
    (1, 4, 6, 6)
    """
    return _plan_convolution(
        2,
        validate.shape(x_shape, "plan_conv2d: x_shape"),
        validate.dtype_named(x_dtype, "plan_conv2d: x_dtype"),
        w,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        activation=activation,
        out=None,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )


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
    activation: Literal["relu"] | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve volumes with filters: `conv2d` with three axes.

    Parameters
    ----------
    x : array_like
        ``(N, C, D, H, W)`` or ``(C, D, H, W)``; with ``layout="NDHWC"``, ``(N, D, H, W, C)`` or ``(D, H, W, C)``.
    w : array_like
        The filters, always ``(K, C // groups, kd, kh, kw)``.
    bias, stride, padding, dilation, groups, boundary, layout, activation, out, algorithm, \
backend, threads
        As in `conv2d`.

    Returns
    -------
    ndarray
        ``(N, K, out D, out H, out W)``, or as `x`'s layout has it, with
        ``out = (n + padding - dilation * (k - 1) - 1) // stride + 1``.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        A wrong argument, named by the message, or a backend that cannot run here.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.conv3d(np.ones((2, 4, 4, 4)), np.ones((1, 2, 3, 3, 3)))[0, 0, 0]
    array([54., 54.])
    """
    samples = validate.array(x, "conv3d: x")
    plan = _plan_convolution(
        3,
        samples.shape,
        samples.dtype,
        w,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        activation=activation,
        out=out,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )
    return plan(samples, out)


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
    activation: Literal["relu"] | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Check, choose and prepare once what `conv3d` would do at each call.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that will come.
    x_dtype : dtype
        Their dtype.
    w, bias, stride, padding, dilation, groups, boundary, layout, activation, algorithm, \
backend, threads
        As in `conv3d`.

    Returns
    -------
    Plan
        ``plan(x)`` is ``conv3d(x, w, ...)``, to the bit; ``print(plan)`` says how.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `conv3d`.

    Examples
    --------
    >>> import fastconv as fc
    >>> plan = fc.plan_conv3d((1, 2, 8, 8, 8), "float32", np.ones((4, 2, 3, 3, 3), "float32"))
    >>> plan(np.ones((1, 2, 8, 8, 8), "float32")).shape
    (1, 4, 6, 6, 6)
    """
    return _plan_convolution(
        3,
        validate.shape(x_shape, "plan_conv3d: x_shape"),
        validate.dtype_named(x_dtype, "plan_conv3d: x_dtype"),
        w,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        activation=activation,
        out=None,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )


def _plan_convolution(
    rank: int,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    w: ArrayLike,
    bias: ArrayLike | None,
    *,
    algorithm: str,
    backend: str | None,
    threads: int | None,
    **options: Any,
) -> Plan:
    question = validate.convolution(f"conv{rank}d", rank, x_shape, x_dtype, w, bias, **options)
    return make_plan(question, algorithm, backend, threads)
