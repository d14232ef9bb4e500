"""Many kernels applied to one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import lower
from ..config import BackendName
from ..plan.choose import make_plan
from ..run import overlap
from .options import AlgorithmName, Boundary, PerAxis

__all__ = ["correlate_bank"]

TOGETHER = ("auto", "direct", "fft")
"""Algorithms that can filter with several kernels at once."""


def correlate_bank(
    x: ArrayLike,
    bank: ArrayLike | Sequence[tuple[NDArray, ...]],
    *,
    axes: PerAxis | None = None,
    mode: Literal["same", "valid", "full"] = "same",
    boundary: Boundary | Sequence[Boundary] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    out: NDArray | None = None,
    dtype: DTypeLike | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Slide each kernel of a bank over one array: ``out[i]`` is ``correlate(x, bank[i])``.

    Parameters
    ----------
    x : array_like
        An array of any rank.
    bank : array_like or sequence of tuple of 1-D ndarray
        The kernels, stacked along the first axis: ``(n, *taps)``.  Kernels that are outer products
        may be given as a sequence of tuples instead, each with one 1-D factor for each axis.
    axes : int or sequence of int, optional
        The axes of `x` that a kernel spans, in the order of its axes.  All other axes are a batch:
        an RGB image ``(H, W, 3)`` takes ``axes=(0, 1)``.  By default, a 1-D kernel is applied along
        the last axis of `x`, and any other kernel must have as many axes as `x`.
    mode : {"same", "valid", "full"}, optional
        "same": as many outputs as samples; "valid": only outputs whose whole window lies inside
        `x`; "full": all outputs whose window overlaps `x`.  For kernels that span n samples,
        dilation included, "same" is ``full[(n - 1) // 2 :][: len(x)]``.
    boundary : str or sequence of str, optional
        How the array is extended beyond its edges, for all axes or one for each: "constant"
        (`cval`), "nearest" (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``),
        "mirror" (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        The number of samples by which the centre of the kernels is shifted, as in
        `scipy.ndimage.correlate`.  Must be 0 unless `mode` is "same".
    stride : int or sequence of int, optional
        Compute every stride-th output only.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x` and `bank`: a
        temporary array is used in that case.
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x, bank)``, with bool counting as
        uint8.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" chooses the algorithm with the shortest predicted time.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array ``(n, *shape)``, where ``shape`` is the shape of
        ``correlate(x, bank[0])``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    See Also
    --------
    correlate : One kernel.  For a convolution, reverse the kernels along all axes but the first.

    Notes
    -----
    The kernels share one pass over `x`, which is then read, converted and transformed only once.
    They are applied one after the other where that is predicted to be faster, because each is
    separable, uniform or mostly zero.  Integers have the same bits either way; floats may differ by
    rounding.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.correlate_bank([1, 2, 3, 4], [[1, 0, -1], [0, 1, 0], [1, 1, 1]])
    array([[-2, -2, -2,  3],
           [ 1,  2,  3,  4],
           [ 3,  6,  9,  7]])

    A bank of kernels with factors:

    >>> smooth, slope = np.array([1.0, 2.0, 1.0]), np.array([-1.0, 0.0, 1.0])
    >>> fc.correlate_bank(np.eye(5), [(smooth, slope), (slope, smooth)], mode="valid").shape
    (2, 3, 3)
    """
    name = "correlate_bank"
    samples = lower.array(x, f"{name}: x")
    kernels = lower.kernels_of(name, bank)
    options: dict[str, Any] = {
        "flip": False,
        "axes": axes,
        "mode": mode,
        "boundary": boundary,
        "cval": cval,
        "origin": origin,
        "stride": stride,
        "dilation": dilation,
        "out_dtype": lower.output_dtype(out, f"{name}: out"),
        "dtype": dtype,
    }
    checked, how = (name, samples.shape, samples.dtype), (algorithm, backend, threads)
    plans = [
        make_plan(lower.correlation, checked, (kernel,), options, *how, once=True)
        for kernel in kernels
    ]
    shapes = {plan.out_shape for plan in plans}
    lower.one_shape(name, shapes)
    shape = len(plans), *plans[0].out_shape
    if out is None:
        result = target = np.empty(shape, np.result_type(*[plan.dtype for plan in plans]))
    else:
        lower.check_receiver(f"{name}: out", out, shape, plans[0]._recipe.problem.complex)
        target, whole = overlap.target(out, (samples, *[w for plan in plans for w in plan._w]))
        result = out
    together = None
    if isinstance(kernels, np.ndarray) and algorithm in TOGETHER:
        together = make_plan(lower.bank, checked, (kernels,), options, *how, once=True)
        if together._recipe.seconds > sum([plan._recipe.seconds for plan in plans]):
            together = None
    if together is None:
        for plan, part in zip(plans, target, strict=True):
            plan._run(samples, part)
    else:
        order = plans[0]._recipe.problem.order
        lead = len(plans[0]._recipe.problem.batch)
        outputs = np.moveaxis(target.transpose(0, *[1 + axis for axis in order]), 0, lead)
        together._run(np.expand_dims(samples.transpose(order), lead), outputs)
    if target is not result and not whole:
        np.copyto(result, target)
    return result
