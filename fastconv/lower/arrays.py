"""The arrays that a plan is called on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.problem import Problem
from .arguments import array, output_dtype, refuse, result_dtype

__all__ = ["check_output", "check_receiver", "planned_array"]


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
    """Refuse an ``out`` of the wrong dtype or shape, not writable."""
    output_dtype(out, argument)
    result_dtype(out.dtype, argument, is_complex)
    if out.shape != shape:
        refuse(ValueError, argument, f"shape {out.shape}", f"{shape}")
    if not out.flags.writeable:
        refuse(ValueError, argument, "a read-only array", "one that can be written")
