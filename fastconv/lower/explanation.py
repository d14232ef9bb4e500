"""How a call is lowered for `fastconv.explain`: its problem and its geometry as the user gave it.

A problem omits whatever does not change the result: strides of axes with one output, axes along
which the kernel has one tap, and padding that is never read.  An explanation needs these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.problem import Axis, Problem
from .arguments import borders, brief, integer, listed, one_of, per_axis, refuse
from .arrays import array
from .images import are_factors, correlation, filtered_axes
from .layers import LAYOUTS, convolution, padding_of, places

__all__ = ["Explained", "Reach", "explained", "position"]

IMAGE: Mapping[str, Any] = {
    "axes": None,
    "mode": "same",
    "boundary": "constant",
    "cval": 0.0,
    "origin": 0,
    "stride": 1,
    "dilation": 1,
    "dtype": None,
}
"""The keywords of `correlate` and `convolve` that change results, and their defaults."""
LAYER: Mapping[str, Any] = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "boundary": "constant",
    "layout": None,
    "activation": None,
}
"""Those of `conv1d`, `conv2d` and `conv3d`; the default layout depends on the rank."""
LAYERS = {"conv1d": 1, "conv2d": 2, "conv3d": 3}
CALLS = ("correlate", "convolve", *LAYERS)


class Reach(NamedTuple):
    """One filtered axis of ``x``, and how far beyond its ends outputs reach."""

    axis: int
    """The axis number in ``x`` and in the result."""
    walk: Axis
    """Its geometry as the caller gave it."""
    after: int
    """Samples after the array that windows may cover."""


class Explained(NamedTuple):
    """A checked call."""

    problem: Problem
    bias: NDArray | None
    """One number for each output channel."""
    sums: np.dtype
    """The dtype of its sums; object, for integers of any size, if they are exact."""
    weights: NDArray
    """The dense kernel ``(K, C // groups, *taps)``, flipped if the call flips it."""
    w_shape: tuple[int, ...]
    channel: int | None
    """The channel axis, or None if there is none."""
    reaches: tuple[Reach, ...]


def explained(
    name: str,
    call: object,
    x: NDArray,
    w: ArrayLike | tuple[NDArray, ...],
    bias: ArrayLike | None,
    options: Mapping[str, Any],
) -> Explained:
    """Check the arguments of ``name``, which explains a call of the function named ``call``."""
    one_of(call, f"{name}: call", CALLS)
    kind = str(call)
    known = LAYER if kind in LAYERS else IMAGE
    for option in options:
        if option not in known:
            allowed = f"a keyword that changes the result of {kind}: {', '.join(known)}"
            refuse(TypeError, name, f"{option}=", allowed)
    settings = {**known, **options}
    if kind in LAYERS:
        return _layer(name, LAYERS[kind], x, w, bias, settings)
    if bias is not None:
        refuse(TypeError, f"{name}: bias", type(bias).__name__, f"None, as {kind} takes no bias")
    return _image(name, kind == "convolve", x, w, settings)


def _image(
    name: str, flip: bool, x: NDArray, w: ArrayLike | tuple[NDArray, ...], settings: dict[str, Any]
) -> Explained:
    lowered = correlation(name, x.shape, x.dtype, w, flip=flip, out_dtype=None, **settings)
    problem = lowered.problem(x.shape)
    sums = _sums(problem)
    factors = w if isinstance(w, tuple) and are_factors(w) else (array(w, f"{name}: w"),)
    kernel = reduce(np.multiply.outer, [factor.astype(sums) for factor in factors])
    weights = np.flip(kernel) if flip else kernel
    rank = kernel.ndim
    axes = filtered_axes(name, settings["axes"], rank, x.ndim)
    origins = per_axis(settings["origin"], rank, f"{name}: origin")

    def before_and_after(i: int, extent: int) -> tuple[int, int]:
        if settings["mode"] == "same":
            before = extent // 2 + (-origins[i] if flip else origins[i])
            return before, extent - 1 - before
        return (extent - 1,) * 2 if settings["mode"] == "full" else (0, 0)

    reaches = _reaches(name, x, problem, axes, weights.shape, settings, before_and_after)
    return Explained(problem, None, sums, weights[None, None], kernel.shape, None, reaches)


def _layer(
    name: str,
    rank: int,
    x: NDArray,
    w: ArrayLike,
    bias: ArrayLike | None,
    settings: dict[str, Any],
) -> Explained:
    if settings["layout"] is None:
        settings["layout"] = LAYOUTS[rank][0]
    lowered = convolution(
        name, rank, x.shape, x.dtype, w, bias, precision="strict", out_dtype=None, **settings
    )
    problem = lowered.problem(x.shape)
    offsets = None if bias is None else array(bias, f"{name}: bias")
    weights = array(w, f"{name}: w")
    _, channel, axes = places(f"{name}: x", rank, x.shape, settings["layout"], f"{name}: layout")
    strides = per_axis(settings["stride"], rank, f"{name}: stride")
    dilations = per_axis(settings["dilation"], rank, f"{name}: dilation")
    extents = [(k - 1) * d + 1 for k, d in zip(weights.shape[2:], dilations, strict=True)]
    sizes = [x.shape[axis] for axis in axes]
    pads = padding_of(f"{name}: padding", settings["padding"], sizes, extents, strides)
    reaches = _reaches(name, x, problem, axes, weights.shape[2:], settings, lambda i, _: pads[i])
    return Explained(problem, offsets, _sums(problem), weights, weights.shape, channel, reaches)


def _sums(problem: Problem) -> np.dtype:
    if problem.exact:
        return np.dtype(object)
    return np.result_type(problem.compute, np.complex64) if problem.complex else problem.compute


def _reaches(
    name: str,
    x: NDArray,
    problem: Problem,
    axes: tuple[int, ...],
    taps: tuple[int, ...],
    settings: dict[str, Any],
    before_and_after: Callable[[int, int], tuple[int, int]],
) -> tuple[Reach, ...]:
    rank = len(taps)
    strides = per_axis(settings["stride"], rank, f"{name}: stride")
    dilations = per_axis(settings["dilation"], rank, f"{name}: dilation")
    names = borders(settings["boundary"], rank, f"{name}: boundary")
    found = []
    for i, axis in enumerate(axes):
        before, after = before_and_after(i, (taps[i] - 1) * dilations[i] + 1)
        outputs = problem.out_shape[axis]
        walk = Axis(x.shape[axis], taps[i], strides[i], dilations[i], before, outputs, names[i])
        found.append(Reach(axis, walk, after))
    return tuple(found)


def position(argument: str, at: object, shape: tuple[int, ...], free: set[int]) -> tuple[int, ...]:
    """The position of an output, which may lie outside the result along the axes in ``free``."""
    at = listed(at)
    given = at if isinstance(at, (tuple, list)) else (at,)
    if len(given) != len(shape):
        allowed = f"{len(shape)} whole numbers, a position in the result of shape {shape}"
        refuse(ValueError, argument, brief(at), allowed)
    found = tuple([integer(each, argument) for each in given])
    for axis, (place, length) in enumerate(zip(found, shape, strict=True)):
        if axis not in free and not 0 <= place < length:
            allowed = f"0 to {length - 1} along axis {axis} of the result of shape {shape}"
            refuse(ValueError, argument, brief(at), allowed)
    return found
