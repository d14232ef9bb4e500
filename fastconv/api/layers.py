"""Layers of neural networks: batches, channels, groups, padding, and cross-correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import lower
from ..config import BackendName
from ..plan.choose import make_plan
from ..plan.plan import Plan
from .options import AlgorithmName, Boundary, PerAxis, Precision

__all__ = ["conv1d", "conv2d", "conv3d", "plan_conv1d", "plan_conv2d", "plan_conv3d"]

Padding = int | Sequence[int] | Sequence[Sequence[int]] | Literal["same", "same_lower", "valid"]


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
    precision: Precision = "fast",
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
    bias, stride, padding, dilation, groups, boundary, layout, activation, out, precision, \
algorithm, backend, threads
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
    precision: Precision = "fast",
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
    >>> import numpy as np
    >>> import fastconv as fc
    >>> plan = fc.plan_conv1d((1, 2, 8), "float32", np.ones((4, 2, 3), "float32"))
    >>> plan(np.ones((1, 2, 8), "float32")).shape
    (1, 4, 6)
    """
    return make_plan(
        lower.convolution,
        (
            "conv1d",
            1,
            lower.shape(x_shape, "plan_conv1d: x_shape"),
            lower.dtype_named(x_dtype, "plan_conv1d: x_dtype"),
        ),
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
            "out_dtype": None,
        },
        algorithm,
        backend,
        threads,
        once=False,
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
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve images with filters, as a layer of a neural network does.

    Parameters
    ----------
    x : array_like
        ``(N, C, H, W)`` or ``(C, H, W)``; with ``layout="NHWC"`` ``(N, H, W, C)`` or ``(H, W, C)``.
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
    precision : {"fast", "strict"}
        "fast" may run Winograd's algorithm on float32, whose errors reach
        ``3e-5 * abs(x).max() * abs(w).sum(axis=(1, 2, 3))``; "strict" rounds as a plain sum does.
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
    precision: Precision = "fast",
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
    >>> import numpy as np
    >>> import fastconv as fc
    >>> plan = fc.plan_conv2d((1, 2, 8, 8), "float32", np.ones((4, 2, 3, 3), "float32"))
    >>> plan(np.ones((1, 2, 8, 8), "float32")).shape
    (1, 4, 6, 6)
    """
    return make_plan(
        lower.convolution,
        (
            "conv2d",
            2,
            lower.shape(x_shape, "plan_conv2d: x_shape"),
            lower.dtype_named(x_dtype, "plan_conv2d: x_dtype"),
        ),
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
            "out_dtype": None,
        },
        algorithm,
        backend,
        threads,
        once=False,
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
    precision: Precision = "fast",
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve volumes with filters: `conv2d` with three axes.

    Parameters
    ----------
    x : array_like
        ``(N, C, D, H, W)`` or ``(C, D, H, W)``; with ``layout="NDHWC"``,
        ``(N, D, H, W, C)`` or ``(D, H, W, C)``.
    w : array_like
        The filters, always ``(K, C // groups, kd, kh, kw)``.
    bias, stride, padding, dilation, groups, boundary, layout, activation, out, precision, \
algorithm, backend, threads
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
    precision: Precision = "fast",
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
    >>> import numpy as np
    >>> import fastconv as fc
    >>> plan = fc.plan_conv3d((1, 2, 8, 8, 8), "float32", np.ones((4, 2, 3, 3, 3), "float32"))
    >>> plan(np.ones((1, 2, 8, 8, 8), "float32")).shape
    (1, 4, 6, 6, 6)
    """
    return make_plan(
        lower.convolution,
        (
            "conv3d",
            3,
            lower.shape(x_shape, "plan_conv3d: x_shape"),
            lower.dtype_named(x_dtype, "plan_conv3d: x_dtype"),
        ),
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
            "out_dtype": None,
        },
        algorithm,
        backend,
        threads,
        once=False,
    )
