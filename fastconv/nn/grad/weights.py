"""Gradients of weights: long sums over all outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...api.options import Boundary, Padding, PerAxis
from ...config import BackendName
from ...plan.choose import make_weight_gradient
from ...problem import dtypes

__all__ = ["conv1d_weight", "conv2d_weight", "conv3d_weight"]


def conv1d_weight(
    input: ArrayLike,  # noqa: A002
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "constant",
    layout: Literal["NCL", "NLC"] = "NCL",
    out: NDArray | None = None,
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The gradient of `fastconv.conv1d` with respect to its weights.

    Parameters
    ----------
    input : array_like
        The input of the convolution.
    weight_size : sequence of int
        The shape of the filters, always ``(K, C // groups, k)``.
    grad_output : array_like
        The gradient with respect to the result of the convolution, of the same shape as this
        result.
    stride : int or sequence of int, optional
        The stride of the convolution.
    padding : int, sequence of int or of pairs, or str, optional
        The padding of the convolution: the number of samples added on both sides, as one number for
        all axes, one for each axis, or a pair ``(before, after)`` for each axis; or "same",
        "same_lower" or "valid".
    dilation : int or sequence of int, optional
        The dilation of the convolution: the distance between adjacent taps, in samples.
    groups : int, optional
        The number of groups of channels of the convolution.
    boundary : str or sequence of str, optional
        The border of the convolution, for all axes or one for each: "constant" (zeros), "nearest",
        "symmetric", "mirror" or "wrap".
    layout : {"NCL", "NLC"}, optional
        The order of the axes, in all arrays.
    out : ndarray, optional
        Receives the gradient, converted to its dtype.  It may share memory with `input` and
        `grad_output`: a temporary array is used in that case.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of shape `weight_size` and dtype
        ``np.result_type(input, grad_output)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    Sums are computed over a few thousand outputs at a time, which bounds both the workspace and the
    rounding error of long sums.  The bits of the result do not depend on the number of threads.

    Examples
    --------
    >>> import fastconv as fc
    >>> x = [[1.0, 2.0, 3.0, 4.0]]
    >>> fc.nn.grad.conv1d_weight(x, (1, 1, 2), [[1.0, 0.0, 10.0]])
    array([[[31., 42.]]])
    """
    return _weight(
        "conv1d_weight",
        1,
        input,
        weight_size,
        grad_output,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        out=out,
        backend=backend,
        threads=threads,
    )


def conv2d_weight(
    input: ArrayLike,  # noqa: A002
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "constant",
    layout: Literal["NCHW", "NHWC"] = "NCHW",
    out: NDArray | None = None,
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The gradient of `fastconv.conv2d` with respect to its weights.

    Parameters
    ----------
    input : array_like
        The input of the convolution.
    weight_size : sequence of int
        The shape of the filters, always ``(K, C // groups, kh, kw)``.
    grad_output : array_like
        The gradient with respect to the result of the convolution, of the same shape as this
        result.
    stride : int or sequence of int, optional
        The stride of the convolution.
    padding : int, sequence of int or of pairs, or str, optional
        The padding of the convolution: the number of samples added on both sides, as one number for
        all axes, one for each axis, or a pair ``(before, after)`` for each axis; or "same",
        "same_lower" or "valid".
    dilation : int or sequence of int, optional
        The dilation of the convolution: the distance between adjacent taps, in samples.
    groups : int, optional
        The number of groups of channels of the convolution.
    boundary : str or sequence of str, optional
        The border of the convolution, for all axes or one for each: "constant" (zeros), "nearest",
        "symmetric", "mirror" or "wrap".
    layout : {"NCHW", "NHWC"}, optional
        The order of the axes, in all arrays.
    out : ndarray, optional
        Receives the gradient, converted to its dtype.  It may share memory with `input` and
        `grad_output`: a temporary array is used in that case.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of shape `weight_size` and dtype
        ``np.result_type(input, grad_output)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    Sums are computed over a few thousand outputs at a time, which bounds both the workspace and the
    rounding error of long sums.  The bits of the result do not depend on the number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> x = np.arange(12.0).reshape(1, 3, 4)
    >>> fc.nn.grad.conv2d_weight(x, (1, 1, 2, 2), np.ones((1, 2, 3)))
    array([[[[18., 24.],
             [42., 48.]]]])
    """
    return _weight(
        "conv2d_weight",
        2,
        input,
        weight_size,
        grad_output,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        out=out,
        backend=backend,
        threads=threads,
    )


def conv3d_weight(
    input: ArrayLike,  # noqa: A002
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "constant",
    layout: Literal["NCDHW", "NDHWC"] = "NCDHW",
    out: NDArray | None = None,
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The gradient of `fastconv.conv3d` with respect to its weights.

    Parameters
    ----------
    input : array_like
        The input of the convolution.
    weight_size : sequence of int
        The shape of the filters, always ``(K, C // groups, kd, kh, kw)``.
    grad_output : array_like
        The gradient with respect to the result of the convolution, of the same shape as this
        result.
    stride : int or sequence of int, optional
        The stride of the convolution.
    padding : int, sequence of int or of pairs, or str, optional
        The padding of the convolution: the number of samples added on both sides, as one number for
        all axes, one for each axis, or a pair ``(before, after)`` for each axis; or "same",
        "same_lower" or "valid".
    dilation : int or sequence of int, optional
        The dilation of the convolution: the distance between adjacent taps, in samples.
    groups : int, optional
        The number of groups of channels of the convolution.
    boundary : str or sequence of str, optional
        The border of the convolution, for all axes or one for each: "constant" (zeros), "nearest",
        "symmetric", "mirror" or "wrap".
    layout : {"NCDHW", "NDHWC"}, optional
        The order of the axes, in all arrays.
    out : ndarray, optional
        Receives the gradient, converted to its dtype.  It may share memory with `input` and
        `grad_output`: a temporary array is used in that case.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of shape `weight_size` and dtype
        ``np.result_type(input, grad_output)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    Sums are computed over a few thousand outputs at a time, which bounds both the workspace and the
    rounding error of long sums.  The bits of the result do not depend on the number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> x = np.arange(3.0).reshape(1, 1, 1, 3)
    >>> fc.nn.grad.conv3d_weight(x, (1, 1, 1, 1, 2), np.ones((1, 1, 1, 2)))
    array([[[[[1., 3.]]]]])
    """
    return _weight(
        "conv3d_weight",
        3,
        input,
        weight_size,
        grad_output,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        out=out,
        backend=backend,
        threads=threads,
    )


def _weight(
    name: str,
    rank: int,
    x: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    *,
    out: NDArray | None,
    backend: BackendName | None,
    threads: int | None,
    **how: Any,
) -> NDArray:
    samples = lower.array(x, f"{name}: input")
    gy = lower.array(grad_output, f"{name}: grad_output")
    shape = lower.shape(weight_size, f"{name}: weight_size")
    gradient = make_weight_gradient(
        lower.weight_gradient,
        (name, rank, samples.shape, samples.dtype, shape, gy.shape, gy.dtype),
        {
            "out_dtype": lower.output_dtype(out, f"{name}: out"),
            **how,
        },
        backend,
        threads,
    )
    problem = gradient.problem
    if out is not None:
        lower.check_receiver(f"{name}: out", out, shape, problem.complex)
    return dtypes.stored(gradient(samples, gy, threads), problem.dtype, out)
