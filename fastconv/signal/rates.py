"""Filters that change the sampling rate."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName, Options
from ..config import BackendName
from ..problem import dtypes
from ..problem.boundary import index_map
from .calls import Prepared, called, product
from .phases import Phases, Run, Signals, filtered

__all__ = ["upfirdn"]

Extension = Literal[
    "constant",
    "wrap",
    "edge",
    "smooth",
    "symmetric",
    "reflect",
    "antisymmetric",
    "antireflect",
    "line",
]
BORDERS = {
    "constant": "constant",
    "wrap": "wrap",
    "edge": "nearest",
    "symmetric": "symmetric",
    "reflect": "mirror",
}
"""Extensions that the engine has."""
EXTRAPOLATED = ("smooth", "antisymmetric", "antireflect", "line")
"""Extensions whose samples are no samples of the signal."""


def upfirdn(
    h: ArrayLike,
    x: ArrayLike,
    up: int = 1,
    down: int = 1,
    axis: int = -1,
    mode: Extension = "constant",
    cval: complex = 0,
    *,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Insert zeros, filter, and keep every `down`-th output, as `scipy.signal.upfirdn` does.

    Parameters
    ----------
    h : array_like
        The taps of the filter, at the higher rate.
    x : array_like
        Signals of any rank.
    up, down : int, optional
        The factors by which the sampling rate is raised and then lowered.
    axis : int, optional
        The axis of the samples; by default, the last one.
    mode : str, optional
        How signals are extended beyond both ends: "constant" (`cval`), "wrap"
        (``c d | a b c d | a b``), "edge" (``a a | a b c d | d d``), "symmetric"
        (``b a | a b c d | d c``) or "reflect" (``c b | a b c d | c b``); "antisymmetric" and
        "antireflect" do the same, mirrored about zero and about the last sample; "smooth" extends
        the line through the last two samples, and "line" the one through the first and the last.
    cval : scalar, optional
        The value beyond both ends for "constant".
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
        A new array with ``((n - 1) * up + len(h) - 1) // down + 1`` samples along `axis`, of the
        dtype ``np.result_type(h, x, np.float32)``.

    Raises
    ------
    ValueError
        `h` is not a filter with one axis, `up` or `down` is less than 1, or a mode is unknown.
    TypeError
        The dtype of the result would be of extended precision, or object.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    No zeros are inserted: output ``m`` reads the taps ``h[m * down % up :: up]``.  Outputs with the
    same taps are a phase, and phases are filters with a stride.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.upfirdn([1, 1, 1], [1, 2, 3], up=3)
    array([1., 1., 1., 2., 2., 2., 3., 3., 3.])
    >>> signal.upfirdn([0.5, 1, 0.5], [0, 1, 2, 3], up=2, down=3)
    array([0. , 1. , 2.5])
    """
    words = up, down, axis, mode, cval
    options = algorithm, backend, threads
    return called(_resampling, "upfirdn", np.asarray(x), np.asarray(h), words, options)


def _resampling(
    name: str,
    x: NDArray,
    h: NDArray,
    up: int,
    down: int,
    axis: int,
    mode: str,
    cval: complex,
    options: Options,
) -> Prepared:
    if h.ndim != 1 or not h.size:
        raise ValueError("h must be 1-D with non-zero length")
    dtype = np.result_type(h, x, np.float32)
    if not dtypes.supported(dtype):
        raise TypeError(f"{name}: h and x make {dtype}, at most complex128 is possible")
    up, down = int(up), int(down)
    if up < 1 or down < 1:
        raise ValueError("Both up and down must be >= 1")
    mode = mode.lower()
    if mode not in BORDERS and mode not in EXTRAPOLATED:
        raise ValueError(f"Unknown mode: {mode}")
    if mode == "constant" and isinstance(cval, complex) and dtype.kind != "c":
        raise TypeError(f"{name}: cval must be a real number for {dtype}, got {cval!r}")
    length = ((x.shape[axis] - 1) * up + h.size - 1) // down + 1
    if not x.size:
        shape = list(x.shape)
        shape[axis] = length
        return Prepared(lambda _: np.zeros(shape, dtype))
    phases = Phases.of(h.astype(dtype), up, down, length)
    return Prepared(_resampler(name, x, phases, axis, mode, cval, options), x)


def _resampler(
    name: str,
    x: NDArray,
    phases: Phases,
    axis: int,
    mode: str,
    cval: complex,
    options: Options,
) -> Run:
    """The run of all phases, with signals extended in any mode."""
    axis %= x.ndim
    if mode in BORDERS:
        fill = cval if mode == "constant" else 0
        return filtered(name, Signals(x, axis, BORDERS[mode], fill), phases, options)
    before, last = phases.longest - 1, (phases.rows - 1) * phases.stride + phases.first[-1]
    after = max(last + 1 - x.shape[axis], 0)

    def extended(x: NDArray) -> NDArray:
        return _extended(np.moveaxis(x, axis, -1).astype(phases.dtype), mode, before, after)

    signals = Signals(extended(x), x.ndim - 1, "constant", 0, before)
    run = filtered(name, signals, phases, options)
    return lambda x: np.moveaxis(run(extended(x)), -1, axis)


def _extended(x: NDArray, mode: str, before: int, after: int) -> NDArray:
    """Signals with samples before and after, which no border of the engine makes."""
    n = x.shape[-1]
    lead = [(0, 0)] * (x.ndim - 1)
    if mode == "antireflect":
        return np.pad(x, [*lead, (before, after)], mode="reflect", reflect_type="odd")
    if mode == "antisymmetric":
        index = index_map("symmetric", -before, n + after, n)
        signs = 1 - 2 * (np.arange(-before, n + after) // n % 2)
        return product(x[..., index], signs.astype(x.dtype))
    if mode == "smooth":
        left, right = (x[..., 1:2] - x[..., :1], x[..., -1:] - x[..., -2:-1]) if n > 1 else (0, 0)
    else:
        left = right = (x[..., -1:] - x[..., :1]) / max(n - 1, 1)
    steps = np.arange(max(before, after) + 1)[1:].astype(x.dtype)
    start = x[..., :1] - left * steps[:before][::-1]
    end = x[..., -1:] + right * steps[:after]
    return np.concatenate([start, x, end], axis=-1).astype(x.dtype, copy=False)
