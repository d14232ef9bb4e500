"""How the gradients of convolutions are lowered.

The gradient of the input is the adjoint of the convolution.  If the border is not constant, samples
beyond the edges have a gradient as well.  It is computed in strips along the edges, which are added
to the samples that the border repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.boundary import runs
from ..problem.problem import Axis, Problem
from .arguments import refuse
from .arrays import check_dtype, check_receiver
from .layers import convolution, places
from .transposed import Strip, Transposition, adjoint, transposed

__all__ = ["bias_gradient", "input_gradient", "weight_gradient"]


def input_gradient(
    name: str,
    rank: int,
    input_size: tuple[int, ...],
    y_shape: tuple[int, ...],
    y_dtype: np.dtype,
    w: ArrayLike,
    *,
    precision: object,
    **how: Any,
) -> Transposition:
    """The adjoint of the convolution that made outputs of shape ``y_shape``."""
    check_dtype(y_dtype, f"{name}: grad_output")
    called = ("input_size", "weight")
    how |= {"activation": None, "precision": precision}
    kernel = convolution(name, rank, input_size, y_dtype, w, None, called=called, **how)
    forward, (w_forward,) = kernel.problem(input_size), kernel.w
    _check_gradient(forward, y_shape, y_dtype, w_forward.dtype)
    lead, channel, *filtered = len(forward.batch), *forward.order[len(forward.batch) :]
    boxes = list(_strips(forward.axes))
    sums = forward.dtype
    if boxes:
        sums = np.result_type(forward.compute, *([np.complex64] if forward.complex else []))
    w_adjoint = w_forward.swapaxes(1, 2).conj()
    where = (lead, channel, tuple(filtered))
    shared = adjoint(name, y_shape, y_dtype, where, w_adjoint, None, None, precision, sums)
    strips = tuple(Strip(transposed(shared, axes), tables) for axes, tables in boxes)
    inside = tuple(axis._replace(boundary="constant") for axis in forward.axes)
    result, phases, _ = transposed(shared, inside)
    result = result._replace(dtype=forward.dtype)
    return Transposition(result, phases, strips)


def weight_gradient(
    name: str,
    rank: int,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    weight_size: tuple[int, ...],
    y_shape: tuple[int, ...],
    y_dtype: np.dtype,
    **how: Any,
) -> Problem:
    """The convolution with weights of shape ``weight_size`` and outputs of shape ``y_shape``."""
    check_dtype(y_dtype, f"{name}: grad_output")
    weights = np.broadcast_to(np.zeros((), y_dtype), weight_size)
    called = ("input", "weight_size")
    how |= {"activation": None, "precision": "strict"}
    kernel = convolution(name, rank, x_shape, x_dtype, weights, None, called=called, **how)
    forward = kernel.problem(x_shape)
    _check_gradient(forward, y_shape, x_dtype, y_dtype)
    return forward


def bias_gradient(name: str, rank: int, gy: NDArray, layout: object, out: NDArray | None) -> int:
    """The channel axis; the gradient of a bias is the sum over all other axes."""
    argument = f"{name}: grad_output"
    channel = places(argument, rank, gy.shape, layout, f"{name}: layout")[1]
    _check_floating(argument, gy.dtype)
    if out is not None:
        shape = (gy.shape[channel],)
        check_receiver(f"{name}: out", out, shape, gy.dtype.kind == "c")
    return channel


def _check_gradient(forward: Problem, y_shape: tuple[int, ...], *dtypes: np.dtype) -> None:
    """Refuse a gradient whose shape differs from that of the convolution's output."""
    argument = f"{forward.name}: grad_output"
    if y_shape != forward.out_shape:
        refuse(ValueError, argument, f"shape {y_shape}", f"{forward.out_shape}")
    _check_floating(argument, *dtypes)


def _check_floating(argument: str, *dtypes: np.dtype) -> None:
    """Refuse integers, which have no gradients."""
    if np.result_type(*dtypes).kind not in "fc":
        came = " and ".join(f"dtype {dtype}" for dtype in dtypes)
        refuse(TypeError, argument, came, "floating-point or complex numbers")


def _strips(axes: tuple[Axis, ...]) -> Iterator[tuple[tuple[Axis, ...], tuple[NDArray, ...]]]:
    """Boxes of samples beyond the edges: their geometry, and the samples that they repeat."""
    inside = [(0, axis.size) for axis in axes]
    whole = [_whole(axis) for axis in axes]
    for position, axis in enumerate(axes):
        low, high = whole[position]
        for strip in ((low, 0), (axis.size, high)):
            box = (*inside[:position], strip, *whole[position + 1 :])
            if all(a < b for a, b in box):
                yield (
                    tuple(
                        each._replace(size=b - a, before=each.before + a, boundary="constant")
                        for each, (a, b) in zip(axes, box, strict=True)
                    ),
                    tuple(
                        runs(each.boundary, (a,), b - a, each.size)
                        for each, (a, b) in zip(axes, box, strict=True)
                    ),
                )


def _whole(axis: Axis) -> tuple[int, int]:
    """The range of coordinates with samples that are inside the array, or read beyond its edges."""
    if axis.boundary == "constant" or not axis.out:
        return 0, axis.size
    low, high = axis.reads(0, axis.out)
    return min(low, 0), max(high, axis.size)
