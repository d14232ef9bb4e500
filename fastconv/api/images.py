"""Filters of arrays: any rank, same size by default, with borders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import lower
from ..config import BackendName
from ..plan import missing
from ..plan.choose import make_plan
from .options import AlgorithmName, Border, Nan, PerAxis

__all__ = ["convolve", "correlate"]


def correlate(
    x: ArrayLike,
    w: ArrayLike | tuple[NDArray, ...],
    *,
    axes: PerAxis | None = None,
    mode: Literal["same", "valid", "full"] = "same",
    boundary: Border | Sequence[Border] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    out: NDArray | None = None,
    dtype: DTypeLike | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Slide a kernel over an array and sum the products: ``out[i] = sum_j w[j] * x[i + j - c]``.

    With `stride` and `dilation`, it is ``x[i * stride + j * dilation - c]``.  The centre ``c`` is
    ``len(w) // 2``; with dilation, it is half of the number of samples that the kernel spans,
    rounded down.  The kernel is neither flipped (see `fastconv.convolve`) nor, if complex,
    conjugated.

    Parameters
    ----------
    x : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    w : array_like or tuple of 1-D ndarray
        The kernel, with one axis for each axis of `x` that it spans.  If it is an outer product, it
        may be given as a tuple of its 1-D factors, one for each of these axes.  A tuple that
        contains a NumPy array holds factors; any other tuple is a kernel, like a list:
        ``([1, 2, 1], [1, 2, 1])`` has 2×3 taps, ``(a, a)`` with ``a = np.array([1, 2, 1])`` has
        3×3.
    axes : int or sequence of int, optional
        The axes of `x` that `w` spans, in the order of the axes of `w`.  All other axes are a
        batch: an RGB image ``(H, W, 3)`` takes ``axes=(0, 1)``.  By default, a 1-D kernel is
        applied along the last axis of `x`, and any other kernel must have as many axes as `x`.
    mode : {"same", "valid", "full"}, optional
        "same": as many outputs as samples; "valid": only outputs whose whole window lies inside
        `x`; "full": all outputs whose window overlaps `x`.  For a kernel that spans n samples,
        dilation included, "full" has n - 1 more outputs than "same", and "same" is
        ``full[(n - 1) // 2 :][: len(x)]``.
    boundary : str or sequence of str, optional
        How the array is extended beyond its edges, for all axes or one for each: "constant"
        (`cval`), "nearest" (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``),
        "mirror" (``c b | a b c d | c b``), "wrap" (``c d | a b c d | a b``) or "ignore" (samples
        beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        The number of samples by which the centre of the kernel is shifted, as in
        `scipy.ndimage.correlate`.  Must be 0 unless `mode` is "same".
    stride : int or sequence of int, optional
        Compute every stride-th output only.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x` and `w`: a
        temporary array is used in that case.
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x, w)``, with bool counting as uint8.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `x` is treated.  "propagate": it spreads to all outputs whose window contains it.
        "ignore": it counts as missing.  "fill": as "ignore", but outputs at the positions of
        missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`.  It has the shape of `x`, or only the axes
        that `w` spans; axes of length 1 are broadcast.  The values of masked samples, even NaN and
        infinity, do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        outputs with less are set to `fill_value`.  Weights count by their magnitude.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" chooses the algorithm with the shortest predicted time.
        Printing a plan (`fastconv.plan_correlate`) lists all algorithms with their predicted times,
        or the reasons why they cannot be used.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array.  It has the shape of `x`, except that `mode` and `stride` determine
        the lengths of the filtered axes.  A masked array if `x` is one.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    Sums of integers are exact.  Results that are converted to an integer dtype are rounded half to
    even and saturate; they never wrap, and NaN becomes 0.  float16 is summed in float32.  The bits
    of a result do not depend on the number of threads.  NaN and infinity affect only outputs whose
    window contains them.

    With missing samples, an output is the sum over the valid ones, divided by the fraction of the
    kernel's weight that lies on them.  Where no sample of a window is missing, the output has the
    same bits as without `nan` and `mask`.  (With "fft", it has the same bits as if the missing
    samples were zeros, because samples near a window affect the rounding.)  Integer results are
    exact before they are rounded.  Kernels whose weights sum to zero are refused.

    The cost of an output depends on the algorithm.  "direct" takes one multiply-add for each tap.
    "separable" takes one for each tap of each factor; it needs a kernel that is given as factors,
    or is found to be an outer product or a sum of up to three.  "sparse" takes one for each nonzero
    tap, and needs at least half of the taps to be zero.  "box" takes a few additions, and needs
    equal weights.  The cost of "fft" hardly depends on the kernel; it needs a stride of 1.  An
    algorithm that is requested but cannot be used raises a ValueError with the reason.  Integers
    are exact with every algorithm.  Floats are rounded differently: the errors of "fft" are a few
    eps of the largest samples nearby, instead of those in the window of an output.

    The workspace takes a few megabytes for each thread.  An interrupt (Ctrl-C) leaves `out` partly
    written.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.correlate([1, 2, 3, 4], [1, 0, -1])
    array([-2, -2, -2,  3])
    >>> fc.correlate([1, 2, 3, 4], [1, 0, -1], boundary="nearest")
    array([-1, -2, -2, -1])

    A kernel that is given as its factors:

    >>> smooth, slope = np.array([1.0, 2.0, 1.0]), np.array([-1.0, 0.0, 1.0])
    >>> fc.correlate(np.eye(4), (smooth, slope), mode="valid")
    array([[ 0., -2.],
           [ 2.,  0.]])

    Missing samples:

    >>> fc.correlate([1.0, np.nan, 4.0, 5.0], [1.0, 1.0, 1.0], nan="ignore", boundary="ignore")
    array([ 3. ,  7.5, 13.5, 13.5])

    An image with colours:

    >>> photo = np.ones((5, 6, 3), np.uint8)
    >>> fc.correlate(photo, np.ones((3, 3), np.uint8), axes=(0, 1)).shape
    (5, 6, 3)
    """
    said = lower.missing("correlate", x, nan, mask, min_weight, fill_value, boundary)
    samples = lower.array(x if said is None else said.plain(x), "correlate: x")
    options = {
        "flip": False,
        "axes": axes,
        "mode": mode,
        "boundary": boundary,
        "cval": cval,
        "origin": origin,
        "stride": stride,
        "dilation": dilation,
        "out_dtype": lower.output_dtype(out, "correlate: out"),
        "dtype": dtype,
    }
    if said is not None:
        return missing.correlate(
            "correlate", samples, w, options, said, algorithm, backend, threads, out
        )
    plan = make_plan(
        lower.correlation,
        ("correlate", samples.shape, samples.dtype),
        (w,),
        options,
        algorithm,
        backend,
        threads,
        once=True,
    )
    return plan._run(samples, out)


def convolve(
    x: ArrayLike,
    w: ArrayLike | tuple[NDArray, ...],
    *,
    axes: PerAxis | None = None,
    mode: Literal["same", "valid", "full"] = "same",
    boundary: Border | Sequence[Border] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    out: NDArray | None = None,
    dtype: DTypeLike | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve an array with a kernel: ``out[i] = sum_j w[j] * x[i - j + c]``.

    It is `fastconv.correlate` with the kernel reversed along every axis.  ``mode="full"``
    generalizes `numpy.convolve` to any rank.

    Parameters
    ----------
    x : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    w : array_like or tuple of 1-D ndarray
        The kernel, with one axis for each axis of `x` that it spans.  If it is an outer product, it
        may be given as a tuple of its 1-D factors, one for each of these axes.  A tuple that
        contains a NumPy array holds factors; any other tuple is a kernel, like a list:
        ``([1, 2, 1], [1, 2, 1])`` has 2×3 taps, ``(a, a)`` with ``a = np.array([1, 2, 1])`` has
        3×3.
    axes : int or sequence of int, optional
        The axes of `x` that `w` spans, in the order of the axes of `w`.  All other axes are a
        batch: an RGB image ``(H, W, 3)`` takes ``axes=(0, 1)``.  By default, a 1-D kernel is
        applied along the last axis of `x`, and any other kernel must have as many axes as `x`.
    mode : {"same", "valid", "full"}, optional
        "same": as many outputs as samples; "valid": only outputs whose whole window lies inside
        `x`; "full": all outputs whose window overlaps `x`.  For a kernel that spans n samples,
        dilation included, "full" has n - 1 more outputs than "same", and "same" is
        ``full[(n - 1) // 2 :][: len(x)]``.
    boundary : str or sequence of str, optional
        How the array is extended beyond its edges, for all axes or one for each: "constant"
        (`cval`), "nearest" (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``),
        "mirror" (``c b | a b c d | c b``), "wrap" (``c d | a b c d | a b``) or "ignore" (samples
        beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        The number of samples by which the centre of the kernel is shifted, as in
        `scipy.ndimage.convolve`: in the opposite direction to `fastconv.correlate`.  Must be 0
        unless `mode` is "same".
    stride : int or sequence of int, optional
        Compute every stride-th output only.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x` and `w`: a
        temporary array is used in that case.
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x, w)``, with bool counting as uint8.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `x` is treated.  "propagate": it spreads to all outputs whose window contains it.
        "ignore": it counts as missing.  "fill": as "ignore", but outputs at the positions of
        missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`.  It has the shape of `x`, or only the axes
        that `w` spans; axes of length 1 are broadcast.  The values of masked samples, even NaN and
        infinity, do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        outputs with less are set to `fill_value`.  Weights count by their magnitude.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" chooses the algorithm with the shortest predicted time.
        Printing a plan (`fastconv.plan_correlate`) lists all algorithms with their predicted times,
        or the reasons why they cannot be used.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array.  It has the shape of `x`, except that `mode` and `stride` determine
        the lengths of the filtered axes.  A masked array if `x` is one.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    For kernels of even length, ``mode="same"`` is that of `numpy.convolve` and `scipy.signal`;
    `scipy.ndimage.convolve` puts the centre one sample further.

    Sums of integers are exact.  Results that are converted to an integer dtype are rounded half to
    even and saturate; they never wrap, and NaN becomes 0.  float16 is summed in float32.  The bits
    of a result do not depend on the number of threads.  NaN and infinity affect only outputs whose
    window contains them.

    With missing samples, an output is the sum over the valid ones, divided by the fraction of the
    kernel's weight that lies on them.  Where no sample of a window is missing, the output has the
    same bits as without `nan` and `mask`.  (With "fft", it has the same bits as if the missing
    samples were zeros, because samples near a window affect the rounding.)  Integer results are
    exact before they are rounded.  Kernels whose weights sum to zero are refused.

    The cost of an output depends on the algorithm.  "direct" takes one multiply-add for each tap.
    "separable" takes one for each tap of each factor; it needs a kernel that is given as factors,
    or is found to be an outer product or a sum of up to three.  "sparse" takes one for each nonzero
    tap, and needs at least half of the taps to be zero.  "box" takes a few additions, and needs
    equal weights.  The cost of "fft" hardly depends on the kernel; it needs a stride of 1.  An
    algorithm that is requested but cannot be used raises a ValueError with the reason.  Integers
    are exact with every algorithm.  Floats are rounded differently: the errors of "fft" are a few
    eps of the largest samples nearby, instead of those in the window of an output.

    The workspace takes a few megabytes for each thread.  An interrupt (Ctrl-C) leaves `out` partly
    written.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.convolve([1, 2, 3], [0, 1, 10], mode="full")
    array([ 0,  1, 12, 23, 30])
    >>> fc.convolve([0, 0, 1, 0, 0], [1, 2, 3])
    array([0, 1, 2, 3, 0])
    """
    said = lower.missing("convolve", x, nan, mask, min_weight, fill_value, boundary)
    samples = lower.array(x if said is None else said.plain(x), "convolve: x")
    options = {
        "flip": True,
        "axes": axes,
        "mode": mode,
        "boundary": boundary,
        "cval": cval,
        "origin": origin,
        "stride": stride,
        "dilation": dilation,
        "out_dtype": lower.output_dtype(out, "convolve: out"),
        "dtype": dtype,
    }
    if said is not None:
        return missing.correlate(
            "convolve", samples, w, options, said, algorithm, backend, threads, out
        )
    plan = make_plan(
        lower.correlation,
        ("convolve", samples.shape, samples.dtype),
        (w,),
        options,
        algorithm,
        backend,
        threads,
        once=True,
    )
    return plan._run(samples, out)
