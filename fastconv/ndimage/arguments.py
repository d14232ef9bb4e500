"""SciPy's rules for arguments: arrays, outputs, axes, borders and origins.

Errors have SciPy's types and messages, after the name of the call.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import lru_cache
from operator import index
from typing import Any, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import DTypeLike, NDArray

__all__ = [
    "MissingMode",
    "Mode",
    "Output",
    "axes_of",
    "border",
    "centre",
    "check_dtype",
    "constant",
    "index",
    "normalize_axis_index",
    "per_axis",
    "receiver",
    "result_dtype",
]

Mode = Literal[
    "reflect",
    "constant",
    "nearest",
    "mirror",
    "wrap",
    "grid-mirror",
    "grid-constant",
    "grid-wrap",
]
MissingMode = Mode | Literal["ignore"]
Output = NDArray[Any] | DTypeLike | None

BORDERS = {
    "reflect": "symmetric",
    "grid-mirror": "symmetric",
    "constant": "constant",
    "grid-constant": "constant",
    "nearest": "nearest",
    "mirror": "mirror",
    "wrap": "wrap",
    "grid-wrap": "wrap",
}
"""SciPy's names of borders, and ours."""
DTYPES = (str, type, np.dtype)
"""Types of what names the dtype of a result."""
REAL, COMPLEX = frozenset("?bBhHiIlLqQfd"), frozenset("FD")


def border(name: str, mode: object) -> str:
    """Our name of a border."""
    if isinstance(mode, str) and mode in BORDERS:
        return BORDERS[mode]
    raise RuntimeError(
        f"{name}: boundary mode not supported: got {mode!r}, allowed is {', '.join(BORDERS)}"
    )


def per_axis(name: str, argument: str, value: object, count: int) -> list[Any]:
    """One value for each axis, from one for all or one for each."""
    if isinstance(value, str) or not np.iterable(value):
        return [value] * count
    values = list(value)
    if len(values) != count:
        raise RuntimeError(
            f"{name}: sequence argument must have length equal to input rank: "
            f"{argument} has {len(values)} entries for {count} axes"
        )
    return values


def axes_of(name: str, axes: object, rank: int) -> tuple[int, ...]:
    """The axes that are filtered, counted from the front; all of them for None."""
    if axes is None:
        return tuple(range(rank))
    if np.isscalar(axes):
        given = [index(axes)]  # type: ignore[arg-type]
    elif isinstance(axes, Iterable):
        given = [index(axis) for axis in axes]
    else:
        raise ValueError(f"{name}: axes must be an integer, iterable of integers, or None")
    if np.isscalar(axes):
        return (normalize_axis_index(given[0], rank),)
    for axis in given:
        if not -rank <= axis < rank:
            raise ValueError(
                f"{name}: specified axis: {axis} is out of range for {rank} dimensions"
            )
    found = tuple([axis % rank for axis in given])
    if len(set(found)) != len(found):
        raise ValueError(f"{name}: axes must be unique: got {tuple(given)}")
    return found


def centre(name: str, origin: Any, taps: int, of: str = "len(weights)") -> int:
    """An origin, refused if it moves the centre off the kernel."""
    if origin < -(taps // 2) or origin > (taps - 1) // 2:
        place = "origin" if "len" in of else "origin[k]"
        raise ValueError(
            f"{name}: Invalid origin; origin must satisfy -({of} // 2) <= {place} <= "
            f"({of}-1) // 2: got {origin} for {taps} weights"
        )
    return index(origin)


def check_dtype(name: str, dtype: np.dtype, complex_too: bool) -> None:
    """Refuse the dtypes that SciPy refuses: float16 and long doubles among them."""
    if dtype.char not in REAL and not (complex_too and dtype.char in COMPLEX):
        raise RuntimeError(f"{name}: array type {dtype!r} not supported")


def result_dtype(
    name: str, output: Output, dtype: np.dtype, complex_sums: bool
) -> tuple[np.dtype, bool]:
    """The dtype of the result, and whether it differs from the requested one."""
    if output is None:
        if complex_sums:
            return np.promote_types(dtype, np.complex64), False
        return _native(dtype), False
    if isinstance(output, np.ndarray):
        if complex_sums and output.dtype.kind != "c":
            raise RuntimeError(f"{name}: output must have complex dtype: got {output.dtype}")
        return output.dtype, False
    wanted = np.dtype(output)
    if complex_sums and wanted.kind != "c":
        if isinstance(output, str):
            raise RuntimeError(f"{name}: output must have complex dtype: got {output!r}")
        promoted = np.promote_types(wanted, np.complex64)
        warnings.warn("promoting specified output dtype to complex", stacklevel=6)
        return promoted, True
    if isinstance(output, str) and not issubclass(wanted.type, np.number):
        raise RuntimeError(f"{name}: output must have numeric dtype: got {output!r}")
    return wanted, False


@lru_cache(maxsize=256)
def _native(dtype: np.dtype) -> np.dtype:
    return np.dtype(dtype.name)


def receiver(name: str, output: Output, shape: tuple[int, ...]) -> NDArray | None:
    """The array that receives the result, if one was given."""
    if type(output) is np.ndarray:
        array = output
    elif output is None or isinstance(output, DTYPES):
        return None
    else:
        array = np.asarray(output)
    if array.shape != shape:
        raise RuntimeError(
            f"{name}: output shape not correct: got {array.shape}, input has {shape}"
        )
    if not array.flags.writeable:
        raise ValueError(f"{name}: output array is read-only")
    return array


def constant(name: str, cval: Any, complex_samples: bool, complex_weights: bool) -> complex:
    """The number beyond the edges."""
    is_complex = np.iscomplexobj(cval)
    if is_complex and complex_weights and not complex_samples:
        raise ValueError(
            f"{name}: Cannot provide a complex-valued cval when the input is real: got {cval!r}"
        )
    if isinstance(cval, str | bytes) or (is_complex and not complex_samples):
        raise TypeError(f"{name}: cval must be real number, not {type(cval).__name__}")
    return complex(cval) if is_complex else float(cval)
