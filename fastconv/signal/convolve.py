"""Convolution and correlation of arrays of any rank, as in `scipy.signal`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName
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
from .calls import Options, Planned, Prepared, called, convolution, product

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
        "full": wherever they overlap, ``n1 + n2 - 1`` outputs along an axis.  "valid": where one
        lies within the other, which has to be as large along every axis.  "same": the middle of
        "full", as large as `in1`, from output ``(n2 - 1) // 2`` on.
    method : {"auto", "direct", "fft"}, optional
        How sums are computed.  "direct" makes a multiply-add for each pair of samples; "fft" goes
        through Fourier transforms, where they can do what is asked for; "auto" takes the algorithm
        that is predicted to be the fastest, of all that `fastconv.convolve` has.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.

    Returns
    -------
    ndarray
        Of the dtype ``np.result_type(in1, in2)``.  Integers wrap as NumPy's do, and bool times bool
        is bool.

    Raises
    ------
    ValueError
        The numbers of axes differ, an array is empty, neither of them lies within the other
        ("valid"), or a mode or method is unknown.
    BackendUnavailableError
        The chosen backend cannot run here.

    Warns
    -----
    RuntimeWarning
        With ``method="fft"``, if an output is not finite.  Other than in SciPy, NaN and infinity
        affect only outputs that they are multiplied for.

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
    options = Options(method_named(method), backend, threads)
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

    For each lag, it is ``sum(in1[n + lag] * conj(in2[n]))``.

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with the same number of axes.
    mode : {"full", "valid", "same"}, optional
        "full": all lags for which they overlap, from ``1 - n2`` on; "valid": those for which one
        lies within the other, which has to be as large along every axis; "same": the middle of
        "full", as large as `in1`.  `correlation_lags` lists the lags.
    method : {"auto", "direct", "fft"}, optional
        How sums are computed.  "direct" makes a multiply-add for each pair of samples; "fft" goes
        through Fourier transforms, where they can do what is asked for; "auto" takes the algorithm
        that is predicted to be the fastest, of all that `fastconv.correlate` has.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.

    Returns
    -------
    ndarray
        Of the dtype ``np.result_type(in1, in2)``.  Integers wrap as NumPy's do, and bool times bool
        is bool.

    Raises
    ------
    ValueError
        The numbers of axes differ, an array is empty, neither of them lies within the other
        ("valid"), or a mode or method is unknown.
    BackendUnavailableError
        The chosen backend cannot run here.

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
    options = Options(method_named(method), backend, threads)
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
    """What convolution with equals correlation with ``b``."""
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
        "full": wherever they overlap, ``n1 + n2 - 1`` outputs along an axis.  "valid": where one
        lies within the other, which has to be as large along all of `axes`.  "same": the middle of
        "full", as large as `in1`, from output ``(n2 - 1) // 2`` on.
    axes : int or sequence of int, optional
        The axes to convolve along; all by default.  Along the others, the arrays are broadcast:
        each signal of a stack may have a kernel of its own.
    algorithm : str, optional
        How sums are computed: "auto", "fft", "direct" or another name that `fastconv.convolve` has.
        "auto" takes the algorithm that is predicted to be the fastest, a Fourier transform or not.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.

    Returns
    -------
    ndarray
        Integers and bool count as float64, float16 as float32.  An empty array if one of them is
        empty.  If they have one sample along each of `axes`, their product in its own dtype.

    Raises
    ------
    ValueError
        The numbers of axes differ, shapes cannot be broadcast, or a mode or `axes` is wrong.
    BackendUnavailableError
        The chosen backend cannot run here.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.fftconvolve([1, 2, 3], [0, 1, 10])
    array([ 0.,  1., 12., 23., 30.])
    >>> signal.fftconvolve([[1, 2], [3, 4]], [[1, 1], [1, -1]], axes=1)
    array([[ 1.,  3.,  2.],
           [ 3.,  1., -4.]])
    """
    options = Options(algorithm, backend, threads)
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

    It is `fftconvolve`, whose transforms come in tiles anyway.

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with the same number of axes.
    mode : {"full", "valid", "same"}, optional
        "full": wherever they overlap, ``n1 + n2 - 1`` outputs along an axis.  "valid": where one
        lies within the other, which has to be as large along all of `axes`.  "same": the middle of
        "full", as large as `in1`, from output ``(n2 - 1) // 2`` on.
    axes : int or sequence of int, optional
        The axes to convolve along; all by default.  Along the others, the arrays are broadcast:
        each signal of a stack may have a kernel of its own.
    algorithm : str, optional
        How sums are computed: "auto", "fft", "direct" or another name that `fastconv.convolve` has.
        "auto" takes the algorithm that is predicted to be the fastest, a Fourier transform or not.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.

    Returns
    -------
    ndarray
        Integers and bool count as float64, float16 as float32.  An empty array if one of them is
        empty.  If they have one sample along each of `axes`, their product in its own dtype.

    Raises
    ------
    ValueError
        The numbers of axes differ, shapes cannot be broadcast, or a mode or `axes` is wrong.
    BackendUnavailableError
        The chosen backend cannot run here.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import signal
    >>> signal.oaconvolve(np.ones(100_000), np.ones(200), mode="valid").shape
    (99801,)
    """
    options = Options(algorithm, backend, threads)
    return _in_floats("oaconvolve", in1, in2, mode, axes, options)


def _in_floats(
    name: str, in1: ArrayLike, in2: ArrayLike, mode: str, axes: Any, options: Options
) -> NDArray:
    a, b = pair(in1, in2)
    if not a.ndim:
        return product(a, b)
    if not (a.size and b.size):
        return np.array([])
    return called(_float_convolution, name, a, b, (mode, axes), options, swaps=True)


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
    """Say whether `convolve` goes through Fourier transforms, as `scipy.signal` does.

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
        "fft" if `convolve` chooses this algorithm for such arrays by itself, "direct" if it chooses
        another one; or, with `measure`, the method that took less time.
    times : dict of str to float
        The seconds of both methods, with `measure` only.

    Raises
    ------
    ValueError
        What `convolve` would raise for these arguments.

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
        A lag for each output: how much later a pattern is found in the first signal than in the
        second.

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
