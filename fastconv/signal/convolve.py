"""Convolution and correlation of arrays of any rank, as in `scipy.signal`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName, How, Options
from ..config import BackendName
from ..plan.plan import Plan
from .arguments import (
    axes_of,
    both_extend,
    broadcast,
    check_mode,
    float_result,
    larger_first,
    method_named,
    pair,
)
from .calls import Planned, Prepared, called, convolution, product

__all__ = [
    "choose_conv_method",
    "convolve",
    "correlate",
    "correlation_lags",
    "fftconvolve",
    "oaconvolve",
]

Mode = Literal["full", "valid", "same"]
Method = Literal["auto", "direct", "fft"]


def convolve(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: Mode = "full",
    method: Method = "auto",
    *,
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve two arrays, as `scipy.signal.convolve` does.

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with the same number of axes.
    mode : {"full", "valid", "same"}, optional
        "full": all positions where the arrays overlap, ``n1 + n2 - 1`` along an axis.  "valid":
        only positions where one array lies completely within the other; one of them must be at
        least as large as the other along every axis.  "same": the part of "full" that begins at
        ``(n2 - 1) // 2`` and has the shape of `in1`.
    method : {"auto", "direct", "fft"}, optional
        How sums are computed.  "direct" takes one multiply-add for each pair of samples.  "fft"
        uses Fourier transforms where possible.  "auto" chooses the algorithm of `fastconv.convolve`
        with the shortest predicted time.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.

    Returns
    -------
    ndarray
        A new array of the dtype ``np.result_type(in1, in2)``.  Integers wrap as in NumPy, and the
        result of two bool arrays is bool.

    Raises
    ------
    ValueError
        The numbers of axes differ, an array is empty, neither array fits within the other
        ("valid"), or a mode or method is unknown.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Warns
    -----
    RuntimeWarning
        With ``method="fft"``, if an output is not finite.  Unlike in SciPy, NaN and infinity affect
        only outputs whose sum contains them.

    See Also
    --------
    fastconv.convolve : With borders, strides, dilation, batches and ``out=``; integers saturate.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.convolve([1, 2, 3], [0, 1, 10])
    array([ 0,  1, 12, 23, 30])
    >>> signal.convolve([1, 2, 3], [0, 1, 10], mode="same")
    array([ 1, 12, 23])
    """
    a, b = pair(in1, in2)
    if not a.ndim:
        return product(a, b)
    options = method_named(method), backend, threads
    return _noticed(called(_convolution, "convolve", a, b, (mode,), options, swaps=True), method)


def correlate(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: Mode = "full",
    method: Method = "auto",
    *,
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Correlate two arrays, as `scipy.signal.correlate` does.

    The output for each lag is ``sum(in1[n + lag] * conj(in2[n]))``.

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with the same number of axes.
    mode : {"full", "valid", "same"}, optional
        "full": all lags for which the arrays overlap, beginning at ``1 - n2``.  "valid": only lags
        for which one array lies completely within the other; one of them must be at least as large
        as the other along every axis.  "same": the central part of "full", with the shape of `in1`.
        `correlation_lags` returns the lags.
    method : {"auto", "direct", "fft"}, optional
        How sums are computed.  "direct" takes one multiply-add for each pair of samples.  "fft"
        uses Fourier transforms where possible.  "auto" chooses the algorithm of
        `fastconv.correlate` with the shortest predicted time.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.

    Returns
    -------
    ndarray
        A new array of the dtype ``np.result_type(in1, in2)``.  Integers wrap as in NumPy, and the
        result of two bool arrays is bool.

    Raises
    ------
    ValueError
        The numbers of axes differ, an array is empty, neither array fits within the other
        ("valid"), or a mode or method is unknown.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    See Also
    --------
    fastconv.correlate : With borders, strides, dilation, batches and ``out=``; nothing is
        conjugated, and integers saturate.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.correlate([1, 2, 3], [0, 1, 10])
    array([10, 21, 32,  3,  0])
    >>> signal.correlate([1, 2j], [1, 2j], mode="valid")
    array([5.+0.j])
    """
    a, b = pair(in1, in2)
    if not a.ndim:
        return product(a, b.conj())
    options = method_named(method), backend, threads
    return _noticed(called(_correlation, "correlate", a, b, (mode,), options, swaps=True), method)


def _noticed(result: NDArray, method: str) -> NDArray:
    """The result, with SciPy's warning if transforms were asked for and it is not finite."""
    if method == "fft" and result.dtype.kind in "fc" and not np.isfinite(result).all():
        message = "Use of fft convolution on NaN or infinity: an output is not finite"
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    return result


def _convolution(name: str, a: NDArray, b: NDArray, mode: str, options: Options) -> Prepared:
    check_mode(mode)
    axes = range(a.ndim)
    dtype = np.result_type(a, b)
    larger, smaller = larger_first(a, b, mode, axes)
    if not (a.size and b.size):
        if b.size and mode == "same":
            return Prepared(lambda a: np.zeros(a.shape, dtype))
        raise ValueError(f"{name}: {'in2' if a.size else 'in1'} cannot be empty")
    try:
        return convolution(name, larger, smaller, axes, mode, dtype, options)
    except ValueError:
        if options.algorithm != "fft":  # SciPy's word: a wish, where transforms cannot do it
            raise
    options = options._replace(algorithm="auto")
    return convolution(name, larger, smaller, axes, mode, dtype, options)


def _correlation(name: str, a: NDArray, b: NDArray, mode: str, options: Options) -> Prepared:
    mirrored = _mirrored(b)
    run, samples = _convolution(name, a, mirrored, mode, options)
    if samples is not mirrored:
        return Prepared(run, samples)
    return Prepared(lambda b: run(_mirrored(b)), b)


def _mirrored(b: NDArray) -> NDArray:
    """The kernel whose convolution equals the correlation with ``b``."""
    return (b.conj() if b.dtype.kind == "c" else b)[(slice(None, None, -1),) * b.ndim]


def fftconvolve(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: Mode = "full",
    axes: Any = None,
    *,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve two arrays in floating point along some axes, as `scipy.signal.fftconvolve` does.

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with the same number of axes.
    mode : {"full", "valid", "same"}, optional
        "full": all positions where the arrays overlap, ``n1 + n2 - 1`` along an axis.  "valid":
        only positions where one array lies completely within the other; one of them must be at
        least as large as the other along all of `axes`.  "same": the part of "full" that begins at
        ``(n2 - 1) // 2`` and has the shape of `in1`.
    axes : int or sequence of int, optional
        The axes to convolve along; all by default.  Along the others, the arrays are broadcast, so
        that each signal of a stack may have its own kernel.
    algorithm : str, optional
        How sums are computed: "auto", "fft", "direct" or another algorithm of `fastconv.convolve`.
        "auto" chooses the algorithm with the shortest predicted time, which need not be a Fourier
        transform.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.

    Returns
    -------
    ndarray
        A floating-point array: integers and bool are converted to float64, and float16 to float32.
        If both arrays have one sample along each of `axes`, the result is their product in its own
        dtype.  If one of them is empty, so is the result.

    Raises
    ------
    ValueError
        The numbers of axes differ, shapes cannot be broadcast, or a mode or `axes` is wrong.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.fftconvolve([1, 2, 3], [0, 1, 10])
    array([ 0.,  1., 12., 23., 30.])
    >>> signal.fftconvolve([[1, 2], [3, 4]], [[1, 1], [1, -1]], axes=1)
    array([[ 1.,  3.,  2.],
           [ 3.,  1., -4.]])
    """
    options = algorithm, backend, threads
    return _in_floats("fftconvolve", in1, in2, mode, axes, options)


def oaconvolve(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: Mode = "full",
    axes: Any = None,
    *,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve two arrays of different sizes, as `scipy.signal.oaconvolve` does.

    It is the same as `fftconvolve`, whose transforms are computed in tiles anyway.

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with the same number of axes.
    mode : {"full", "valid", "same"}, optional
        "full": all positions where the arrays overlap, ``n1 + n2 - 1`` along an axis.  "valid":
        only positions where one array lies completely within the other; one of them must be at
        least as large as the other along all of `axes`.  "same": the part of "full" that begins at
        ``(n2 - 1) // 2`` and has the shape of `in1`.
    axes : int or sequence of int, optional
        The axes to convolve along; all by default.  Along the others, the arrays are broadcast, so
        that each signal of a stack may have its own kernel.
    algorithm : str, optional
        How sums are computed: "auto", "fft", "direct" or another algorithm of `fastconv.convolve`.
        "auto" chooses the algorithm with the shortest predicted time, which need not be a Fourier
        transform.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.

    Returns
    -------
    ndarray
        A floating-point array: integers and bool are converted to float64, and float16 to float32.
        If both arrays have one sample along each of `axes`, the result is their product in its own
        dtype.  If one of them is empty, so is the result.

    Raises
    ------
    ValueError
        The numbers of axes differ, shapes cannot be broadcast, or a mode or `axes` is wrong.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import signal
    >>> signal.oaconvolve(np.ones(100_000), np.ones(200), mode="valid").shape
    (99801,)
    """
    options = algorithm, backend, threads
    return _in_floats("oaconvolve", in1, in2, mode, axes, options)


def _in_floats(
    name: str, in1: ArrayLike, in2: ArrayLike, mode: str, axes: Any, how: How
) -> NDArray:
    a, b = pair(in1, in2)
    if not a.ndim:
        return product(a, b)
    if not (a.size and b.size):
        return np.array([])
    return called(_float_convolution, name, a, b, (mode, axes), how, swaps=True)


def _float_convolution(
    name: str, a: NDArray, b: NDArray, mode: str, axes: Any, options: Options
) -> Prepared:
    check_mode(mode)
    along = both_extend(a, b, axes_of(axes, a.ndim))
    broadcast(a, b, along)
    dtype = float_result(a.dtype, b.dtype) if along else np.result_type(a, b)
    larger, smaller = larger_first(a, b, mode, along)
    return convolution(name, larger, smaller, along, mode, dtype, options)


def choose_conv_method(
    in1: ArrayLike, in2: ArrayLike, mode: Mode = "full", measure: bool = False
) -> str | tuple[str, dict[str, float]]:
    """Return the method that `convolve` chooses, like `scipy.signal.choose_conv_method`.

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with the same number of axes.
    mode : {"full", "valid", "same"}, optional
        As in `convolve`.
    measure : bool, optional
        Time both methods instead of predicting.

    Returns
    -------
    method : {"fft", "direct"}
        "fft" if ``method="auto"`` would use Fourier transforms for these arrays, and "direct" if it
        would use another algorithm.  With `measure`, the method that took less time.
    times : dict of str to float
        The time of both methods in seconds; returned only with `measure`.

    Raises
    ------
    ValueError
        `convolve` does not accept these arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import signal
    >>> signal.choose_conv_method(np.ones(8), np.ones(6))
    'direct'
    """
    a, b = pair(in1, in2)
    if measure:
        times = {
            method: _seconds(lambda method=method: convolve(a, b, mode, method))  # type: ignore[misc]
            for method in ("fft", "direct")
        }
        return min(times, key=times.__getitem__), times
    if not (a.ndim and a.size and b.size):
        return "direct"
    run, _ = _convolution("choose_conv_method", a, b, mode, Options("auto", None, None))
    plan = run.plan if isinstance(run, Planned) else run
    return "fft" if isinstance(plan, Plan) and plan.algorithm == "fft" else "direct"


def _seconds(function: Callable[[], object]) -> float:
    """The time of a call, the best of three."""
    from timeit import Timer  # only measurements need it

    timer = Timer(function)
    number, seconds = timer.autorange()
    return min([seconds, *timer.repeat(2, number)]) / number


def correlation_lags(in1_len: int, in2_len: int, mode: Mode = "full") -> NDArray[np.intp]:
    """List the lags of the outputs of a one-dimensional `correlate`.

    Parameters
    ----------
    in1_len, in2_len : int
        The lengths of both signals.
    mode : {"full", "valid", "same"}, optional
        As in `correlate`.

    Returns
    -------
    ndarray
        The lag of each output: by how many samples a pattern occurs later in the first signal than
        in the second.

    Raises
    ------
    ValueError
        The mode is unknown.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.correlation_lags(3, 2)
    array([-1,  0,  1,  2])
    >>> signal.correlation_lags(3, 5, mode="valid")
    array([-2, -1,  0])
    """
    lags = np.arange(1 - in2_len, in1_len)
    if mode == "full":
        return lags
    if mode == "same":
        start = lags.size // 2 - in1_len // 2
        return lags[start : start + in1_len]
    if mode == "valid":
        return np.arange(min(in1_len - in2_len, 0), max(in1_len - in2_len, 0) + 1)
    raise ValueError(f"Mode {mode} is invalid")
