"""Checks of the arguments of ``fastconv.nn``, except those of convolutions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..problem import dtypes
from ..problem.problem import Axis
from .arguments import brief, integer, one_of, per_axis, refuse
from .arrays import array, dtype_named
from .fields import check_reach
from .filters import real, reals
from .layers import LAYOUTS, places

__all__ = [
    "as_many",
    "batch",
    "branches",
    "called",
    "channelled",
    "class_scores",
    "compared",
    "either",
    "enlarged",
    "enough_samples",
    "features",
    "flag",
    "float_dtype",
    "floats",
    "function",
    "generator",
    "gradient",
    "group_count",
    "instances",
    "layout",
    "maps",
    "maps_of",
    "matching_state",
    "model_bytes",
    "nesterov",
    "normalized",
    "path",
    "pooling",
    "real_numbers",
    "same_shapes",
    "scored_axis",
    "share",
    "state",
    "tensor",
    "tracked",
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
    """The axis of the classes."""
    axis = integer(value, argument)
    if not -rank <= axis < rank:
        allowed = f"{-rank} to {rank - 1}" if rank else "an array with at least one axis"
        refuse(ValueError, argument, brief(value), allowed)
    return axis


def class_scores(name: str, logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray, NDArray]:
    """Scores of all classes, ``(N, C)``, and the true classes, ``(N,)``."""
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


def compared(name: str, output: ArrayLike, target: ArrayLike) -> tuple[NDArray, NDArray]:
    """An output and its target, in the dtype that computes with the output."""
    ours, wanted = floats(output, f"{name}: output"), real_numbers(target, f"{name}: target")
    if not ours.size:
        refuse(ValueError, f"{name}: output", f"shape {ours.shape}", "an array that is not empty")
    if wanted.shape != ours.shape:
        allowed = f"{ours.shape}, the shape of output"
        refuse(ValueError, f"{name}: target", f"shape {wanted.shape}", allowed)
    return ours, wanted.astype(dtypes.widened(ours).dtype, copy=False)


# -- pooling ------------------------------------------------------------------------------------


def pooling(
    name: str,
    argument: str,
    rank: int,
    shape: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    dilation: object,
    ceil_mode: object,
    layout: object,
) -> dict[int, Axis]:
    """The geometry of windows along each filtered axis, by axis number.

    Every window begins at a sample or in the padding before the first one.
    """
    _, _, filtered = places(f"{name}: {argument}", rank, shape, layout, f"{name}: layout")
    sizes = per_axis(kernel_size, rank, f"{name}: kernel_size", least=1)
    strides = sizes if stride is None else per_axis(stride, rank, f"{name}: stride", least=1)
    pads = per_axis(padding, rank, f"{name}: padding", least=0)
    dilations = per_axis(dilation, rank, f"{name}: dilation", least=1)
    round_up = flag(ceil_mode, f"{name}: ceil_mode")
    axes = {}
    for axis, k, s, p, d in zip(filtered, sizes, strides, pads, dilations, strict=True):
        n, extent = shape[axis], (k - 1) * d + 1
        if p > extent // 2:
            allowed = f"at most {extent // 2}, half of the {extent} samples that a window spans"
            refuse(ValueError, f"{name}: padding", brief(padding), allowed)
        outputs = (n + 2 * p - extent + (s - 1 if round_up else 0)) // s + 1
        if round_up and (outputs - 1) * s >= n + p:
            outputs -= 1
        if outputs < 1 or n == 0:
            raise ValueError(
                f"{name}: {argument} has {n} samples along axis {axis} and padding adds {2 * p}, "
                f"but a window spans {brief(extent)}"
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
    """A number of groups that divides the input and output channels."""
    count = integer(groups, f"{name}: groups", least=1)
    if inputs % count or outputs % count:
        allowed = f"a divisor of {inputs} channels in and {outputs} out"
        refuse(ValueError, f"{name}: groups", str(count), allowed)
    return count


def generator(value: object, argument: str) -> np.random.Generator:
    """A generator of random numbers, from a generator, a seed, or None for a random seed."""
    if isinstance(value, np.random.Generator):
        return value
    if value is not None and type(value) is not int:
        allowed = "None, a seed, or a generator as from numpy.random.default_rng"
        refuse(TypeError, argument, brief(value), allowed)
    return np.random.default_rng(None if value is None else integer(value, argument, least=0))


def layout(value: object, rank: int, argument: str) -> str:
    """A layout; None is the default one."""
    if value is None:
        return LAYOUTS[rank][0]
    one_of(value, argument, LAYOUTS[rank])
    return str(value)


def maps(value: ArrayLike, rank: int, channels: int, order: str, argument: str) -> NDArray:
    """Samples with ``channels`` channels in layout ``order``, with or without a batch axis."""
    numbers = floats(value, argument)
    at = -1 if order == LAYOUTS[rank][1] else -rank - 1
    if numbers.ndim not in (rank + 1, rank + 2) or numbers.shape[at] != channels:
        allowed = f"{order!r} with {channels} channels, or the same without N"
        refuse(ValueError, argument, f"shape {numbers.shape}", allowed)
    return numbers


def channelled(value: ArrayLike, argument: str) -> NDArray:
    """A batch ``(N, C, ...)`` with at least three axes."""
    numbers = floats(value, argument)
    if numbers.ndim < 3:
        refuse(ValueError, argument, f"shape {numbers.shape}", "a batch (N, C, ...)")
    return numbers


def normalized(value: ArrayLike, ranks: tuple[int, ...], channels: int, argument: str) -> NDArray:
    """A batch with ``channels`` channels, whose number of axes is one of ``ranks``."""
    numbers = floats(value, argument)
    if numbers.ndim not in ranks or numbers.shape[1] != channels:
        sizes = " or ".join(f"(N, {channels}{', ...' if n > 2 else ''})" for n in ranks)
        axes = " or ".join(map(str, ranks))
        allowed = f"a batch {sizes} of {axes} axes"
        refuse(ValueError, argument, f"shape {numbers.shape}", allowed)
    return numbers


def enough_samples(count: int, came: tuple[int, ...], argument: str) -> None:
    """Refuse fewer than two numbers, which have no variance."""
    if count < 2:
        allowed = "at least two numbers for each channel, or eval()"
        refuse(ValueError, argument, f"shape {came}", allowed)


def tracked(mean: NDArray | None, variance: NDArray | None, name: str) -> tuple[NDArray, NDArray]:
    """Running statistics, or an error if the layer keeps none."""
    if mean is None or variance is None:
        raise ValueError(f"freeze: {name} has no running statistics to be folded")
    return mean, variance


def share(value: object, argument: str) -> float:
    """A number from 0 to less than 1."""
    found = real(value, argument, least=0)
    if found >= 1:
        refuse(ValueError, argument, brief(value), "a number of at least 0 and less than 1")
    return found


def as_many(values: Sequence[object], names: Sequence[str], call: str) -> None:
    """Refuse a number of arguments that differs from the number of their names."""
    if len(values) != len(names):
        raise TypeError(f"{call}: got {len(values)} arrays, allowed is {len(names)}")


def nesterov(value: object, momentum: float, argument: str) -> bool:
    """Whether to use Nesterov's momentum, which needs a momentum above 0."""
    wanted = flag(value, argument)
    if wanted and not momentum:
        refuse(ValueError, argument, "True without momentum", "True with a momentum above 0")
    return wanted


def function(value: Kind, argument: str) -> Kind:
    """Check that a value is callable."""
    if not callable(value):
        refuse(TypeError, argument, brief(value), "a function")
    return value


def either(first: object, second: object, argument: str) -> None:
    """Check that exactly one of two arguments was given."""
    if (first is None) == (second is None):
        refuse(ValueError, argument, "none" if first is None else "both", "one of them")


def enlarged(
    name: str, lengths: tuple[int, ...], size: object, factor: object
) -> tuple[list[int], list[float]]:
    """New lengths, and their ratios to the old ones."""
    count = len(lengths)
    if not all(lengths):
        refuse(ValueError, f"{name}: x", f"lengths {lengths}", "lengths of at least 1")
    if size is not None:
        sizes = per_axis(size, count, f"{name}: size", least=1)
        return sizes, [m / n for m, n in zip(sizes, lengths, strict=True)]
    ratios = reals(factor, count, f"{name}: scale_factor", least=0)
    sizes = [int(n * ratio) for n, ratio in zip(lengths, ratios, strict=True)]
    if min(sizes) < 1:
        refuse(ValueError, f"{name}: scale_factor", brief(factor), "one that leaves samples")
    return sizes, ratios


def branches(values: Iterable[Kind], kind: type[Kind], argument: str) -> tuple[Kind, ...]:
    """At least one object of a class."""
    found = instances(values, kind, argument)
    if not found:
        refuse(ValueError, argument, "none", f"at least one {kind.__name__}")
    return found


def same_shapes(results: list[NDArray], argument: str) -> None:
    """Refuse results of different shapes, which cannot be added."""
    shapes = [each.shape for each in results]
    if len(set(shapes)) > 1:
        refuse(ValueError, argument, f"results of shapes {shapes}", "results of one shape")


def maps_of(came: tuple[int, ...], rank: int, call: str) -> None:
    """Check the number of axes of samples with channels, with or without a batch axis."""
    if len(came) not in (rank + 1, rank + 2):
        allowed = f"{LAYOUTS[rank][0]!r}, or the same without N"
        refuse(ValueError, f"{call}: x", f"shape {came}", allowed)


def matching_state(
    state: Mapping[str, Any], arrays: dict[str, NDArray], argument: str
) -> list[tuple[NDArray, NDArray]]:
    """Pairs of each array and its values in a state, which must have the same names."""
    if not isinstance(state, Mapping):
        refuse(TypeError, argument, type(state).__name__, "a mapping from names to arrays")
    missing, unknown = sorted(arrays.keys() - state.keys()), sorted(state.keys() - arrays.keys())
    if missing or unknown:
        came = f"missing {brief(missing)}, unknown {brief(unknown)}"
        refuse(ValueError, argument, came, "the names of state_dict()")
    pairs = []
    for name, target in arrays.items():
        values = tensor(state[name], f"{argument}[{name!r}]")
        if values.shape != target.shape:
            refuse(ValueError, f"{argument}[{name!r}]", f"shape {values.shape}", f"{target.shape}")
        if not np.can_cast(values.dtype, target.dtype, "same_kind"):
            came, allowed = f"dtype {values.dtype}", f"numbers that {target.dtype} can hold"
            refuse(TypeError, f"{argument}[{name!r}]", came, allowed)
        pairs.append((target, values))
    return pairs


def state(value: Mapping[str, Any], argument: str) -> dict[str, NDArray]:
    """Arrays by name, with names that a file can hold."""
    if not isinstance(value, Mapping):
        refuse(TypeError, argument, type(value).__name__, "a mapping from names to arrays")
    for name in value:
        if not isinstance(name, str):
            refuse(TypeError, argument, f"the name {brief(name)}", "names that are str")
        if not name or "/" in name or "\\" in name or "\0" in name:
            refuse(ValueError, argument, f"the name {name!r}", "names without slashes")
    return {name: tensor(each, f"{argument}[{name!r}]") for name, each in value.items()}


def path(value: object, argument: str) -> None:
    """Check the path of a file."""
    if not isinstance(value, str | os.PathLike):
        refuse(TypeError, argument, brief(value), "a path")


def model_bytes(model: Any, call: str) -> tuple[bytes, str]:
    """The bytes of a model, and its name in error messages."""
    if hasattr(model, "SerializeToString"):
        return model.SerializeToString(), call
    if isinstance(model, bytes | bytearray | memoryview):
        return bytes(model), call
    path(model, f"{call}: model")
    with open(model, "rb") as file:
        return file.read(), f"{call}: {os.fspath(model)}"


def tensor(value: Any, argument: str) -> NDArray:
    """An array, from an array_like or a tensor of PyTorch on any device."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # NumPy has no such numbers
            value = value.float()
        value = value.numpy()
    return array(value, argument)


def batch(value: ArrayLike, argument: str) -> NDArray:
    """A batch: real numbers with the samples along the first axis."""
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
    """The data that a layer kept from its last call, or an error if there was no call."""
    if kept is None:
        raise ValueError(f"{name}.backward: the layer has not been called in training yet")
    return kept
