"""Gradients of inputs: transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...api.layers import Padding
from ...api.options import Boundary, PerAxis, Precision
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
    """The gradient of `conv1d` with respect to its input: see `conv2d_input`.

    Parameters
    ----------
    input_size : sequence of int
        The shape of the input.
    weight : array_like
        The filters, always ``(K, C // groups, k)``.
    grad_output : array_like
        The gradient with respect to the result of the convolution, and of its shape.
    stride, padding, dilation, groups, boundary, layout, out, precision, backend, threads
        As in `conv2d_input`.

    Returns
    -------
    ndarray
        Of shape `input_size` and dtype ``np.result_type(grad_output, weight)``.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        A wrong argument, named by the message, or a backend that cannot run here.

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
    """The gradient of `conv2d` with respect to its input.

    Parameters
    ----------
    input_size : sequence of int
        The shape of the input: the convolution may have left its last samples unread.
    weight : array_like
        The filters, always ``(K, C // groups, kh, kw)``.
    grad_output : array_like
        The gradient with respect to the result of the convolution, and of its shape.
    stride, padding, dilation, groups, boundary, layout
        As in `conv2d`, whose arguments these were.
    out : ndarray, optional
        Receives the gradient, in its own dtype.
    precision : {"fast", "strict"}
        As in `conv2d`.
    backend, threads
        As in `correlate`.

    Returns
    -------
    ndarray
        Of shape `input_size` and dtype ``np.result_type(grad_output, weight)``.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        A wrong argument, named by the message, or a backend that cannot run here.

    Notes
    -----
    It is a transposed convolution, of the cost of the convolution itself: see `conv_transpose2d`.
    With another `boundary` than "constant" each sample of the padding, too, has a gradient, which
    counts for the sample that it was taken from.  These are computed apart, in thin strips.

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
    """The gradient of `conv3d` with respect to its input: see `conv2d_input`.

    Parameters
    ----------
    input_size : sequence of int
        The shape of the input.
    weight : array_like
        The filters, always ``(K, C // groups, kd, kh, kw)``.
    grad_output : array_like
        The gradient with respect to the result of the convolution, and of its shape.
    stride, padding, dilation, groups, boundary, layout, out, precision, backend, threads
        As in `conv2d_input`.

    Returns
    -------
    ndarray
        Of shape `input_size` and dtype ``np.result_type(grad_output, weight)``.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        A wrong argument, named by the message, or a backend that cannot run here.

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
