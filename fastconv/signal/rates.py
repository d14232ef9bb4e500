"""Filters that change the sampling rate."""

from __future__ import annotations

from math import gcd
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..api.options import AlgorithmName
from ..config import BackendName
from ..problem import dtypes
from ..problem.boundary import index_map
from .arguments import Options, plan_of, product

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
MAX_STRETCH = 2
"""Taps of a bank of phases, at most, for each tap of a phase: phases begin at different samples."""


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
        A sample becomes `up` samples, of which `down` become one.
    axis : int, optional
        The axis of time.
    mode : str, optional
        What lies beyond both ends: "constant" (`cval`), "wrap" (``c d | a b c d | a b``), "edge"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``) or "reflect"
        (``c b | a b c d | c b``); "antisymmetric" and "antireflect" continue these two point by
        point around zero and around the last sample; "smooth" extends the line through the last two
        samples, and "line" the one through the first and the last.
    cval : scalar, optional
        The value beyond both ends for "constant".
    algorithm : str, optional
        How sums are computed: "auto", or the name of an algorithm that `fastconv.correlate` has.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.

    Returns
    -------
    ndarray
        With ``((n - 1) * up + len(h) - 1) // down + 1`` samples along `axis`, of the dtype
        ``np.result_type(h, x, np.float32)``.

    Raises
    ------
    ValueError
        `h` is not a filter with one axis, `up` or `down` is less than 1, or a mode is unknown.
    TypeError
        The dtype of the result would be an extended precision or object.
    BackendUnavailableError
        The chosen backend cannot run here.

    Notes
    -----
    No zeros are inserted: output ``m`` reads the taps ``h[m * down % up :: up]``.  Outputs with the
    same taps are a phase, and phases are the channels of a bank of filters with a stride.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.upfirdn([1, 1, 1], [1, 2, 3], up=3)
    array([1., 1., 1., 2., 2., 2., 3., 3., 3.])
    >>> signal.upfirdn([0.5, 1, 0.5], [0, 1, 2, 3], up=2, down=3)
    array([0. , 1. , 2.5])
    """
    taps, samples = np.asarray(h), np.asarray(x)
    if taps.ndim != 1 or not taps.size:
        raise ValueError("h must be 1-D with non-zero length")
    dtype = np.result_type(taps, samples, np.float32)
    if not dtypes.supported(dtype):
        raise TypeError(f"upfirdn: h and x make {dtype}, at most complex128 is possible")
    up, down = int(up), int(down)
    if up < 1 or down < 1:
        raise ValueError("Both up and down must be >= 1")
    mode = mode.lower()  # type: ignore[assignment]
    if mode not in BORDERS and mode not in EXTRAPOLATED:
        raise ValueError(f"Unknown mode: {mode}")
    if mode == "constant" and isinstance(cval, complex) and dtype.kind != "c":
        raise TypeError(f"upfirdn: cval must be a real number for {dtype}, got {cval!r}")
    length = ((samples.shape[axis] - 1) * up + taps.size - 1) // down + 1
    signals = np.moveaxis(samples, axis, -1)
    if not signals.size:
        filtered = np.zeros((*signals.shape[:-1], length), dtype)
    else:
        options = Options(algorithm, backend, threads)
        filtered = _resampled(signals, taps.astype(dtype), up, down, length, mode, cval, options)
    return np.moveaxis(filtered, -1, axis)


def _resampled(
    x: NDArray,
    h: NDArray,
    up: int,
    down: int,
    length: int,
    mode: str,
    cval: complex,
    options: Options,
) -> NDArray:
    """So many outputs along the last axis, in the dtype of the filter."""
    common = gcd(up, down)
    phases, stride = up // common, down // common
    rows = -(-length // phases)
    longest = -(-h.size // up)
    first = [phase * down // up for phase in range(phases)]
    added = 0
    if mode in EXTRAPOLATED:
        added = longest - 1
        after = max((rows - 1) * stride + first[-1] + 1 - x.shape[-1], 0)
        x = _extended(x.astype(h.dtype), added, after, mode)
    x = lower.native(x)[..., None]
    order = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
    result = np.empty((*x.shape[:-2], rows, phases), h.dtype)
    each = min(max((MAX_STRETCH - 1) * longest * phases // stride, 1), phases)
    for start in range(0, phases, each):
        some = range(start, min(start + each, phases))
        last = first[some[-1]]
        bank = np.zeros((1, len(some), longest + last - first[start]), h.dtype)
        for channel, phase in enumerate(some):
            taps = h[phase * down % up :: up]
            begin = last - first[phase]
            bank[0, channel, begin : begin + taps.size] = taps
        before = bank.shape[-1] - 1 - last - added
        border = BORDERS.get(mode, "constant"), cval if mode == "constant" else 0
        geometry = order, (before,), (rows,)
        plan = plan_of("upfirdn", x, bank, *geometry, h.dtype, options, *border, stride)
        plan(x, result[..., some.start : some.stop])
    outputs: NDArray = result.reshape(*x.shape[:-2], rows * phases)
    return outputs[..., :length]


def _extended(x: NDArray, before: int, after: int, mode: str) -> NDArray:
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
