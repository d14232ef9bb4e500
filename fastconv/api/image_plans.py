"""Plans of image-style calls: any rank, same size by default, a border rule."""

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
    """Check, choose and prepare once what `fastconv.correlate` does on each call.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on.
    x_dtype : dtype
        Their dtype, of any byte order.
    w : array_like or tuple of 1-D ndarray
        The kernel, with one axis for each axis of the array that it spans.  Or its factors, one for
        each of these axes, if it is their outer product.  A tuple that holds a NumPy array holds
        factors; any other tuple is a kernel, like a list: ``([1, 2, 1], [1, 2, 1])`` has 2×3 taps,
        ``(a, a)`` with ``a = np.array([1, 2, 1])`` has 3×3.
    axes : int or sequence of int, optional
        The axes of the arrays that `w` spans, in the order of the axes of `w`.  All other axes are
        a batch: an RGB image ``(H, W, 3)`` takes ``axes=(0, 1)``.  By default, a kernel with one
        axis spans the last axis, and any other kernel has to have as many axes as the arrays.
    mode : {"same", "valid", "full"}, optional
        "same": as many outputs as samples; "valid": only where the whole kernel lies on the array;
        "full": wherever the kernel touches the array, which is n - 1 outputs more than samples if n
        samples lie from the first tap to the last.  "same" is ``full[(n - 1) // 2 :][: len(x)]``.
    boundary : str or sequence of str, optional
        What lies beyond the edges, for all axes or one for each: "constant" (`cval`), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "wrap" (``c d | a b c d | a b``) or "ignore" (nothing: what lies
        there counts as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        Shifts the centre of the kernel by so many samples, as in `scipy.ndimage.correlate`; for
        "same" only.
    stride : int or sequence of int, optional
        Take every stride-th output.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x_dtype, w)``, with bool counting as
        uint8.
    nan : {"propagate", "ignore", "fill"}, optional
        What becomes of NaN in the arrays.  "propagate": it spreads to all outputs whose window
        contains it.  "ignore": it counts as missing.  "fill": so it does, and outputs whose own
        sample is missing are `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`: an array of the shape of the arrays, with
        1 for any of its lengths, or with the axes that `w` spans only.  Whatever lies there, NaN
        and infinity included, is never read.
    min_weight : float, optional
        The least share of the kernel's weight, from 0 to 1, that has to lie on valid samples; an
        output with less is `fill_value`.  The weights count by their magnitude.
    fill_value : scalar, optional
        The result where no sample of a window is valid.  By default NaN, or 0 in integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
        ``print(plan)`` shows which one that is, and why the others are not.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.
        Results do not depend on it.

    Returns
    -------
    Plan
        ``plan(x)`` is ``correlate(x, w, ...)``, to the bit.  ``print(plan)`` explains its choices.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; the message names it.
    BackendUnavailableError
        The chosen backend cannot run here.

    Notes
    -----
    The plan keeps a copy of the weights, prepared for its algorithm, and of the shares of weight
    that a mask leaves, as long as `nan` is "propagate": for frames with the same missing pixels,
    only the sums are made at each call.  It can be copied, pickled,
    and called from several threads at once.

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
    """Check, choose and prepare once what `fastconv.convolve` does on each call.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that the plan will be called on.
    x_dtype : dtype
        Their dtype, of any byte order.
    w : array_like or tuple of 1-D ndarray
        The kernel, with one axis for each axis of the array that it spans.  Or its factors, one for
        each of these axes, if it is their outer product.  A tuple that holds a NumPy array holds
        factors; any other tuple is a kernel, like a list: ``([1, 2, 1], [1, 2, 1])`` has 2×3 taps,
        ``(a, a)`` with ``a = np.array([1, 2, 1])`` has 3×3.
    axes : int or sequence of int, optional
        The axes of the arrays that `w` spans, in the order of the axes of `w`.  All other axes are
        a batch: an RGB image ``(H, W, 3)`` takes ``axes=(0, 1)``.  By default, a kernel with one
        axis spans the last axis, and any other kernel has to have as many axes as the arrays.
    mode : {"same", "valid", "full"}, optional
        "same": as many outputs as samples; "valid": only where the whole kernel lies on the array;
        "full": wherever the kernel touches the array, which is n - 1 outputs more than samples if n
        samples lie from the first tap to the last.  "same" is ``full[(n - 1) // 2 :][: len(x)]``.
    boundary : str or sequence of str, optional
        What lies beyond the edges, for all axes or one for each: "constant" (`cval`), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "wrap" (``c d | a b c d | a b``) or "ignore" (nothing: what lies
        there counts as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        Shifts the centre of the kernel by so many samples, as in `scipy.ndimage.convolve`, which is
        the other way than in `fastconv.correlate`; for "same" only.
    stride : int or sequence of int, optional
        Take every stride-th output.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x_dtype, w)``, with bool counting as
        uint8.
    nan : {"propagate", "ignore", "fill"}, optional
        What becomes of NaN in the arrays.  "propagate": it spreads to all outputs whose window
        contains it.  "ignore": it counts as missing.  "fill": so it does, and outputs whose own
        sample is missing are `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`: an array of the shape of the arrays, with
        1 for any of its lengths, or with the axes that `w` spans only.  Whatever lies there, NaN
        and infinity included, is never read.
    min_weight : float, optional
        The least share of the kernel's weight, from 0 to 1, that has to lie on valid samples; an
        output with less is `fill_value`.  The weights count by their magnitude.
    fill_value : scalar, optional
        The result where no sample of a window is valid.  By default NaN, or 0 in integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
        ``print(plan)`` shows which one that is, and why the others are not.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.
        Results do not depend on it.

    Returns
    -------
    Plan
        ``plan(x)`` is ``convolve(x, w, ...)``, to the bit.  ``print(plan)`` explains its choices.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; the message names it.
    BackendUnavailableError
        The chosen backend cannot run here.

    Notes
    -----
    The plan keeps a copy of the weights, prepared for its algorithm, and of the shares of weight
    that a mask leaves, as long as `nan` is "propagate": for frames with the same missing pixels,
    only the sums are made at each call.  It can be copied, pickled,
    and called from several threads at once.

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
    """The plan of a call, on arrays of a shape and dtype, that is called by a name of its own."""
    call, x_shape, x_dtype = of
    shape = lower.shape(x_shape, f"{name}: x_shape")
    dtype = lower.dtype_named(x_dtype, f"{name}: x_dtype")
    checked = (call, shape, dtype)
    nan, mask, min_weight, fill_value = missing
    said = lower.missing(call, (), nan, mask, min_weight, fill_value, options["boundary"])
    if said is not None:
        return MissingPlan(checked, w, options, said, (algorithm, backend, threads))
    return make_plan(
        lower.correlation, checked, (w,), options, algorithm, backend, threads, once=False
    )
