"""Laplacians and gradient magnitudes from derivatives by a given function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import Options, PerAxis
from . import arguments, runs
from .arguments import Mode, Output
from .runs import Combination

__all__ = ["generic_gradient_magnitude", "generic_laplace"]

DEFAULTS = Options("auto", None, None)
Derivative = Callable[..., NDArray]


def generic_laplace(
    input: ArrayLike,
    derivative2: Derivative,
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: PerAxis | None = None,
) -> NDArray:
    """The sum of second derivatives by a given function, like `scipy.ndimage.generic_laplace`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    derivative2 : callable
        ``derivative2(input, axis, output, mode, cval, *extra_arguments, **extra_keywords)``
        computes the second derivative along an axis.  For the first axis, `output` is an array to
        fill; for the others, it is the dtype of the array to return.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str or sequence of str, optional
        How the array is extended beyond its edges, for all filtered axes or one for each: "reflect"
        (the default) or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    extra_arguments : sequence, optional
        Additional positional arguments of the function.
    extra_keywords : mapping, optional
        Additional keyword arguments of the function.
    axes : int or sequence of int, optional
        The axes that are filtered; by default, all of them.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.

    Notes
    -----
    If `output` shares memory with `input`, the function receives a copy of `input`.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> def second_difference(input, axis, output, mode, cval):
    ...     return ndimage.correlate1d(input, [1, -2, 1], axis, output, mode, cval)
    >>> ndimage.generic_laplace([0, 0, 1, 0, 0], second_difference)
    array([ 0,  1, -2,  1,  0])
    """
    more = extra_arguments, extra_keywords or {}
    return _generic("generic_laplace", derivative2, more, input, output, mode, cval, axes, runs.add)


def generic_gradient_magnitude(
    input: ArrayLike,
    derivative: Derivative,
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: PerAxis | None = None,
) -> NDArray:
    """The magnitude of a gradient whose components a given function computes, like
    `scipy.ndimage.generic_gradient_magnitude`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    derivative : callable
        ``derivative(input, axis, output, mode, cval, *extra_arguments, **extra_keywords)`` computes
        the derivative along an axis.  For the first axis, `output` is an array to fill; for the
        others, it is the dtype of the array to return, which is then overwritten.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str or sequence of str, optional
        How the array is extended beyond its edges, for all filtered axes or one for each: "reflect"
        (the default) or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    extra_arguments : sequence, optional
        Additional positional arguments of the function.
    extra_keywords : mapping, optional
        Additional keyword arguments of the function.
    axes : int or sequence of int, optional
        The axes that are filtered; by default, all of them.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.

    Notes
    -----
    If `output` shares memory with `input`, the function receives a copy of `input`.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.generic_gradient_magnitude([0.0, 0.0, 3.0, 3.0], ndimage.sobel)
    array([0., 3., 3., 0.])
    """
    name = "generic_gradient_magnitude"
    more = extra_arguments, extra_keywords or {}
    return _generic(name, derivative, more, input, output, mode, cval, axes, runs.magnitude)


def _generic(
    name: str,
    derivative: Derivative,
    more: tuple[Sequence[Any], Mapping[str, Any]],
    input: ArrayLike,
    output: Output,
    mode: Any,
    cval: Any,
    axes: Any,
    combine: Combination,
) -> NDArray:
    """Combine what a caller's function gives for each axis; the first one is written in place."""
    samples = np.asarray(input)
    result = given = arguments.receiver(name, output, samples.shape)
    if result is None:
        dtype, _ = arguments.result_dtype(name, output, samples.dtype, False)
        result = np.zeros(samples.shape, dtype)
    along = arguments.axes_of(name, axes, samples.ndim)
    if not along:
        result[...] = samples
        return result
    modes = arguments.per_axis(name, "mode", mode, len(along))
    if len(along) > 1 and given is not None and np.may_share_memory(samples, given):
        samples = samples.copy()
    words, keywords = more
    derivative(samples, along[0], result, modes[0], cval, *words, **keywords)
    parts = [result]
    for axis, border in zip(along[1:], modes[1:], strict=True):
        part = np.asarray(derivative(samples, axis, result.dtype, border, cval, *words, **keywords))
        is_last = len(parts) == len(along) - 1
        parts.append(part if is_last else part.copy())  # the next one may be the same array
    combine(parts, DEFAULTS)
    return result
