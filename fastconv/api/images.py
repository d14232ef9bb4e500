"""Image-style calls: any rank, same size by default, a border rule."""

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
    half of the samples from the first tap to the last, rounded down: ``len(w) // 2`` without
    dilation.  The kernel is not flipped (`fastconv.convolve` does that) and, for complex numbers,
    not conjugated.

    Parameters
    ----------
    x : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    w : array_like or tuple of 1-D ndarray
        The kernel, with one axis for each axis of `x` that it spans.  Or its factors, one for each
        of these axes, if it is their outer product.  A tuple that holds a NumPy array holds
        factors; any other tuple is a kernel, like a list: ``([1, 2, 1], [1, 2, 1])`` has 2×3 taps,
        ``(a, a)`` with ``a = np.array([1, 2, 1])`` has 3×3.
    axes : int or sequence of int, optional
        The axes of `x` that `w` spans, in the order of the axes of `w`.  All other axes are a
        batch: an RGB image ``(H, W, 3)`` takes ``axes=(0, 1)``.  By default, a kernel with one axis
        spans the last axis of `x`, and any other kernel has to have as many axes as `x`.
    mode : {"same", "valid", "full"}, optional
        "same": as many outputs as samples; "valid": only where the whole kernel lies on `x`;
        "full": wherever the kernel touches `x`, which is n - 1 outputs more than samples if n
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
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x` and `w`: a
        temporary array is used then.
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x, w)``, with bool counting as uint8.
    nan : {"propagate", "ignore", "fill"}, optional
        What becomes of NaN in `x`.  "propagate": it spreads to all outputs whose window contains
        it.  "ignore": it counts as missing.  "fill": so it does, and outputs whose own sample is
        missing are `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`: an array of the shape of `x`, with 1 for
        any of its lengths, or with the axes that `w` spans only.  Whatever lies there, NaN and
        infinity included, is never read.
    min_weight : float, optional
        The least share of the kernel's weight, from 0 to 1, that has to lie on valid samples; an
        output with less is `fill_value`.  The weights count by their magnitude.
    fill_value : scalar, optional
        The result where no sample of a window is valid.  By default NaN, or 0 in integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
        `fastconv.plan_correlate` shows which one that is, and why the others are not.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.
        Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array: the shape of `x`, but for the axes that are filtered, which are as
        long as `mode` and `stride` make them.  A masked array if `x` is one.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; the message names it.  `out` is untouched.
    BackendUnavailableError
        The chosen backend cannot run here.

    Notes
    -----
    Integer times integer is exact.  Results that are converted to an integer dtype are rounded half
    to even (NaN to 0) and saturate; nothing wraps. float16 is summed in float32.  Results are the
    same bits for any number of threads.  NaN and infinity affect only outputs whose window contains
    them.

    With missing samples, an output is the sum over the valid ones, divided by the share of the
    kernel's weight that lies on them.  A window without missing samples gives the bits of a call
    without `nan` and `mask`.  (Where "fft" is used, it gives those for zeros in the place of
    missing samples: a transform rounds with what lies nearby.)  Integer results are exact before
    they are rounded.  Kernels whose weights sum to zero are refused.

    For each output, "direct" makes one multiply-add for each tap; "separable" one for each tap of
    each factor, for kernels that were given as factors, or are found to be a product or a sum of up
    to three; "sparse" one for each tap that is not zero, if at least half of the taps are zero;
    "box" a few additions, if all weights are equal; and "fft" about as many for any kernel, without
    a stride.  An algorithm that cannot do what is asked for by name is refused with the reason.
    Integers are exact in all of them.  Rounding differs from that of "direct" in floats: errors of
    "fft" are some eps of the largest samples nearby rather than of those in the window of an
    output.

    The workspace is some megabytes for each thread.  An interrupt (Ctrl-C) leaves `out` partly
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

    It is `fastconv.correlate` with the kernel reversed along every axis.  ``mode="full"`` is
    `numpy.convolve`, in any rank.

    Parameters
    ----------
    x : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    w : array_like or tuple of 1-D ndarray
        The kernel, with one axis for each axis of `x` that it spans.  Or its factors, one for each
        of these axes, if it is their outer product.  A tuple that holds a NumPy array holds
        factors; any other tuple is a kernel, like a list: ``([1, 2, 1], [1, 2, 1])`` has 2×3 taps,
        ``(a, a)`` with ``a = np.array([1, 2, 1])`` has 3×3.
    axes : int or sequence of int, optional
        The axes of `x` that `w` spans, in the order of the axes of `w`.  All other axes are a
        batch: an RGB image ``(H, W, 3)`` takes ``axes=(0, 1)``.  By default, a kernel with one axis
        spans the last axis of `x`, and any other kernel has to have as many axes as `x`.
    mode : {"same", "valid", "full"}, optional
        "same": as many outputs as samples; "valid": only where the whole kernel lies on `x`;
        "full": wherever the kernel touches `x`, which is n - 1 outputs more than samples if n
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
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `x` and `w`: a
        temporary array is used then.
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x, w)``, with bool counting as uint8.
    nan : {"propagate", "ignore", "fill"}, optional
        What becomes of NaN in `x`.  "propagate": it spreads to all outputs whose window contains
        it.  "ignore": it counts as missing.  "fill": so it does, and outputs whose own sample is
        missing are `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`: an array of the shape of `x`, with 1 for
        any of its lengths, or with the axes that `w` spans only.  Whatever lies there, NaN and
        infinity included, is never read.
    min_weight : float, optional
        The least share of the kernel's weight, from 0 to 1, that has to lie on valid samples; an
        output with less is `fill_value`.  The weights count by their magnitude.
    fill_value : scalar, optional
        The result where no sample of a window is valid.  By default NaN, or 0 in integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
        `fastconv.plan_correlate` shows which one that is, and why the others are not.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.
        Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array: the shape of `x`, but for the axes that are filtered, which are as
        long as `mode` and `stride` make them.  A masked array if `x` is one.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; the message names it.  `out` is untouched.
    BackendUnavailableError
        The chosen backend cannot run here.

    Notes
    -----
    For kernels of even length, ``mode="same"`` is that of `numpy.convolve` and `scipy.signal`;
    `scipy.ndimage.convolve` puts the centre one sample further.

    Integer times integer is exact.  Results that are converted to an integer dtype are rounded half
    to even (NaN to 0) and saturate; nothing wraps. float16 is summed in float32.  Results are the
    same bits for any number of threads.  NaN and infinity affect only outputs whose window contains
    them.

    With missing samples, an output is the sum over the valid ones, divided by the share of the
    kernel's weight that lies on them.  A window without missing samples gives the bits of a call
    without `nan` and `mask`.  (Where "fft" is used, it gives those for zeros in the place of
    missing samples: a transform rounds with what lies nearby.)  Integer results are exact before
    they are rounded.  Kernels whose weights sum to zero are refused.

    For each output, "direct" makes one multiply-add for each tap; "separable" one for each tap of
    each factor, for kernels that were given as factors, or are found to be a product or a sum of up
    to three; "sparse" one for each tap that is not zero, if at least half of the taps are zero;
    "box" a few additions, if all weights are equal; and "fft" about as many for any kernel, without
    a stride.  An algorithm that cannot do what is asked for by name is refused with the reason.
    Integers are exact in all of them.  Rounding differs from that of "direct" in floats: errors of
    "fft" are some eps of the largest samples nearby rather than of those in the window of an
    output.

    The workspace is some megabytes for each thread.  An interrupt (Ctrl-C) leaves `out` partly
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
