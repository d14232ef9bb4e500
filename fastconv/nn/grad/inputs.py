"""Gradients of inputs: transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...api.options import Boundary, Padding, PerAxis, Precision
from ...config import BackendName
from ...plan.choose import make_transposed

__all__ = ["conv1d_input", "conv2d_input", "conv3d_input"]


def conv1d_input(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "constant",
    layout: Literal["NCL", "NLC"] = "NCL",
    out: NDArray | None = None,
    precision: Precision = "fast",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The gradient of `fastconv.conv1d` with respect to its input.

    Parameters
    ----------
    input_size : sequence of int
        The shape of the input of the convolution.  (The shape of the result does not determine it:
        a stride may leave the last samples unread.)
    weight : array_like
        The filters, always ``(K, C // groups, k)``.
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
        Receives the gradient, converted to its dtype.  It may share memory with `weight` and
        `grad_output`: a temporary array is used in that case.
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most 3e-5 times the
        largest possible sum; "strict" rounds like a plain sum.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of shape `input_size` and dtype
        ``np.result_type(grad_output, weight)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    It is a transposed convolution, and costs as much as the convolution itself.  With a `boundary`
    other than "constant", the gradient with respect to the padding is added to the samples that the
    padding was taken from.  It is computed separately, in thin strips.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.nn.grad.conv1d_input((1, 4), [[[1.0, 10.0]]], [[1.0, 0.0, 2.0]])
    array([[ 1., 10.,  2., 20.]])
    """
    return _input(
        "conv1d_input",
        1,
        input_size,
        weight,
        grad_output,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        out=out,
        precision=precision,
        backend=backend,
        threads=threads,
    )


def conv2d_input(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "constant",
    layout: Literal["NCHW", "NHWC"] = "NCHW",
    out: NDArray | None = None,
    precision: Precision = "fast",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The gradient of `fastconv.conv2d` with respect to its input.

    Parameters
    ----------
    input_size : sequence of int
        The shape of the input of the convolution.  (The shape of the result does not determine it:
        a stride may leave the last samples unread.)
    weight : array_like
        The filters, always ``(K, C // groups, kh, kw)``.
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
        Receives the gradient, converted to its dtype.  It may share memory with `weight` and
        `grad_output`: a temporary array is used in that case.
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most 3e-5 times the
        largest possible sum; "strict" rounds like a plain sum.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of shape `input_size` and dtype
        ``np.result_type(grad_output, weight)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    It is a transposed convolution, and costs as much as the convolution itself.  With a `boundary`
    other than "constant", the gradient with respect to the padding is added to the samples that the
    padding was taken from.  It is computed separately, in thin strips.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> w = np.ones((1, 1, 3, 3))
    >>> how = {"padding": 1, "boundary": "mirror"}
    >>> fc.nn.grad.conv2d_input((1, 3, 4), w, np.ones((1, 3, 4)), **how)
    array([[[ 4.,  8.,  8.,  4.],
            [10., 20., 20., 10.],
            [ 4.,  8.,  8.,  4.]]])
    """
    return _input(
        "conv2d_input",
        2,
        input_size,
        weight,
        grad_output,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        out=out,
        precision=precision,
        backend=backend,
        threads=threads,
    )


def conv3d_input(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "constant",
    layout: Literal["NCDHW", "NDHWC"] = "NCDHW",
    out: NDArray | None = None,
    precision: Precision = "fast",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The gradient of `fastconv.conv3d` with respect to its input.

    Parameters
    ----------
    input_size : sequence of int
        The shape of the input of the convolution.  (The shape of the result does not determine it:
        a stride may leave the last samples unread.)
    weight : array_like
        The filters, always ``(K, C // groups, kd, kh, kw)``.
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
        Receives the gradient, converted to its dtype.  It may share memory with `weight` and
        `grad_output`: a temporary array is used in that case.
    precision : {"fast", "strict"}, optional
        "fast" may use Winograd's algorithm for float32, with errors of at most 3e-5 times the
        largest possible sum; "strict" rounds like a plain sum.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of shape `input_size` and dtype
        ``np.result_type(grad_output, weight)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    It is a transposed convolution, and costs as much as the convolution itself.  With a `boundary`
    other than "constant", the gradient with respect to the padding is added to the samples that the
    padding was taken from.  It is computed separately, in thin strips.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> w = np.ones((1, 1, 1, 1, 2))
    >>> fc.nn.grad.conv3d_input((1, 1, 1, 3), w, np.ones((1, 1, 1, 2)))
    array([[[[1., 2., 1.]]]])
    """
    return _input(
        "conv3d_input",
        3,
        input_size,
        weight,
        grad_output,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        layout=layout,
        out=out,
        precision=precision,
        backend=backend,
        threads=threads,
    )


def _input(
    name: str,
    rank: int,
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    *,
    out: NDArray | None,
    backend: BackendName | None,
    threads: int | None,
    **how: Any,
) -> NDArray:
    gy = lower.array(grad_output, f"{name}: grad_output")
    transposed = make_transposed(
        lower.input_gradient,
        (name, rank, lower.shape(input_size, f"{name}: input_size"), gy.shape, gy.dtype),
        (weight,),
        {
            "out_dtype": lower.output_dtype(out, f"{name}: out"),
            **how,
        },
        "auto",
        backend,
        threads,
    )
    return transposed(gy, out)
