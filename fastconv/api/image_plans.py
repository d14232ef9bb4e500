"""Plans of `correlate` and `convolve`: any rank, same size by default, with borders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import lower
from ..config import BackendName
from ..plan.choose import make_plan
from ..plan.missing import MissingPlan
from ..plan.plan import Plan
from .options import AlgorithmName, Border, Nan, PerAxis

__all__ = ["plan_convolve", "plan_correlate"]


def plan_correlate(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
    w: ArrayLike | tuple[NDArray, ...],
    *,
    axes: PerAxis | None = None,
    mode: Literal["same", "valid", "full"] = "same",
    boundary: Border | Sequence[Border] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    dtype: DTypeLike | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Choose an algorithm and pack the weights for repeated calls of `fastconv.correlate`.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on.
    x_dtype : dtype
        Their dtype, of any byte order.
    w : array_like or tuple of 1-D ndarray
        The kernel, with one axis for each axis of the array that it spans.  If it is an outer
        product, it may be given as a tuple of its 1-D factors, one for each of these axes.  A tuple
        that contains a NumPy array holds factors; any other tuple is a kernel, like a list:
        ``([1, 2, 1], [1, 2, 1])`` has 2×3 taps, ``(a, a)`` with ``a = np.array([1, 2, 1])`` has
        3×3.
    axes : int or sequence of int, optional
        The axes of the arrays that `w` spans, in the order of the axes of `w`.  All other axes are
        a batch: an RGB image ``(H, W, 3)`` takes ``axes=(0, 1)``.  By default, a 1-D kernel is
        applied along the last axis, and any other kernel must have as many axes as the arrays.
    mode : {"same", "valid", "full"}, optional
        "same": as many outputs as samples; "valid": only outputs whose whole window lies inside the
        array; "full": all outputs whose window overlaps the array.  For a kernel that spans n
        samples, dilation included, "full" has n - 1 more outputs than "same", and "same" is
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
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x_dtype, w)``, with bool counting as
        uint8.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in the arrays is treated.  "propagate": it spreads to all outputs whose window
        contains it.  "ignore": it counts as missing.  "fill": as "ignore", but outputs at the
        positions of missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`.  It has the shape of the arrays, or only
        the axes that `w` spans; axes of length 1 are broadcast.  The values of masked samples, even
        NaN and infinity, do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        outputs with less are set to `fill_value`.  Weights count by their magnitude.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" chooses the algorithm with the shortest predicted time.
        ``print(plan)`` lists all algorithms with their predicted times, or the reasons why they
        cannot be used.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    Plan
        ``plan(x)`` returns the same bits as ``correlate(x, w, ...)``.  ``print(plan)`` explains its
        choices.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The plan keeps a copy of the weights, packed for its algorithm.  With a `mask`, and unless `nan`
    is "ignore" or "fill", it also keeps the fraction of the kernel's weight that lies on valid
    samples of each window: for frames with the same missing pixels, each call then computes only
    the sums.  A plan can be copied, pickled, and called from several threads at once.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> plan = fc.plan_correlate((480, 640), "float32", np.ones((3, 3), "float32"))
    >>> plan.algorithm
    'direct'
    >>> plan(np.ones((480, 640), "float32"))[0, :3]
    array([4., 6., 6.], dtype=float32)
    """
    return _plan(
        "plan_correlate",
        ("correlate", x_shape, x_dtype),
        w,
        {
            "flip": False,
            "axes": axes,
            "mode": mode,
            "boundary": boundary,
            "cval": cval,
            "origin": origin,
            "stride": stride,
            "dilation": dilation,
            "out_dtype": None,
            "dtype": dtype,
        },
        (nan, mask, min_weight, fill_value),
        algorithm,
        backend,
        threads,
    )


def plan_convolve(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
    w: ArrayLike | tuple[NDArray, ...],
    *,
    axes: PerAxis | None = None,
    mode: Literal["same", "valid", "full"] = "same",
    boundary: Border | Sequence[Border] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    dtype: DTypeLike | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Choose an algorithm and pack the weights for repeated calls of `fastconv.convolve`.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on.
    x_dtype : dtype
        Their dtype, of any byte order.
    w : array_like or tuple of 1-D ndarray
        The kernel, with one axis for each axis of the array that it spans.  If it is an outer
        product, it may be given as a tuple of its 1-D factors, one for each of these axes.  A tuple
        that contains a NumPy array holds factors; any other tuple is a kernel, like a list:
        ``([1, 2, 1], [1, 2, 1])`` has 2×3 taps, ``(a, a)`` with ``a = np.array([1, 2, 1])`` has
        3×3.
    axes : int or sequence of int, optional
        The axes of the arrays that `w` spans, in the order of the axes of `w`.  All other axes are
        a batch: an RGB image ``(H, W, 3)`` takes ``axes=(0, 1)``.  By default, a 1-D kernel is
        applied along the last axis, and any other kernel must have as many axes as the arrays.
    mode : {"same", "valid", "full"}, optional
        "same": as many outputs as samples; "valid": only outputs whose whole window lies inside the
        array; "full": all outputs whose window overlaps the array.  For a kernel that spans n
        samples, dilation included, "full" has n - 1 more outputs than "same", and "same" is
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
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x_dtype, w)``, with bool counting as
        uint8.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in the arrays is treated.  "propagate": it spreads to all outputs whose window
        contains it.  "ignore": it counts as missing.  "fill": as "ignore", but outputs at the
        positions of missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`.  It has the shape of the arrays, or only
        the axes that `w` spans; axes of length 1 are broadcast.  The values of masked samples, even
        NaN and infinity, do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        outputs with less are set to `fill_value`.  Weights count by their magnitude.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" chooses the algorithm with the shortest predicted time.
        ``print(plan)`` lists all algorithms with their predicted times, or the reasons why they
        cannot be used.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    Plan
        ``plan(x)`` returns the same bits as ``convolve(x, w, ...)``.  ``print(plan)`` explains its
        choices.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The plan keeps a copy of the weights, packed for its algorithm.  With a `mask`, and unless `nan`
    is "ignore" or "fill", it also keeps the fraction of the kernel's weight that lies on valid
    samples of each window: for frames with the same missing pixels, each call then computes only
    the sums.  A plan can be copied, pickled, and called from several threads at once.

    Examples
    --------
    >>> import fastconv as fc
    >>> plan = fc.plan_convolve((3,), "int64", [0, 1, 10], mode="full")
    >>> plan([1, 2, 3])
    array([ 0,  1, 12, 23, 30])
    """
    return _plan(
        "plan_convolve",
        ("convolve", x_shape, x_dtype),
        w,
        {
            "flip": True,
            "axes": axes,
            "mode": mode,
            "boundary": boundary,
            "cval": cval,
            "origin": origin,
            "stride": stride,
            "dilation": dilation,
            "out_dtype": None,
            "dtype": dtype,
        },
        (nan, mask, min_weight, fill_value),
        algorithm,
        backend,
        threads,
    )


def _plan(
    name: str,
    of: tuple[str, Sequence[int], DTypeLike],
    w: ArrayLike | tuple[NDArray, ...],
    options: dict[str, Any],
    missing: tuple[object, ArrayLike | None, object, object],
    algorithm: AlgorithmName,
    backend: BackendName | None,
    threads: int | None,
) -> Plan:
    """The plan of a call with this name, for arrays of a shape and dtype."""
    call, x_shape, x_dtype = of
    shape = lower.shape(x_shape, f"{name}: x_shape")
    dtype = lower.dtype_named(x_dtype, f"{name}: x_dtype")
    checked = (call, shape, dtype)
    nan, mask, min_weight, fill_value = missing
    rules = lower.missing(call, (), nan, mask, min_weight, fill_value, options["boundary"])
    if rules is not None:
        return MissingPlan(checked, w, options, rules, (algorithm, backend, threads))
    plan = make_plan(
        lower.correlation, checked, (w,), options, algorithm, backend, threads, once=False
    )
    return plan._for_many_calls()
