"""User arguments become a :class:`~fastconv.problem.Problem`, or an error that names the culprit.

Nothing else in the library raises for a user's mistake, and nothing here looks at the values of
``x``: a problem depends on shapes, dtypes and the kernel.  Every message says which call and
which argument, what came and what is allowed.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import algorithms, backends, dtypes
from .boundary import TABLE as BORDERS
from .problem import Axis, Problem

__all__ = [
    "Question",
    "algorithm_name",
    "array",
    "backend_name",
    "check_output",
    "convolution",
    "correlation",
    "dtype_named",
    "not_refused",
    "overlaps",
    "planned_array",
    "shape",
    "thread_count",
]

MODES = ("same", "valid", "full")
LAYOUTS = {1: ("NCL", "NLC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}
ACTIVATIONS = (None, "relu")
PADDINGS = ("same", "same_lower", "valid")


class Question(NamedTuple):
    """A problem with the numbers of its kernel."""

    problem: Problem
    w: tuple[NDArray, ...]
    """One array ``(groups, channels out, channels in, *taps)``, or one of them for each factor."""
    bias: NDArray | None
    """``(groups, channels out)``."""


# -- single arguments ---------------------------------------------------------------------------


def backend_name(value: object, argument: str) -> str:
    """One of the backends' names."""
    if not isinstance(value, str):
        _refuse(TypeError, argument, value, f"a name out of {_names(backends.ORDER)}")
    if value not in backends.ORDER:
        _refuse(ValueError, argument, value, f"one of {_names(backends.ORDER)}")
    return value


def algorithm_name(value: object, argument: str) -> None:
    """One of the algorithms' names, or auto."""
    _one_of(value, argument, ("auto", *algorithms.ORDER))


def not_refused(problem: Problem, algorithm: str, refusal: str | None) -> None:
    """An algorithm that was asked for by name must be able to."""
    if refusal is not None:
        raise ValueError(f"{problem.name}: algorithm={algorithm!r} cannot do this: {refusal}")


def thread_count(value: object, argument: str) -> int:
    """A number of threads, at least 1; environment variables come as text."""
    number = int(value) if isinstance(value, str) and value.isdigit() else value
    if isinstance(number, str):
        _refuse(ValueError, argument, value, "a whole number of at least 1")
    count = _integer(number, argument)
    if count < 1:
        _refuse(ValueError, argument, value, "a whole number of at least 1")
    return count


def array(value: ArrayLike, argument: str) -> NDArray:
    """An array of one of the supported dtypes; anything that NumPy can read as one is taken."""
    if isinstance(value, np.ma.MaskedArray):
        _refuse(TypeError, argument, "a masked array", "a plain array")
    try:
        result = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{argument}: not an array of numbers ({error})") from None
    _check_dtype(result.dtype, argument)
    return result


def _check_dtype(dtype: np.dtype, argument: str) -> None:
    if not dtypes.supported(dtype):
        allowed = "bool, (u)int8-64, float16-64, complex64 or complex128"
        _refuse(TypeError, argument, f"dtype {dtype}", allowed)


def _refuse(kind: type[Exception], argument: str, came: object, allowed: str) -> NoReturn:
    shown = came if isinstance(came, str) and " " in came else repr(came)
    raise kind(f"{argument}: got {shown}, allowed is {allowed}")


def _names(allowed: Sequence[object]) -> str:
    return ", ".join(repr(name) for name in allowed)


def _one_of(value: object, argument: str, allowed: Sequence[object]) -> None:
    if not (value is None or isinstance(value, str)):
        _refuse(TypeError, argument, value, _names(allowed))
    if value not in allowed:
        _refuse(ValueError, argument, value, _names(allowed))


def _integer(value: object, argument: str) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        _refuse(TypeError, argument, value, "a whole number")


def _per_axis(value: object, count: int, argument: str, least: int | None = None) -> list[int]:
    """One whole number for each filtered axis, from one for all or one for each."""
    if isinstance(value, (tuple, list, np.ndarray)) and np.ndim(value) == 1:
        if len(value) != count:
            _refuse(ValueError, argument, value, f"one number or {count}, one for each axis")
        numbers = [_integer(item, argument) for item in value]
    else:
        numbers = [_integer(value, argument)] * count
    if least is not None and any(number < least for number in numbers):
        _refuse(ValueError, argument, value, f"whole numbers of at least {least}")
    return numbers


def _borders(value: object, count: int, argument: str) -> tuple[str, ...]:
    names = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    if len(names) != count:
        _refuse(ValueError, argument, value, f"one name or {count}, one for each axis")
    for name in names:
        if not isinstance(name, str):
            _refuse(TypeError, argument, name, _names(tuple(BORDERS)))
        if name == "reflect":
            raise ValueError(
                f"{argument}: 'reflect' has two meanings; say 'symmetric' where the edge is repeated "
                "(b a | a b c d | d c: scipy.ndimage, Dask) or 'mirror' where it is not "
                "(c b | a b c d | c b: NumPy, PyTorch, OpenCV)"
            )
        if name not in BORDERS:
            _refuse(ValueError, argument, name, _names(tuple(BORDERS)))
    return names


def shape(value: Sequence[int], argument: str) -> tuple[int, ...]:
    """The shape of an array."""
    if isinstance(value, str) or not np.iterable(value):
        _refuse(TypeError, argument, value, "a sequence of lengths")
    lengths = tuple(_integer(length, argument) for length in value)
    if any(length < 0 for length in lengths):
        _refuse(ValueError, argument, value, "lengths of at least 0")
    return lengths


def dtype_named(value: DTypeLike, argument: str) -> np.dtype:
    try:
        dtype = np.dtype(value)
    except TypeError:
        _refuse(TypeError, argument, value, "a NumPy dtype")
    _check_dtype(dtype, argument)
    return dtype


def _result_dtype(value: DTypeLike, argument: str) -> np.dtype:
    dtype = dtype_named(value, argument)
    if dtype.kind == "b":
        _refuse(TypeError, argument, "dtype bool", "a dtype of numbers (uint8 holds bool sums)")
    return dtype


# -- correlate and convolve ---------------------------------------------------------------------


def correlation(
    name: str,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    w: ArrayLike | tuple[ArrayLike, ...],
    *,
    flip: bool,
    axes: object,
    mode: object,
    boundary: object,
    cval: object,
    origin: object,
    stride: object,
    dilation: object,
    out: object,
    dtype: DTypeLike | None,
) -> Question:
    """The question that ``correlate`` (or, with ``flip``, ``convolve``) asks."""
    _check_dtype(x_dtype, f"{name}: x")
    kernels = _kernels(name, w)
    factors = isinstance(w, tuple)
    taps = tuple(k.size for k in kernels) if factors else kernels[0].shape
    rank = len(taps)
    filtered = _axes(name, axes, rank, len(x_shape))

    _one_of(mode, f"{name}: mode", MODES)
    borders = _borders(boundary, rank, f"{name}: boundary")
    strides = _per_axis(stride, rank, f"{name}: stride", least=1)
    dilations = _per_axis(dilation, rank, f"{name}: dilation", least=1)
    origins = _per_axis(origin, rank, f"{name}: origin")
    if mode != "same" and any(origins):
        _refuse(ValueError, f"{name}: origin", origin, f"0 where mode is {mode!r}")

    extended = []
    for axis, k, s, d, o, border in zip(
        filtered, taps, strides, dilations, origins, borders, strict=True
    ):
        n = x_shape[axis]
        extent = (k - 1) * d + 1
        before, length = {
            "same": (extent // 2 + (-o if flip else o), n),
            "valid": (0, n - extent + 1),
            "full": (extent - 1, n + extent - 1),
        }[str(mode)]
        if not 0 <= before < extent:
            low, high = -(extent // 2), (extent - 1) // 2
            low, high = (-high, -low) if flip else (low, high)
            _refuse(ValueError, f"{name}: origin", origin, f"{low} to {high} for {extent} samples")
        if length < 1 and mode == "valid":
            raise ValueError(
                f"{name}: x has {n} samples along axis {axis}, mode='valid' needs at least "
                f"{extent}, the extent of w"
            )
        if n == 0 and length > 0 and border != "constant":
            raise ValueError(
                f"{name}: x is empty along axis {axis}, boundary={border!r} has no sample to repeat"
            )
        extended.append(Axis(n, k, s, d, before, -(-length // s), border))

    fill = _cval(name, cval)
    batch_axes = tuple(axis for axis in range(len(x_shape)) if axis not in filtered)
    lengths = dict(zip(filtered, (axis.out for axis in extended), strict=True))
    if flip:
        kernels = tuple(np.flip(k) for k in kernels)
    return Question(
        Problem(
            name=name,
            x_shape=x_shape,
            out_shape=tuple(lengths.get(axis, n) for axis, n in enumerate(x_shape)),
            order=(*batch_axes, *filtered),
            batch=tuple(x_shape[axis] for axis in batch_axes),
            groups=1,
            in_channels=1,
            out_channels=1,
            axes=tuple(extended),
            x_dtype=x_dtype,
            relu=False,
            factors=factors,
            cval=fill,
            **_numbers(name, x_dtype, [k.reshape(1, -1) for k in kernels], None, fill, dtype, out),
        ),
        tuple(k[None, None, None] for k in _as_factors(kernels, factors)),
        None,
    )


def _kernels(name: str, w: ArrayLike | tuple[ArrayLike, ...]) -> tuple[NDArray, ...]:
    if not isinstance(w, tuple):
        kernel = array(w, f"{name}: w")
        if kernel.ndim == 0 or kernel.size == 0:
            _refuse(ValueError, f"{name}: w", f"shape {kernel.shape}", "at least one axis and tap")
        return (kernel,)
    if not w:
        _refuse(ValueError, f"{name}: w", w, "a kernel, or a tuple with one factor for each axis")
    factors = tuple(array(factor, f"{name}: w[{i}]") for i, factor in enumerate(w))
    for i, factor in enumerate(factors):
        if factor.ndim != 1 or factor.size == 0:
            shape = f"shape {factor.shape}"
            _refuse(ValueError, f"{name}: w[{i}]", shape, "1-D factors of at least one tap")
    return factors


def _as_factors(kernels: tuple[NDArray, ...], factors: bool) -> tuple[NDArray, ...]:
    """Each 1-D factor lies along its own axis of the kernel."""
    if not factors:
        return kernels
    rank = len(kernels)
    return tuple(
        kernel.reshape(*(-1 if axis == position else 1 for axis in range(rank)))
        for position, kernel in enumerate(kernels)
    )


def _axes(name: str, axes: object, rank: int, x_rank: int) -> tuple[int, ...]:
    if rank > x_rank:
        raise ValueError(f"{name}: w has {rank} axes, x has only {x_rank}")
    if axes is None:
        return tuple(range(x_rank - rank, x_rank))
    given = tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)
    numbers = [_integer(axis, f"{name}: axes") for axis in given]
    if len(numbers) != rank:
        _refuse(ValueError, f"{name}: axes", axes, f"{rank} axes, one for each axis of w")
    for axis in numbers:
        if not -x_rank <= axis < x_rank:
            allowed = f"{-x_rank} to {x_rank - 1} for x of shape with {x_rank} axes"
            _refuse(ValueError, f"{name}: axes", axes, allowed)
    found = tuple(axis % x_rank for axis in numbers)
    if len(set(found)) != rank:
        _refuse(ValueError, f"{name}: axes", axes, "each axis once")
    return found


def _cval(name: str, cval: object) -> complex:
    if isinstance(cval, str) or np.ndim(cval) != 0:  # type: ignore[arg-type]
        _refuse(TypeError, f"{name}: cval", cval, "one number")
    try:
        value = complex(cval)  # type: ignore[arg-type]
    except TypeError:
        _refuse(TypeError, f"{name}: cval", cval, "one number")
    if isinstance(cval, (int, np.integer)):
        return int(cval)
    return value if value.imag or isinstance(cval, (complex, np.complexfloating)) else value.real


# -- conv1d, conv2d, conv3d ---------------------------------------------------------------------


def convolution(
    name: str,
    rank: int,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    w: ArrayLike,
    bias: ArrayLike | None,
    *,
    stride: object,
    padding: object,
    dilation: object,
    groups: object,
    boundary: object,
    layout: object,
    activation: object,
    out: object,
) -> Question:
    """The question that a convolution layer asks."""
    _check_dtype(x_dtype, f"{name}: x")
    weights = array(w, f"{name}: w")
    first, last = LAYOUTS[rank]
    _one_of(layout, f"{name}: layout", (first, last))
    if len(x_shape) not in (rank + 1, rank + 2):
        allowed = f"{layout!r}, or the same without N"
        _refuse(ValueError, f"{name}: x", f"shape {x_shape}", allowed)
    if weights.ndim != rank + 2 or 0 in weights.shape:
        allowed = f"(K, C // groups, {', '.join('k' + letter.lower() for letter in first[2:])})"
        _refuse(ValueError, f"{name}: w", f"shape {weights.shape}", allowed)
    _one_of(activation, f"{name}: activation", ACTIVATIONS)

    batched = len(x_shape) == rank + 2
    lead = 1 if batched else 0
    channel = lead if layout == first else len(x_shape) - 1
    filtered = tuple(axis for axis in range(lead, len(x_shape)) if axis != channel)
    in_channels, out_channels = x_shape[channel], weights.shape[0]
    group_count = _groups(name, groups, in_channels, weights)
    offset = _bias(name, bias, out_channels)

    borders = _borders(boundary, rank, f"{name}: boundary")
    strides = _per_axis(stride, rank, f"{name}: stride", least=1)
    dilations = _per_axis(dilation, rank, f"{name}: dilation", least=1)
    sizes = tuple(x_shape[axis] for axis in filtered)
    extents = [(k - 1) * d + 1 for k, d in zip(weights.shape[2:], dilations, strict=True)]
    pads = _padding(name, padding, sizes, extents, strides)
    axes = []
    for i, (n, extent, (before, after)) in enumerate(zip(sizes, extents, pads, strict=True)):
        if n + before + after < extent:
            raise ValueError(
                f"{name}: x has {n} samples along axis {filtered[i]} and padding adds "
                f"{before + after}, w reaches over {extent}"
            )
        if n == 0 and borders[i] != "constant":
            raise ValueError(
                f"{name}: x is empty along axis {filtered[i]}, "
                f"boundary={borders[i]!r} has no sample to repeat"
            )
        length = (n + before + after - extent) // strides[i] + 1
        axes.append(
            Axis(n, weights.shape[2 + i], strides[i], dilations[i], before, length, borders[i])
        )

    lengths = dict(zip(filtered, (axis.out for axis in axes), strict=True))
    lengths[channel] = out_channels
    per_group = (group_count, out_channels // group_count)
    return Question(
        Problem(
            name=name,
            x_shape=x_shape,
            out_shape=tuple(lengths.get(axis, n) for axis, n in enumerate(x_shape)),
            order=(*range(lead), channel, *filtered),
            batch=x_shape[:lead],
            groups=group_count,
            in_channels=in_channels // group_count,
            out_channels=per_group[1],
            axes=tuple(axes),
            x_dtype=x_dtype,
            relu=activation == "relu",
            factors=False,
            cval=0,
            **_numbers(
                name, x_dtype, [weights.reshape(out_channels, -1)], offset, 0, None, out, activation
            ),
        ),
        (weights.reshape(*per_group, *weights.shape[1:]),),
        None if offset is None else offset.reshape(per_group),
    )


def _groups(name: str, groups: object, in_channels: int, w: NDArray) -> int:
    count = _integer(groups, f"{name}: groups")
    if count < 1:
        _refuse(ValueError, f"{name}: groups", groups, "a whole number of at least 1")
    if in_channels % count or w.shape[0] % count:
        raise ValueError(
            f"{name}: groups={count} must divide the {in_channels} channels of x "
            f"and the {w.shape[0]} of w"
        )
    if w.shape[1] != in_channels // count:
        raise ValueError(
            f"{name}: w has {w.shape[1]} input channels per group, "
            f"x has {in_channels} channels and groups={count} need {in_channels // count}"
        )
    return count


def _bias(name: str, bias: ArrayLike | None, out_channels: int) -> NDArray | None:
    if bias is None:
        return None
    offset = array(bias, f"{name}: bias")
    if offset.shape != (out_channels,):
        allowed = f"({out_channels},), one number for each output channel"
        _refuse(ValueError, f"{name}: bias", f"shape {offset.shape}", allowed)
    return offset


def _padding(
    name: str,
    padding: object,
    sizes: Sequence[int],
    extents: Sequence[int],
    strides: Sequence[int],
) -> list[tuple[int, int]]:
    """Samples before and after the array, for each filtered axis."""
    argument = f"{name}: padding"
    if isinstance(padding, str):
        _one_of(padding, argument, PADDINGS)
        if padding == "valid":
            return [(0, 0)] * len(sizes)
        pads = []
        for n, extent, s in zip(sizes, extents, strides, strict=True):
            total = max((-(-n // s) - 1) * s + extent - n, 0)
            small, large = total // 2, total - total // 2
            pads.append((large, small) if padding == "same_lower" else (small, large))
        return pads
    if isinstance(padding, (tuple, list)) and any(
        isinstance(pair, (tuple, list)) for pair in padding
    ):
        if len(padding) != len(sizes):
            allowed = f"{len(sizes)} pairs, one for each axis"
            _refuse(ValueError, argument, padding, allowed)
        pairs = [_per_axis(pair, 2, argument, least=0) for pair in padding]
        return [(before, after) for before, after in pairs]
    return [(number, number) for number in _per_axis(padding, len(sizes), argument, least=0)]


# -- numbers and outputs ------------------------------------------------------------------------


def _numbers(
    name: str,
    x_dtype: np.dtype,
    kernels: list[NDArray],
    bias: NDArray | None,
    cval: complex,
    dtype: DTypeLike | None,
    out: object,
    activation: object = None,
) -> dict[str, Any]:
    """The dtypes of a problem whose kernels come as one row of weights an output channel."""
    operands = dtypes.result_dtype(
        x_dtype, *(k.dtype for k in kernels), *(() if bias is None else (bias.dtype,))
    )
    result = _result(name, operands, dtype, out)
    safe = None
    if operands.kind == "c":
        if activation is not None:
            _refuse(TypeError, f"{name}: activation", activation, "None for complex numbers")
    elif isinstance(cval, complex):
        _refuse(TypeError, f"{name}: cval", cval, f"a real number for {operands}")
    if operands.kind in "fc":
        compute = dtypes.compute_dtype(operands, result)
    else:
        _check_cval(name, cval, x_dtype)
        weights = _weight_sum(kernels)
        offset = 0 if bias is None else dtypes.largest_value(bias)
        compute = dtypes.exact_dtype(dtypes.largest(x_dtype) * weights + offset)
        if compute == dtypes.OBJECT:
            compute = np.dtype(np.int64)
            safe = (dtypes.largest(compute) - 1 - offset) // weights
    return {
        "dtype": result,
        "compute": compute,
        "complex": operands.kind == "c",
        "safe": safe,
    }


def _result(name: str, operands: np.dtype, dtype: DTypeLike | None, out: object) -> np.dtype:
    wanted = operands if dtype is None else _result_dtype(dtype, f"{name}: dtype")
    if out is not None:
        if not isinstance(out, np.ndarray):
            _refuse(TypeError, f"{name}: out", type(out).__name__, "a NumPy array")
        if dtype is not None and out.dtype != wanted:
            allowed = f"{wanted}, which dtype= asks for"
            _refuse(ValueError, f"{name}: out", f"dtype {out.dtype}", allowed)
        wanted = _result_dtype(out.dtype, f"{name}: out")
    if operands.kind == "c" and wanted.kind != "c":
        argument = f"{name}: {'dtype' if out is None else 'out'}"
        _refuse(TypeError, argument, f"dtype {wanted}", "a complex dtype, as the result is complex")
    return wanted


def _check_cval(name: str, cval: complex, x_dtype: np.dtype) -> None:
    info = np.iinfo(np.uint8 if x_dtype.kind == "b" else x_dtype)
    high = 1 if x_dtype.kind == "b" else info.max
    whole = isinstance(cval, int) or (isinstance(cval, float) and cval.is_integer())
    if not (whole and info.min <= cval.real <= high):
        allowed = f"a whole number that {x_dtype} can hold"
        _refuse(ValueError, f"{name}: cval", cval, allowed)


def _weight_sum(kernels: list[NDArray]) -> int:
    """An upper bound of the sum of magnitudes over all weights of an output."""
    sums = (int(np.abs(k.astype(object)).sum(axis=-1).max()) for k in kernels)
    return prod(max(total, 1) for total in sums)


def planned_array(problem: Problem, value: ArrayLike) -> NDArray:
    """The array that a plan is called on."""
    x = array(value, f"{problem.name}: x")
    if x.shape != problem.x_shape or x.dtype != problem.x_dtype:
        allowed = f"shape {problem.x_shape} and dtype {problem.x_dtype}, which the plan was made for"
        _refuse(ValueError, f"{problem.name}: x", f"shape {x.shape} and dtype {x.dtype}", allowed)
    return x


def check_output(problem: Problem, x: NDArray, out: NDArray) -> None:
    """Refuse an ``out`` of the wrong shape, one that cannot be written, or one in the way."""
    name = problem.name
    if out.shape != problem.out_shape:
        _refuse(ValueError, f"{name}: out", f"shape {out.shape}", f"{problem.out_shape}")
    if not out.flags.writeable:
        _refuse(ValueError, f"{name}: out", "a read-only array", "one that can be written")
    if overlaps(x, out) and not same_memory(x, out):
        _refuse(ValueError, f"{name}: out", "memory that overlaps x", "x itself, or other memory")


def overlaps(x: NDArray, out: NDArray) -> bool:
    """True where the arrays share a byte (or where finding out would take too long)."""
    if not np.may_share_memory(x, out):
        return False
    try:
        return np.shares_memory(x, out, max_work=10_000)
    except np.exceptions.TooHardError:
        return True


def same_memory(x: NDArray, out: NDArray) -> bool:
    """True where both arrays are views of the same items in the same order."""
    return (
        x.shape == out.shape
        and x.strides == out.strides
        and x.dtype == out.dtype
        and x.__array_interface__["data"][0] == out.__array_interface__["data"][0]
    )
