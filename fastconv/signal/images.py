"""Convolution of images with SciPy's boundaries."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import api
from ..api.options import AlgorithmName, Options
from ..config import BackendName
from ..problem import dtypes
from . import plain
from .arguments import BOUNDARIES, check_mode, extent, larger_first
from .calls import Prepared, called, plan_of, planned

__all__ = ["convolve2d", "correlate2d", "sepfir2d"]

Mode = Literal["full", "valid", "same"]
Boundary = Literal["fill", "pad", "wrap", "circular", "symm", "symmetric"]

PLANE = (0, 1)


def convolve2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: Mode = "full",
    boundary: Boundary = "fill",
    fillvalue: complex | ArrayLike = 0,
    *,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve an image with a kernel, as `scipy.signal.convolve2d` does.

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with two axes.
    mode : {"full", "valid", "same"}, optional
        "full": all positions where the arrays overlap, ``n1 + n2 - 1`` along an axis.  "valid":
        only positions where one array lies completely within the other; one of them must be at
        least as large as the other along both axes.  "same": the part of "full" that begins at
        ``(n2 - 1) // 2`` and has the shape of `in1`.
    boundary : {"fill", "wrap", "symm"}, optional
        How `in1` is extended beyond its edges: "fill" or "pad" (`fillvalue`), "wrap" or "circular"
        (``c d | a b c d | a b``), "symm" or "symmetric" (``b a | a b c d | d c``).
    fillvalue : scalar, optional
        The value beyond the edges for "fill", cast to the dtype of the result.
    algorithm : str, optional
        How sums are computed: "auto" or an algorithm of `fastconv.convolve`.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.

    Returns
    -------
    ndarray
        A new array of the dtype ``np.result_type(in1, in2)``.  Integers wrap as in NumPy.

    Raises
    ------
    ValueError
        An array does not have two axes or is empty, neither array fits within the other ("valid"),
        a mode or boundary is unknown, or `fillvalue` is not one number of the result's dtype.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    See Also
    --------
    fastconv.convolve : More borders, batches and ``out=``; integers saturate.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.convolve2d([[1, 2], [3, 4]], [[1, 1]], mode="same", boundary="wrap")
    array([[3, 3],
           [7, 7]])
    """
    a, b = np.asarray(in1), np.asarray(in2)
    words, options = (mode, boundary, fillvalue), (algorithm, backend, threads)
    return called(_convolution, "convolve2d", a, b, words, options)


def correlate2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: Mode = "full",
    boundary: Boundary = "fill",
    fillvalue: complex | ArrayLike = 0,
    *,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Correlate an image with a kernel, as `scipy.signal.correlate2d` does.

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with two axes; `in2` is conjugated if it is complex.
    mode : {"full", "valid", "same"}, optional
        "full": all positions where the arrays overlap, ``n1 + n2 - 1`` along an axis.  "valid":
        only positions where one array lies completely within the other; one of them must be at
        least as large as the other along both axes.  "same": the part of "full" that begins at
        ``n2 // 2`` (for even kernels, one later than in `correlate`) and has the shape of `in1`.
    boundary : {"fill", "wrap", "symm"}, optional
        How `in1` is extended beyond its edges: "fill" or "pad" (`fillvalue`), "wrap" or "circular"
        (``c d | a b c d | a b``), "symm" or "symmetric" (``b a | a b c d | d c``).
    fillvalue : scalar, optional
        The value beyond the edges for "fill", cast to the dtype of the result.
    algorithm : str, optional
        How sums are computed: "auto" or an algorithm of `fastconv.correlate`.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.

    Returns
    -------
    ndarray
        A new array of the dtype ``np.result_type(in1, in2)``.  Integers wrap as in NumPy.

    Raises
    ------
    ValueError
        An array does not have two axes or is empty, neither array fits within the other ("valid"),
        a mode or boundary is unknown, or `fillvalue` is not one number of the result's dtype.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    See Also
    --------
    fastconv.correlate : More borders, batches and ``out=``; integers saturate.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.correlate2d([[1, 2, 3]], [[1, 10]], mode="same")
    array([[21, 32,  3]])
    """
    a, b = np.asarray(in1), np.asarray(in2)
    words, options = (mode, boundary, fillvalue), (algorithm, backend, threads)
    return called(_correlation, "correlate2d", a, b, words, options)


def _convolution(
    name: str, a: NDArray, b: NDArray, mode: str, boundary: str, fill: Any, options: Options
) -> Prepared:
    a, b = _larger_plane_first(name, a, b, mode)
    return _filtered(name, a, b, mode, boundary, fill, options, late=False)


def _correlation(
    name: str, a: NDArray, b: NDArray, mode: str, boundary: str, fill: Any, options: Options
) -> Prepared:
    larger, smaller = _larger_plane_first(name, a, b, mode)
    kernel = (smaller.conj() if smaller.dtype.kind == "c" else smaller)[::-1, ::-1]
    found = _filtered(name, larger, kernel, mode, boundary, fill, options, late=True)
    if larger is a:
        return found
    run, samples = found
    return Prepared(lambda _: run(a if samples is None else samples)[::-1, ::-1])


def _larger_plane_first(name: str, a: NDArray, b: NDArray, mode: str) -> tuple[NDArray, NDArray]:
    if not a.ndim == b.ndim == 2:
        raise ValueError(f"{name} inputs must both be 2-D arrays")
    check_mode(mode)
    return larger_first(a, b, mode, PLANE)


def _filtered(
    name: str,
    a: NDArray,
    b: NDArray,
    mode: str,
    boundary: str,
    fillvalue: Any,
    options: Options,
    *,
    late: bool,
) -> Prepared:
    """An image under a kernel, which is flipped."""
    if boundary not in BOUNDARIES:
        raise ValueError(
            "acceptable boundary flags are 'fill', 'circular' (or 'wrap'), and 'symmetric' "
            f"(or 'symm'), not {boundary!r}"
        )
    border = BOUNDARIES[boundary]
    dtype = np.result_type(a, b)
    fill = _fill(fillvalue, dtype) if border == "constant" else 0
    if not (a.size and b.size):
        if b.size and mode == "same":
            return Prepared(lambda _: np.zeros(a.shape, dtype))
        raise ValueError(f"{name}: {'in2' if a.size else 'in1'} cannot be empty")
    engine = dtypes.supported(a.dtype) and dtypes.supported(b.dtype)
    swaps = engine and border == "constant" and not fill
    swapped, before, outputs = extent(a.shape, b.shape, mode, swaps=swaps, late=late)
    if not engine:
        return Prepared(
            lambda _: plain.convolved(a, b, PLANE, before, outputs, dtype, border, fill)
        )
    if fill and a.dtype != dtype:
        a = a.astype(dtype)  # which holds the fill value
    if fill and dtype == np.uint64:
        fill = int(np.uint64(fill.real).view(np.int64))
    x, w = (b, a) if swapped else (a, b)
    plan = plan_of(name, x, w, PLANE, before, outputs, dtype, options, border, fill)
    return Prepared(planned(plan, dtype), x)


def _fill(value: complex | ArrayLike, dtype: np.dtype) -> complex:
    """The fill value as a number of the result's dtype."""
    fill = np.asarray(value)
    if fill.size != 1:
        raise ValueError("`fillvalue` must be scalar or an array with one element.")
    number = fill.reshape(()).astype(complex if fill.dtype.kind in "cUS" else fill.dtype).item()
    whole = dtype.kind in "biu"
    fits = isinstance(number, complex) <= (dtype.kind in "cO")
    if fits and whole:
        info = np.iinfo(np.uint8 if dtype.kind == "b" else dtype)
        fits = np.isfinite(number) and info.min <= int(number) <= info.max
    if not fits:
        raise ValueError(
            f"could not cast `fillvalue` directly to the output type: got {number!r} for {dtype}"
        )
    return int(number.real) if whole else number


def sepfir2d(
    input: ArrayLike,  # noqa: A002
    hrow: ArrayLike,
    hcol: ArrayLike,
    *,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve an image with a separable filter, as `scipy.signal.sepfir2d` does.

    Parameters
    ----------
    input : array_like
        An image with two axes.  It is extended beyond its edges as ``b a | a b c d | d c``.
    hrow, hcol : array_like
        The filters along rows and along columns, of odd length.
    algorithm : {"auto", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.

    Returns
    -------
    ndarray
        Of the shape of `input`, and of the dtype ``np.result_type(input, np.float32)``.

    Raises
    ------
    ValueError
        An array has the wrong number of axes, or a filter does not have odd length.
    TypeError
        A filter is an array whose dtype cannot be cast to that of the result without loss.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import signal
    >>> signal.sepfir2d(np.eye(3), [1.0, 2.0, 1.0], [1.0])
    array([[3., 1., 0.],
           [1., 2., 1.],
           [0., 1., 3.]])
    """
    row, column = np.asarray(hrow), np.asarray(hcol)
    words = column, isinstance(hrow, np.ndarray), isinstance(hcol, np.ndarray)
    options = algorithm, backend, threads
    return called(_separable, "sepfir2d", np.asarray(input), row, words, options)


def _separable(
    name: str,
    image: NDArray,
    row: NDArray,
    column: NDArray,
    row_is_array: bool,
    column_is_array: bool,
    options: Options,
) -> Prepared:
    dtype = np.result_type(image, np.float32)
    if not dtypes.supported(dtype):
        raise TypeError(f"sepfir2d: input has dtype {image.dtype}, at most complex128 is possible")
    _check_depth("input", image, 2)
    along_rows = _taps("hrow", row, dtype, row_is_array)
    along_columns = _taps("hcol", column, dtype, column_is_array)
    if not (along_rows.size % 2 and along_columns.size % 2):
        raise ValueError("hrow and hcol must be odd length")
    algorithm, backend, threads = options
    plan = api.plan_convolve(
        image.shape,
        image.dtype,
        (along_columns, along_rows),
        boundary="symmetric",
        dtype=dtype,
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )
    return Prepared(plan, image)


def _taps(name: str, values: NDArray, dtype: np.dtype, safely: bool) -> NDArray:
    """A filter in the dtype of the result: arrays are cast safely, lists in any case."""
    taps = values.astype(dtype, casting="safe" if safely else "unsafe", copy=False)
    _check_depth(name, taps, 1)
    return taps


def _check_depth(name: str, array: NDArray, rank: int) -> None:
    if array.ndim != rank:
        depth = "object too deep" if array.ndim > rank else "object of too small depth"
        raise ValueError(f"{depth} for desired array: {name} has {array.ndim} axes, not {rank}")
