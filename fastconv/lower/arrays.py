"""The arrays that a plan is called on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.problem import Problem
from .arguments import array, output_dtype, refuse, result_dtype

__all__ = ["check_output", "check_receiver", "overlaps", "planned_array"]


def planned_array(problem: Problem, value: ArrayLike) -> NDArray:
    """The samples, of the shape and dtype that the plan was made for."""
    if (
        type(value) is np.ndarray
        and value.shape == problem.x_shape
        and value.dtype == problem.x_dtype
    ):
        return value
    x = array(value, f"{problem.name}: x")
    if x.shape != problem.x_shape or x.dtype != problem.x_dtype:
        allowed = f"shape {problem.x_shape} and dtype {problem.x_dtype}, as planned"
        refuse(ValueError, f"{problem.name}: x", f"shape {x.shape} and dtype {x.dtype}", allowed)
    return x


def check_output(problem: Problem, x: NDArray, out: NDArray) -> None:
    """Refuse an ``out`` that a plan cannot write the result into."""
    check_receiver(f"{problem.name}: out", "x", x, out, problem.out_shape, problem.complex)


def check_receiver(
    argument: str, source: str, x: NDArray, out: NDArray, shape: tuple[int, ...], is_complex: bool
) -> None:
    """Refuse an ``out`` of the wrong dtype or shape, not writable, or in the way of its source."""
    output_dtype(out, argument)
    result_dtype(out.dtype, argument, is_complex)
    if out.shape != shape:
        refuse(ValueError, argument, f"shape {out.shape}", f"{shape}")
    if not out.flags.writeable:
        refuse(ValueError, argument, "a read-only array", "one that can be written")
    if overlaps(x, out) and not _same_memory(x, out):
        came = f"memory that overlaps {source}"
        refuse(ValueError, argument, came, f"{source} itself, or other memory")


def overlaps(x: NDArray, out: NDArray) -> bool:
    """True where the arrays share a byte (or where finding out would take too long)."""
    if not np.may_share_memory(x, out):
        return False
    try:
        return np.shares_memory(x, out, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _same_memory(x: NDArray, out: NDArray) -> bool:
    """True where both arrays are views of the same items in the same order."""
    return (
        x.shape == out.shape
        and x.strides == out.strides
        and x.dtype == out.dtype
        and x.__array_interface__["data"][0] == out.__array_interface__["data"][0]
    )
