"""Image-style calls: any rank, same size by default, a border rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import lower
from ..config import BackendName
from ..plan.choose import make_plan
from ..plan.plan import Plan
from .options import AlgorithmName, Boundary, PerAxis

__all__ = ["convolve", "correlate", "plan_correlate"]


def correlate(
    x: ArrayLike,
    w: ArrayLike | tuple[ArrayLike, ...],
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
    """Slide a kernel over an array and sum the products: ``out[i] = sum_j w[j] * x[i + j - c]``.

    With `stride` and `dilation`, ``x[i * stride + j * dilation - c]``.  The centre ``c`` is half of
    the samples from the first tap to the last, rounded down: ``len(w) // 2`` without dilation.  The
    kernel is not flipped (see `convolve`) and, for complex numbers, not conjugated.

    Parameters
    ----------
    x : array_like
        An array of any rank.
    w : array_like or tuple of 1-D array_like
        The kernel, with one axis for each axis of `x` that it spans; or its 1-D factors, one for
        each axis, where the kernel is their outer product.
    axes : int or sequence of int, optional
        The axes of `x` that `w` spans, in the order of `w`'s axes.  Default: the last ones.  Each
        index along the other axes is filtered for itself: an RGB image wants ``axes=(0, 1)``.
    mode : {"same", "valid", "full"}
        "same": as long as `x`; "valid": where the whole kernel lies on `x`; "full": n - 1 outputs
        longer than `x`, with n samples from the first tap to the last, which is wherever the kernel
        touches `x`.  "same" is ``full[(n - 1) // 2 :][: len(x)]``.
    boundary : str or sequence of str
        What lies beyond the edges, for all axes or for each: "constant" (`cval`), "nearest"
        ``a a|a b c d|d d``, "symmetric" ``b a|a b c d|d c``, "mirror" ``c b|a b c d|c b`` or
        "wrap" ``c d|a b c d|a b``.
    cval : scalar
        The value beyond the edges for "constant".
    origin : int or sequence of int
        Shifts the centre of the kernel by samples, as in `scipy.ndimage.correlate`; for "same"
        only.
    stride : int or sequence of int
        Take every stride-th output.
    dilation : int or sequence of int
        The distance between neighbouring taps, in samples.
    out : ndarray, optional
        Receives the result, in its own dtype.  It may be `x` itself, and otherwise must not
        overlap `x`.
    dtype : dtype, optional
        Of the result.  Default: ``np.result_type(x, w)``, with bool counting as uint8.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}
        "auto" takes the one that is expected to be fastest; `plan_correlate` tells which.
    backend : {"cython", "numba", "numpy"}, optional
        Default: see `get_backend`.
    threads : int, optional
        The most threads to use.  Default: see `get_num_threads`.

    Returns
    -------
    ndarray
        `out`, or a new array: `x`'s shape with the filtered axes as `mode` and `stride` say.

    Raises
    ------
    TypeError, ValueError
        A wrong argument; the message names it.  `out` is untouched.
    BackendUnavailableError
        `backend` cannot run here.

    Notes
    -----
    Integer times integer is exact.  Results that are converted to an integer dtype are rounded
    half to even (NaN to 0) and saturate; nothing wraps.  float16 is summed in float32.  Results
    are the same bits for any number of threads.  A NaN or infinity reaches the outputs whose
    kernel covers it and no others.

    For each output, "direct" takes a product for each tap; "separable" (kernels given as factors,
    or found to be a product, or a sum of up to three) one for each tap of a factor; "sparse" (half
    of the taps or more are zero) one for each other tap; "box" (equal weights) a few additions;
    "fft" (large kernels without a stride) about as much for any kernel.  They round otherwise than
    "direct": errors of "fft" are some eps of the largest samples nearby, not of those that an
    output reads.  Integers are exact in all of them.  Beside the result they take some MB a thread.
    An interrupt (Ctrl-C) leaves `out` partly written.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.correlate([1, 2, 3, 4], [1, 0, -1])
    array([-2, -2, -2,  3])
    >>> fc.correlate([1, 2, 3, 4], [1, 0, -1], boundary="nearest")
    array([-1, -2, -2, -1])
    >>> fc.correlate(np.eye(4), ([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0]), mode="valid")
    array([[ 0., -2.],
           [ 2.,  0.]])
    """
    samples = lower.array(x, "correlate: x")
    plan = make_plan(
        lower.correlation,
        ("correlate", samples.shape, samples.dtype),
        (w,),
        {
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
        },
        algorithm,
        backend,
        threads,
        once=True,
    )
    return plan(samples, out)


def convolve(
    x: ArrayLike,
    w: ArrayLike | tuple[ArrayLike, ...],
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
    """The mathematician's convolution ``(x * w)[i] = sum_j w[j] * x[i - j]``: a flipped kernel.

    It is `correlate` with the kernel reversed along every axis, and takes the same arguments.
    ``mode="full"`` is `numpy.convolve`, in any rank.

    Parameters
    ----------
    x, w, axes, mode, boundary, cval, stride, dilation, out, dtype, algorithm, backend, threads
        As in `correlate`.
    origin : int or sequence of int
        Shifts the centre of the kernel, the other way than in `correlate`, as
        `scipy.ndimage.convolve` does.

    Returns
    -------
    ndarray
        As from `correlate`.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `correlate`.

    Notes
    -----
    For kernels of even length, ``mode="same"`` is `numpy.convolve`'s and `scipy.signal`'s;
    `scipy.ndimage.convolve` puts the centre one sample further.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.convolve([1, 2, 3], [0, 1, 10], mode="full")
    array([ 0,  1, 12, 23, 30])
    >>> fc.convolve([0, 0, 1, 0, 0], [1, 2, 3])
    array([0, 1, 2, 3, 0])
    """
    samples = lower.array(x, "convolve: x")
    plan = make_plan(
        lower.correlation,
        ("convolve", samples.shape, samples.dtype),
        (w,),
        {
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
        },
        algorithm,
        backend,
        threads,
        once=True,
    )
    return plan(samples, out)


def plan_correlate(
    x_shape: Sequence[int],
    x_dtype: DTypeLike,
    w: ArrayLike | tuple[ArrayLike, ...],
    *,
    axes: PerAxis | None = None,
    mode: Literal["same", "valid", "full"] = "same",
    boundary: Boundary | Sequence[Boundary] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    dtype: DTypeLike | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Plan:
    """Check, choose and prepare once what `correlate` would do at each call.

    Parameters
    ----------
    x_shape : sequence of int
        The shape of the arrays that will come.
    x_dtype : dtype
        Their dtype.
    w, axes, mode, boundary, cval, origin, stride, dilation, dtype, algorithm, backend, threads
        As in `correlate`.

    Returns
    -------
    Plan
        ``plan(x)`` is ``correlate(x, w, ...)``, to the bit; ``print(plan)`` says how.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `correlate`.

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
    return make_plan(
        lower.correlation,
        (
            "correlate",
            lower.shape(x_shape, "plan_correlate: x_shape"),
            lower.dtype_named(x_dtype, "plan_correlate: x_dtype"),
        ),
        (w,),
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
        algorithm,
        backend,
        threads,
        once=False,
    )
