"""How ``correlate_bank`` is lowered: each kernel makes an output channel from one input channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem.form import no_form
from ..problem.problem import Problem
from .arguments import number, refuse
from .arrays import array
from .fields import Kernel, number_fields
from .images import are_factors, correlation

__all__ = ["bank", "kernels_of", "one_shape"]


def kernels_of(name: str, value: Any) -> NDArray | list[tuple[NDArray, ...]]:
    """The kernels of a bank: an array ``(n, *taps)``, or a list of tuples of factors."""
    if isinstance(value, (list, tuple)) and any(are_factors(kernel) for kernel in value):
        if not all(are_factors(kernel) for kernel in value):
            refuse(TypeError, f"{name}: bank", "factors and kernels", "all of one kind")
        return list(value)
    kernels = array(value, f"{name}: bank")
    if kernels.ndim < 2 or kernels.size == 0:
        allowed = "(n, *taps), kernels one after the other, with at least one kernel and tap"
        refuse(ValueError, f"{name}: bank", f"shape {kernels.shape}", allowed)
    return kernels


def one_shape(name: str, shapes: set[tuple[int, ...]]) -> None:
    """Refuse kernels of different lengths whose results differ in shape."""
    if len(shapes) > 1:
        came = f"kernels whose results have shapes {sorted(shapes)}"
        refuse(ValueError, f"{name}: bank", came, "results of one shape, as by mode='same'")


def bank(
    name: str, x_shape: tuple[int, ...], x_dtype: np.dtype, kernels: NDArray, **options: Any
) -> Kernel:
    """The bank as one kernel, for ``x`` (*batch, 1, *samples) and ``out`` (*batch, n, *outputs)."""
    one = correlation(name, x_shape, x_dtype, kernels[0], **options).problem
    axes = one(x_shape).axes
    count = len(kernels)
    reads_cval = options["mode"] != "valid" and "constant" in [axis.boundary for axis in axes]
    values = number_fields(
        name,
        x_dtype,
        [kernels.reshape(count, -1)],
        None,
        number(options["cval"], f"{name}: cval"),
        reads_cval,
        options["dtype"],
        options["out_dtype"],
    )
    weights = kernels.reshape(1, count, 1, *[axis.taps for axis in axes])
    values["form"] = no_form(weights)

    def problem(x_shape: tuple[int, ...]) -> Problem:
        of_one = one(x_shape)
        batch, axes = of_one.batch, of_one.axes
        return of_one._replace(
            x_shape=(*batch, 1, *[axis.size for axis in axes]),
            out_shape=(*batch, count, *[axis.out for axis in axes]),
            order=tuple(range(len(batch) + 1 + len(axes))),
            out_channels=count,
            **values,
        )

    return Kernel((weights,), None, problem)
