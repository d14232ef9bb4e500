"""What the functions and layers of ``fastconv.nn`` take, besides convolutions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..problem.problem import Axis
from .arguments import brief, integer, per_axis, refuse
from .arrays import array, dtype_named
from .fields import check_reach
from .layers import places

__all__ = [
    "batch",
    "called",
    "class_scores",
    "features",
    "flag",
    "float_dtype",
    "floats",
    "generator",
    "gradient",
    "group_count",
    "instances",
    "pooling",
    "real_numbers",
    "scored_axis",
]

FLOATS = "float16, float32 or float64"
Kind = TypeVar("Kind")


# -- arrays -------------------------------------------------------------------------------------


def real_numbers(value: ArrayLike, argument: str) -> NDArray:
    """An array of real numbers, bool as uint8."""
    numbers = array(value, argument)
    if numbers.dtype.kind == "c":
        refuse(TypeError, argument, f"dtype {numbers.dtype}", "real numbers")
    return numbers.view(np.uint8) if numbers.dtype.kind == "b" else numbers


def floats(value: ArrayLike, argument: str) -> NDArray:
    """An array of real floating-point numbers."""
    numbers = array(value, argument)
    _check_floats(numbers.dtype, argument)
    return numbers


def float_dtype(value: DTypeLike, argument: str) -> np.dtype:
    """A dtype of real floating-point numbers."""
    dtype = dtype_named(value, argument)
    _check_floats(dtype, argument)
    return dtype


def _check_floats(dtype: np.dtype, argument: str) -> None:
    if dtype.kind != "f":
        refuse(TypeError, argument, f"dtype {dtype}", FLOATS)


def gradient(value: ArrayLike, shape: tuple[int, ...], argument: str) -> NDArray:
    """A gradient with respect to a result of this shape."""
    numbers = floats(value, argument)
    if numbers.shape != shape:
        allowed = f"{shape}, the shape of the result"
        refuse(ValueError, argument, f"shape {numbers.shape}", allowed)
    return numbers


# -- classes ------------------------------------------------------------------------------------


def scored_axis(value: object, rank: int, argument: str) -> int:
    """The axis that classes are counted along."""
    axis = integer(value, argument)
    if not -rank <= axis < rank:
        allowed = f"{-rank} to {rank - 1}" if rank else "an array with at least one axis"
        refuse(ValueError, argument, brief(value), allowed)
    return axis


def class_scores(name: str, logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray, NDArray]:
    """A score for each class ``(N, C)``, and the right classes ``(N,)``."""
    scores = floats(logits, f"{name}: logits")
    if scores.ndim != 2 or not scores.size:
        refuse(ValueError, f"{name}: logits", f"shape {scores.shape}", "(N, C), not empty")
    classes = array(labels, f"{name}: labels")
    if classes.dtype.kind not in "iu":
        refuse(TypeError, f"{name}: labels", f"dtype {classes.dtype}", "integers")
    samples, count = scores.shape
    if classes.shape != (samples,):
        allowed = f"({samples},), one for each row of logits"
        refuse(ValueError, f"{name}: labels", f"shape {classes.shape}", allowed)
    wrong = classes[(classes < 0) | (classes >= count)]
    if wrong.size:
        allowed = f"0 to {count - 1} for {count} classes"
        refuse(ValueError, f"{name}: labels", str(wrong[0]), allowed)
    return scores, classes


# -- pooling ------------------------------------------------------------------------------------


def pooling(
    name: str,
    argument: str,
    shape: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    dilation: object,
    ceil_mode: object,
    layout: object,
) -> dict[int, Axis]:
    """The geometry of windows along the height and the width of an array, by their axis numbers.

    Every window begins at a sample, or in the padding in front of them.
    """
    _, _, filtered = places(f"{name}: {argument}", 2, shape, layout, f"{name}: layout")
    sizes = per_axis(kernel_size, 2, f"{name}: kernel_size", least=1)
    strides = sizes if stride is None else per_axis(stride, 2, f"{name}: stride", least=1)
    pads = per_axis(padding, 2, f"{name}: padding", least=0)
    dilations = per_axis(dilation, 2, f"{name}: dilation", least=1)
    round_up = flag(ceil_mode, f"{name}: ceil_mode")
    axes = {}
    for axis, k, s, p, d in zip(filtered, sizes, strides, pads, dilations, strict=True):
        n, extent = shape[axis], (k - 1) * d + 1
        if p > extent // 2:
            allowed = f"at most {extent // 2}, half of the {extent} that a window reaches over"
            refuse(ValueError, f"{name}: padding", brief(padding), allowed)
        outputs = (n + 2 * p - extent + (s - 1 if round_up else 0)) // s + 1
        if round_up and (outputs - 1) * s >= n + p:
            outputs -= 1
        if outputs < 1 or n == 0:
            raise ValueError(
                f"{name}: {argument} has {n} samples along axis {axis} and padding adds {2 * p}, "
                f"a window reaches over {brief(extent)}"
            )
        check_reach(name, p, (outputs - 1) * s + extent - 1 - p)
        axes[axis] = Axis(n, k, s, d, p, outputs, "constant")
    return axes


def flag(value: object, argument: str) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        refuse(TypeError, argument, brief(value), "True or False")
    return bool(value)


# -- layers -------------------------------------------------------------------------------------


def group_count(name: str, groups: object, inputs: int, outputs: int) -> int:
    """Groups that channels can be cut into."""
    count = integer(groups, f"{name}: groups", least=1)
    if inputs % count or outputs % count:
        allowed = f"a divisor of {inputs} channels in and {outputs} out"
        refuse(ValueError, f"{name}: groups", str(count), allowed)
    return count


def generator(value: object, argument: str) -> np.random.Generator:
    """A source of random numbers."""
    if not isinstance(value, np.random.Generator):
        refuse(TypeError, argument, brief(value), "a generator, as from numpy.random.default_rng")
    return value


def batch(value: ArrayLike, argument: str) -> NDArray:
    """Samples along the first axis."""
    samples = real_numbers(value, argument)
    if samples.ndim == 0:
        refuse(ValueError, argument, "shape ()", "at least one axis, that of the samples")
    return samples


def features(value: ArrayLike, count: int, argument: str) -> NDArray:
    """A batch of vectors."""
    numbers = floats(value, argument)
    if numbers.ndim != 2 or numbers.shape[1] != count:
        refuse(ValueError, argument, f"shape {numbers.shape}", f"(N, {count})")
    return numbers


def instances(values: Iterable[Kind], kind: type[Kind], argument: str) -> tuple[Kind, ...]:
    """Objects of one class."""
    if not np.iterable(values):
        refuse(TypeError, argument, brief(values), f"a sequence of {kind.__name__}")
    found = tuple(values)
    for each in found:
        if not isinstance(each, kind):
            refuse(TypeError, argument, brief(each), f"a {kind.__name__}")
    return found


def called(kept: Kind | None, name: str) -> Kind:
    """What a layer kept of its last call."""
    if kept is None:
        raise ValueError(f"{name}.backward: the layer has not been called yet")
    return kept
