"""Arguments about missing data: which samples are missing, and the results of their windows."""

from __future__ import annotations

import sys
from math import isfinite
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arguments import borders, brief, number, one_of, refuse
from .arrays import array

__all__ = [
    "Missing",
    "aligned",
    "check_has_weight",
    "check_sums_fit",
    "fill_value",
    "ignored_borders",
    "invalid_samples",
    "is_masked",
    "missing",
]

RULES = ("propagate", "ignore", "fill")


class Missing(NamedTuple):
    """The checked arguments of a call about missing samples."""

    nan: str
    mask: NDArray | None
    """The argument ``mask``: True where a sample is missing."""
    own_mask: NDArray | None
    """The mask of the samples, if these are a masked array."""
    masked: bool
    """Whether the samples are a masked array, and so the result."""
    min_weight: float
    fill: complex | None

    def of(self, x: ArrayLike) -> Missing:
        """The same arguments for samples ``x``, with the mask of these if they have one."""
        masked = is_masked(x)
        own: Any = x.mask if masked else None  # type: ignore[union-attr]
        return self._replace(own_mask=None if own is np.ma.nomask else own, masked=masked)

    def plain(self, x: ArrayLike) -> ArrayLike:
        """The data of a masked array, or anything else unchanged."""
        return np.ma.getdata(x) if self.masked else x


def is_masked(x: ArrayLike) -> bool:
    """Whether samples come with a mask of their own."""
    return "numpy.ma" in sys.modules and isinstance(x, np.ma.MaskedArray)


def missing(
    name: str,
    x: ArrayLike,
    nan: object,
    mask: ArrayLike | None,
    min_weight: object,
    fill_value: object,
    boundary: object,
) -> Missing | None:
    """Check the arguments about missing data; None if no sample of this call can be missing."""
    masked = type(x) is not np.ndarray and is_masked(x)
    ignores = isinstance(boundary, (str, tuple, list)) and "ignore" in boundary
    plain = not masked and mask is None and not ignores and type(nan) is str
    by_default = isinstance(min_weight, float) and min_weight == 0.0 and fill_value is None
    if plain and nan == "propagate" and by_default:
        return None
    one_of(nan, f"{name}: nan", RULES)
    if not isinstance(min_weight, Real) or not 0 <= float(min_weight) <= 1:
        kind = ValueError if isinstance(min_weight, Real) else TypeError
        refuse(kind, f"{name}: min_weight", brief(min_weight), "a share from 0 to 1")
    fill = None if fill_value is None else number(fill_value, f"{name}: fill_value")
    if mask is not None:
        mask = array(mask, f"{name}: mask")
        if mask.dtype.kind != "b":
            refuse(TypeError, f"{name}: mask", f"dtype {mask.dtype}", "bool, True if invalid")
    if plain and nan == "propagate":
        return None
    return Missing(str(nan), mask, None, False, float(min_weight), fill).of(x)


def invalid_samples(
    name: str, shape: tuple[int, ...], rules: Missing, axes: tuple[int, ...]
) -> NDArray | None:
    """The mask, True where a sample is missing; None if none is.

    ``axes`` are those that the kernel spans.  Along other axes, the mask may have length 1.
    """
    invalid = aligned(name, shape, rules, axes).mask
    if invalid is None or not invalid.any():
        return None
    lengths = list(invalid.shape)
    for axis in axes:
        lengths[axis] = shape[axis]
    return np.broadcast_to(invalid, lengths)


def aligned(name: str, shape: tuple[int, ...], rules: Missing, axes: tuple[int, ...]) -> Missing:
    """The same arguments with a mask of the rank of the samples, whose axes may have length 1.

    A mask of lower rank has the filtered axes only.
    """
    mask = rules.mask
    if mask is None:
        return rules
    given = mask.shape
    if mask.ndim != len(shape) and mask.ndim == len(axes):
        mask = np.expand_dims(mask, [axis for axis in range(len(shape)) if axis not in axes])
    if mask.ndim != len(shape) or not all(
        m in (1, n) for m, n in zip(mask.shape, shape, strict=True)
    ):
        filtered = tuple([shape[axis] for axis in sorted(axes)])
        allowed = f"{shape}, with 1 for any of these" + (
            "" if len(filtered) == len(shape) else f", or {filtered}"
        )
        refuse(ValueError, f"{name}: mask", f"shape {given}", allowed)
    return rules._replace(mask=mask)


def ignored_borders(
    name: str, options: dict[str, Any], axes: tuple[int, ...]
) -> tuple[frozenset[int], dict[str, Any]]:
    """The axes beyond whose edges samples are missing, and options with a border of zeros there."""
    argument = f"{name}: boundary"
    found = borders(options["boundary"], len(axes), argument, more=("ignore",))
    ignored = frozenset([a for a, border in zip(axes, found, strict=True) if border == "ignore"])
    if not ignored:
        return ignored, options
    if "constant" in found and number(options["cval"], f"{name}: cval") != 0:
        came = f"{brief(options['boundary'])} with cval={brief(options['cval'])}"
        refuse(ValueError, argument, came, "'ignore' together with 'constant' for cval=0 only")
    plain = tuple(["constant" if border == "ignore" else border for border in found])
    return ignored, {**options, "boundary": plain, "cval": 0}


def check_has_weight(name: str, total: complex, magnitude: float, slack: float) -> None:
    """Refuse a kernel whose weights sum to zero, up to rounding."""
    if abs(total) > slack * magnitude:
        return
    raise ValueError(
        f"{name}: the weights of the kernel sum to {total:.3g}, and the sum of a window with "
        "missing samples is divided by their share of that; use nan='propagate' without a mask, or "
        "put local means in the place of missing samples first, as in x = np.where(missing, "
        "fastconv.filters.gaussian(x, 2, mask=missing), x)"
    )


def check_sums_fit(name: str, magnitude: int) -> None:
    """Refuse a kernel of integers whose sums of weights may exceed 64 bits."""
    if magnitude >= 1 << 63:
        came = f"integers whose magnitudes sum to {magnitude}"
        refuse(ValueError, f"{name}: w", came, "a sum below 2**63 where samples may be missing")


def fill_value(name: str, fill: complex | None, dtype: np.dtype) -> complex:
    """The value of outputs without a result: NaN in floats and 0 in integers, unless given."""
    if fill is None:
        return float("nan") if dtype.kind in "fc" else 0
    if dtype.kind != "c" and isinstance(fill, complex):
        refuse(TypeError, f"{name}: fill_value", brief(fill), f"a real number for {dtype}")
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        real = fill.real
        if not (isfinite(real) and real == int(real) and info.min <= real <= info.max):
            refuse(ValueError, f"{name}: fill_value", brief(fill), f"a whole number within {dtype}")
        return int(real)
    return fill
