"""Correlations, convolutions and filters of chunked arrays, on Dask.

    import dask.array as da
    import fastconv as fc
    from fastconv import dask as chunked

    x = da.from_zarr("volume.zarr")
    y = chunked.correlate(x, kernel, boundary="mirror")
    z = chunked.apply(fc.filters.gaussian, x, sigma=2, boundary="nearest")

Results are those of fastconv on the whole array, up to rounding.  Nothing is computed until the
result is.  Each chunk is filtered together with as many samples of its neighbours as the kernel
reaches, and borders begin where the array ends: all of fastconv's borders work, including those
that Dask does not have or names differently.

Dask computes several chunks at once, so by default each of them takes one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import api, filters, lower
from .api.options import AlgorithmName, Border, Nan, PerAxis
from .config import BackendName

__all__ = ["apply", "convolve", "correlate"]

MAX_EXAMPLE = 2
"""Samples along an axis of the example array on which arguments are checked in advance."""


def correlate(
    x: Any,
    w: ArrayLike | tuple[NDArray, ...],
    *,
    axes: PerAxis | None = None,
    boundary: Border | Sequence[Border] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    dilation: PerAxis = 1,
    dtype: DTypeLike | None = None,
    nan: Nan = "propagate",
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = 1,
) -> Any:
    """Correlate a chunked array with a kernel, like `fastconv.correlate` with ``mode="same"``.

    Parameters
    ----------
    x : dask.array.Array or array_like
        An array of any rank.
    w : array_like or tuple of ndarray
        The kernel, or a tuple of 1-D arrays, one for each axis, whose outer product is the kernel.
    axes : int or sequence of int, optional
        The axes of `x` that the kernel spans.  By default, the last axis for a kernel with one
        axis; other kernels need as many axes as `x` has.
    boundary : str or sequence of str, optional
        How `x` is extended beyond its edges, for all filtered axes or one for each: "constant"
        (`cval`), "nearest" (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``),
        "mirror" (``c b | a b c d | c b``), "wrap" (``c d | a b c d | a b``) or "ignore" (samples
        beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        The shift of the kernel in samples, for all filtered axes or one for each.
    dilation : int or sequence of int, optional
        The distance of neighbouring taps in samples.
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x, w)``.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `x` is treated.  "propagate": it spreads to all results whose window contains it.
        "ignore": it counts as missing.  "fill": as "ignore", but results at the positions of
        missing samples are set to `fill_value`.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        results with less are set to `fill_value`.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : str, optional
        How sums are computed: "auto" or an algorithm of `fastconv.correlate`.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns where a chunk is computed.
    threads : int or None, optional
        The maximum number of threads for each chunk.  None means the number that
        `fastconv.get_num_threads` returns.

    Returns
    -------
    dask.array.Array
        An array of the shape of `x`, which is computed later.  Chunks smaller than the reach of the
        kernel are merged.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid.
    ModuleNotFoundError
        Dask is not installed.

    See Also
    --------
    fastconv.correlate : For arrays in memory, with more output sizes, strides and masks.

    Examples
    --------
    >>> import dask.array as da
    >>> from fastconv import dask as chunked
    >>> x = da.arange(1, 5, chunks=2)
    >>> chunked.correlate(x, [1, 0, -1], boundary="nearest").compute()
    array([-1, -2, -2, -1])
    """
    given = locals()
    return _under_kernel("correlate", **given)


def convolve(
    x: Any,
    w: ArrayLike | tuple[NDArray, ...],
    *,
    axes: PerAxis | None = None,
    boundary: Border | Sequence[Border] = "constant",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    dilation: PerAxis = 1,
    dtype: DTypeLike | None = None,
    nan: Nan = "propagate",
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = 1,
) -> Any:
    """Convolve a chunked array with a kernel, like `fastconv.convolve` with ``mode="same"``.

    Parameters
    ----------
    x : dask.array.Array or array_like
        An array of any rank.
    w : array_like or tuple of ndarray
        The kernel, or a tuple of 1-D arrays, one for each axis, whose outer product is the kernel.
    axes : int or sequence of int, optional
        The axes of `x` that the kernel spans.  By default, the last axis for a kernel with one
        axis; other kernels need as many axes as `x` has.
    boundary : str or sequence of str, optional
        How `x` is extended beyond its edges, for all filtered axes or one for each: "constant"
        (`cval`), "nearest" (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``),
        "mirror" (``c b | a b c d | c b``), "wrap" (``c d | a b c d | a b``) or "ignore" (samples
        beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        The shift of the kernel in samples, for all filtered axes or one for each.
    dilation : int or sequence of int, optional
        The distance of neighbouring taps in samples.
    dtype : dtype, optional
        The dtype of the result.  By default, ``np.result_type(x, w)``.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `x` is treated.  "propagate": it spreads to all results whose window contains it.
        "ignore": it counts as missing.  "fill": as "ignore", but results at the positions of
        missing samples are set to `fill_value`.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        results with less are set to `fill_value`.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : str, optional
        How sums are computed: "auto" or an algorithm of `fastconv.convolve`.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns where a chunk is computed.
    threads : int or None, optional
        The maximum number of threads for each chunk.  None means the number that
        `fastconv.get_num_threads` returns.

    Returns
    -------
    dask.array.Array
        An array of the shape of `x`, which is computed later.  Chunks smaller than the reach of the
        kernel are merged.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid.
    ModuleNotFoundError
        Dask is not installed.

    See Also
    --------
    fastconv.convolve : For arrays in memory, with more output sizes, strides and masks.

    Examples
    --------
    >>> import dask.array as da
    >>> from fastconv import dask as chunked
    >>> chunked.convolve(da.arange(1, 5, chunks=2), [1, 10, 100]).compute()
    array([ 12, 123, 234, 340])
    """
    given = locals()
    return _under_kernel("convolve", **given)


def apply(function: Callable[..., NDArray], image: Any, *arguments: Any, **options: Any) -> Any:
    """Apply a filter of `fastconv.filters` to a chunked array.

    Parameters
    ----------
    function : callable
        A function of `fastconv.filters`, other than `fastconv.filters.local_moments`.
    image : dask.array.Array or array_like
        The image, as the filter takes it.
    *arguments, **options
        Further arguments of the filter, except `out` and `mask`.  `threads` is 1 by default.

    Returns
    -------
    dask.array.Array
        What the filter returns for the whole array, which is computed later.  Chunks smaller than
        the reach of the filter are merged.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid, or `function` is no such filter.
    ModuleNotFoundError
        Dask is not installed.

    Examples
    --------
    >>> import dask.array as da
    >>> import fastconv as fc
    >>> from fastconv import dask as chunked
    >>> x = da.from_array([0.0, 0.0, 9.0, 0.0, 0.0, 0.0], chunks=3)
    >>> chunked.apply(fc.filters.box, x, 3).compute()
    array([0., 3., 3., 3., 0., 0.])
    """
    name = getattr(function, "__name__", "")
    if getattr(filters, name, None) is not function or name not in REACHES:
        raise TypeError(f"apply: function is {function!r}, allowed are {', '.join(REACHES)}")
    bound = signature(function).bind(image, *arguments, **options)
    bound.arguments.setdefault("threads", 1)
    bound.apply_defaults()
    given = bound.arguments
    for refused in "out", "mask":
        if given.pop(refused, None) is not None:
            raise TypeError(f"apply: {refused} cannot be given for a chunked array")
    x = _chunked(given.pop("image"))
    if name in ("sepia", "grayscale"):
        return _of_colours(function, x, given)
    stand_in = np.broadcast_to(np.zeros((), x.dtype), x.shape)
    found = lower.image(name, stand_in, given["channel_axis"])
    given["channel_axis"] = found.channel  # chunks have other shapes, which could be photographs
    if found.channel is not None:
        x = x.rechunk({found.channel: -1})
    run = partial(function, **given)
    made = run(_example(x))
    far = np.broadcast_to(REACHES[name](given), len(found.axes)).tolist()
    return _overlapped(run, x, made, found.axes, far, given.get("boundary"))


def _of_sigmas(*names: str) -> Callable[[dict[str, Any]], Any]:
    """The reach of Gaussians with the standard deviations in the arguments."""

    def reach(given: dict[str, Any]) -> Any:
        sigmas = [given[name] for name in names if given[name] is not None]
        return np.ceil(np.max(np.broadcast_arrays(*sigmas), 0) * given.get("truncate", 4.0) + 1)

    return reach


def _of_difference(given: dict[str, Any]) -> Any:
    """The second Gaussian is 1.6 times as wide as the first one, unless its width is given."""
    return _of_sigmas("wide", "high_sigma")({**given, "wide": np.multiply(given["low_sigma"], 2)})


def _of_gaussian(given: dict[str, Any]) -> Any:
    return _of_sigmas("sigma")(given) if given["radius"] is None else given["radius"]


def _of_size(given: dict[str, Any]) -> Any:
    return np.floor_divide(given["size"], 2)


NEXT: tuple[str, ...] = ("sobel", "prewitt", "scharr", "roberts", "laplace")
NEXT += ("sharpen", "emboss", "edge_detect", "edge_enhance")
"""Filters that read the next samples."""
REACHES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "gaussian": _of_gaussian,
    "gaussian_laplace": _of_sigmas("sigma"),
    "difference_of_gaussians": _of_difference,
    "unsharp_mask": _of_sigmas("radius"),
    "box": _of_size,
    "motion_blur": lambda given: given["length"] // 2 + 1,
    **dict.fromkeys(NEXT, lambda given: 1),
    **dict.fromkeys(("invert", "sepia", "grayscale"), lambda given: 0),
}
"""How many samples away a result of each filter reads, given its arguments."""


def _under_kernel(name: str, x: Any, w: Any, axes: Any, **options: Any) -> Any:
    """A correlation or convolution, whose reach is that of its kernel."""
    x, w = _chunked(x), lower.kernel(name, w)
    taps = [each.size for each in w] if isinstance(w, tuple) else w.shape
    along = lower.spanned(name, axes, w, x.ndim)
    run = partial(getattr(api, name), w=w, axes=axes, **options)
    made = run(_example(x))
    steps, shifts = (
        value if np.iterable(value) else [value] * len(taps)
        for value in (options["dilation"], options["origin"])
    )
    far = [
        ((n - 1) * step + 1) // 2 + abs(shift) * step
        for n, step, shift in zip(taps, steps, shifts, strict=True)
    ]
    return _overlapped(run, x, made, along, far, options["boundary"])


def _overlapped(
    run: Callable[..., NDArray],
    x: Any,
    made: NDArray,
    axes: Sequence[int],
    far: Sequence[int],
    boundary: Any,
) -> Any:
    """Apply a function to chunks with an overlap of its reach along each axis.

    ``made`` is its result for an example.  The function itself extends the array beyond its edges,
    except along periodic axes.
    """
    borders = [boundary] * len(axes) if isinstance(boundary, str | None) else boundary
    x = x.rechunk({axis: -1 for axis, n in zip(axes, far, strict=True) if n >= x.shape[axis]})
    depth, outside = dict.fromkeys(range(x.ndim), 0), dict.fromkeys(range(x.ndim), "none")
    for axis, n, border in zip(axes, far, borders, strict=True):
        if x.numblocks[axis] > 1:
            depth[axis] = int(n)
            outside[axis] = "periodic" if border == "wrap" else "none"
    return x.map_overlap(run, depth=depth, boundary=outside, dtype=made.dtype, meta=made[:0])


def _of_colours(function: Callable[..., NDArray], x: Any, given: dict[str, Any]) -> Any:
    """A filter of the colours of each pixel, which may remove their axis."""
    axis = int(given["channel_axis"])
    x = x.rechunk({axis: -1})
    run = partial(function, **given)
    shape = [2] * x.ndim
    shape[axis] = x.shape[axis]
    made = run(np.zeros(shape, x.dtype))
    lost = [axis % x.ndim] if made.ndim < x.ndim else []
    return x.map_blocks(run, dtype=made.dtype, drop_axis=lost, meta=made[:0])


def _example(x: Any) -> NDArray:
    """A small array of the rank and dtype of a chunked one."""
    return np.zeros([min(n, MAX_EXAMPLE) for n in x.shape], x.dtype)


def _chunked(x: Any) -> Any:
    """An array of Dask."""
    try:
        from dask import array
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"fastconv.dask: Dask cannot be imported ({error}); install it with: "
            "pip install 'dask[array]'"
        ) from error
    return array.asarray(x)
