"""Checks of arrays, shapes and dtypes, for inputs and for results."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..problem import dtypes
from ..problem.problem import Problem
from .arguments import brief, integer, refuse

__all__ = [
    "array",
    "check_dtype",
    "check_output",
    "check_receiver",
    "dtype_named",
    "native",
    "output_dtype",
    "planned_array",
    "result_dtype",
    "shape",
]


def array(value: ArrayLike, argument: str) -> NDArray:
    """An aligned array of a supported dtype in native byte order, from any array_like.

    It is a copy only if the caller's array has other properties.
    """
    if type(value) is np.ndarray:
        result = value
    else:
        _check_plain(value, argument)
        try:
            result = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{argument}: not an array of numbers ({error})") from None
    check_dtype(result.dtype, argument)
    return native(result)


def native(values: NDArray) -> NDArray:
    """The array with a canonical dtype, or a copy of it if its bytes are swapped or misaligned."""
    dtype = dtypes.canonical(values.dtype)
    if values.dtype is not dtype:
        values = values.view(dtype) if values.dtype == dtype else values.astype(dtype)
    return values if values.flags.aligned else values.copy("K")


def shape(value: Sequence[int], argument: str) -> tuple[int, ...]:
    """The shape of an array."""
    if isinstance(value, str) or not np.iterable(value):
        refuse(TypeError, argument, brief(value), "a sequence of lengths")
    lengths = tuple([integer(length, argument) for length in value])
    if any(length < 0 for length in lengths):
        refuse(ValueError, argument, brief(value), "lengths of at least 0")
    return lengths


def check_dtype(dtype: np.dtype, argument: str) -> None:
    """Refuse a dtype that is not supported."""
    if not _supported(dtype):
        allowed = "bool, (u)int8-64, float16-64, complex64 or complex128"
        refuse(TypeError, argument, f"dtype {dtype}", allowed)


_supported = lru_cache(maxsize=256)(dtypes.supported)


def dtype_named(value: DTypeLike, argument: str) -> np.dtype:
    """A supported dtype, in native byte order."""
    try:
        dtype = np.dtype(value)
    except TypeError:
        refuse(TypeError, argument, brief(value), "a NumPy dtype")
    check_dtype(dtype, argument)
    return dtypes.canonical(dtype)


def result_dtype(value: DTypeLike, argument: str, complex_sums: bool) -> np.dtype:
    """A dtype that results may have; a complex one, if sums are complex."""
    dtype = dtype_named(value, argument)
    if dtype.kind == "b":
        refuse(TypeError, argument, "dtype bool", "a dtype of numbers (uint8 holds bool sums)")
    if complex_sums and dtype.kind != "c":
        refuse(TypeError, argument, f"dtype {dtype}", "a complex dtype, as the result is complex")
    return dtype


def output_dtype(value: object, argument: str) -> np.dtype | None:
    """The dtype of an array that receives a result, or None if there is no array."""
    if value is None:
        return None
    if not isinstance(value, np.ndarray):
        refuse(TypeError, argument, type(value).__name__, "a NumPy array")
    _check_plain(value, argument)
    dtype: np.dtype = value.dtype
    return dtypes.canonical(dtype) if _supported(dtype) else dtype


def planned_array(problem: Problem, value: ArrayLike) -> NDArray:
    """The samples as an aligned array, if they have the shape and dtype of the plan."""
    if (
        type(value) is np.ndarray
        and value.dtype is problem.x_dtype
        and value.shape == problem.x_shape
        and value.flags.aligned
    ):
        return value
    x = array(value, f"{problem.name}: x")
    if x.shape != problem.x_shape or x.dtype != problem.x_dtype:
        allowed = f"shape {problem.x_shape} and dtype {problem.x_dtype}, as planned"
        refuse(ValueError, f"{problem.name}: x", f"shape {x.shape} and dtype {x.dtype}", allowed)
    return x


def check_output(problem: Problem, out: NDArray) -> None:
    """Refuse an ``out`` that a plan cannot write the result into."""
    if (
        type(out) is np.ndarray
        and out.dtype is problem.dtype
        and out.shape == problem.out_shape
        and out.flags.writeable
    ):
        return
    check_receiver(f"{problem.name}: out", out, problem.out_shape, problem.complex)


def check_receiver(argument: str, out: NDArray, shape: tuple[int, ...], is_complex: bool) -> None:
    """Refuse an ``out`` of the wrong dtype or shape, or that cannot be written."""
    output_dtype(out, argument)
    result_dtype(out.dtype, argument, is_complex)
    if out.shape != shape:
        refuse(ValueError, argument, f"shape {out.shape}", f"{shape}")
    if not out.flags.writeable:
        refuse(ValueError, argument, "a read-only array", "one that can be written")


def _check_plain(value: object, argument: str) -> None:
    """Refuse masked arrays, whose mask would be lost."""
    if "numpy.ma" in sys.modules and isinstance(value, np.ma.MaskedArray):
        refuse(TypeError, argument, "a masked array", "a plain array")
