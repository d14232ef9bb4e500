"""Shared parts of all filters: options, dtype rules, and calls of the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import config, lower
from ..api.options import AlgorithmName, Border
from ..config import BackendName
from ..lower import ChannelAxis
from ..plan import missing
from ..plan.choose import make_plan
from ..problem import dtypes
from ..run import overlap
from ..run.elementwise import elementwise
from . import wide

__all__ = ["Call", "as_weights", "deliver", "precision", "target_of"]


class Call:
    """A call of a filter: its checked image, and the checked options that all filters share."""

    def __init__(
        self,
        name: str,
        image: ArrayLike,
        boundary: Border | Sequence[Border],
        cval: complex,
        channel_axis: ChannelAxis,
        out: NDArray | None,
        algorithm: AlgorithmName,
        backend: BackendName | None,
        threads: int | None,
        rank: int | None = None,
        said: lower.Missing | None = None,
    ) -> None:
        self.name = name
        plain = image if said is None else said.plain(image)
        self.image = lower.image(name, plain, channel_axis, rank)
        self.samples, self.axes = self.image.samples, self.image.axes
        more = () if said is None else ("ignore",)
        self.borders = lower.borders(boundary, len(self.axes), f"{name}: boundary", more)
        self.said = said and lower.aligned(name, self.samples.shape, said, self.axes)
        if out is not None:
            lower.receiver(name, self.samples, out, self.samples.shape)
        self._border = self.borders[0] if len(set(self.borders)) == 1 else None
        self.precision = precision(self.samples.dtype)
        """The dtype of fractional weights."""
        self.sums = sums(self.samples.dtype)
        """The dtype of intermediate results."""
        self.out = out
        self.cval = cval
        self.algorithm = algorithm
        self.backend = backend
        self.threads = threads

    @property
    def derived(self) -> np.dtype:
        """The dtype of a derivative: float32 for integer images."""
        dtype = self.samples.dtype
        return np.dtype(np.float32) if dtype.kind in "iu" else dtype

    def correlate(
        self,
        w: NDArray | tuple[NDArray, ...],
        dtype: np.dtype,
        axes: tuple[int, ...] | None = None,
        out: NDArray | None = None,
        *,
        samples: NDArray | None = None,
        cval: complex | None = None,
        algorithm: AlgorithmName | None = None,
        strict: bool = True,
    ) -> NDArray:
        """The image, or another array of its shape, under a kernel or its factors along ``axes``
        (default: all); ``strict`` as of a `Problem`.
        """
        samples = self.samples if samples is None else samples
        axes = self.axes if axes is None else axes
        options = {  # strings and numbers if possible, since these need no conversion to a key
            "flip": False,
            "axes": None if len(axes) == samples.ndim else axes,
            "mode": "same",
            "boundary": self._border or tuple([self.borders[self.axes.index(a)] for a in axes]),
            "cval": self.cval if cval is None else cval,
            "origin": 0,
            "stride": 1,
            "dilation": 1,
            "out_dtype": None if out is None else lower.output_dtype(out, f"{self.name}: out"),
            "dtype": dtype.str if out is None else None,
            "strict": strict,
        }
        how = algorithm or self.algorithm, self.backend, self.threads
        if self.said is not None:
            return missing.correlate(self.name, samples, w, options, self.said, *how, out)
        checked = self.name, samples.shape, samples.dtype
        plan = make_plan(lower.correlation, checked, (w,), options, *how, once=True)
        return plan._run(samples, out)

    def mean(
        self,
        w: NDArray | tuple[NDArray, ...],
        axes: tuple[int, ...] | None = None,
        strict: bool = True,
    ) -> NDArray:
        """The image under a kernel of fractions that sum to one, in the image's dtype."""
        axes = axes or self.axes
        dtype = self.samples.dtype
        taps = prod([part.size for part in w]) if isinstance(w, tuple) else w.size
        border = self.cval if "constant" in self.borders else 0
        if self.said is not None or not wide.is_wide(self.samples, border, taps):
            return self.correlate(w, dtype, axes, self.out, strict=strict)
        passes: Any = [(w, axes)]
        if isinstance(w, tuple):
            passes = [(factor, (axis,)) for factor, axis in zip(w, axes, strict=True)]
        return dtypes.stored(wide.mean(self, passes, border.real), dtype, self.out)

    def combine(
        self, function: Callable[..., NDArray], parts: Sequence[NDArray], dtype: np.dtype
    ) -> NDArray:
        """``function(*parts)``, elementwise, in a new array or in the first of ``parts``, which is
        then overwritten.
        """
        if self.out is not None:
            result = target_of(self.out, self.out.shape, *parts)
        else:
            result = parts[0] if parts[0].dtype == dtype else np.empty(parts[0].shape, dtype)

        def store(target: NDArray, *blocks: NDArray) -> None:
            made = function(*blocks)
            if not (made is blocks[0] and result is parts[0]):
                dtypes.store(target, made)

        elementwise(store, (result, *parts), config.resolve_threads(self.threads))
        return deliver(result, self.out)


def target_of(out: NDArray | None, shape: tuple[int, ...], *reads: NDArray) -> NDArray:
    """The array to write: ``out``, or a new array if there is none or it overlaps the input."""
    if out is None:
        return np.empty(shape, reads[0].dtype)
    return overlap.target(out, reads)[0]


def deliver(result: NDArray, out: NDArray | None) -> NDArray:
    """The result, in ``out`` if there is one."""
    if out is None:
        return result
    if not np.may_share_memory(result, out):
        np.copyto(out, result)
    return out


def as_weights(values: NDArray, dtype: np.dtype) -> NDArray:
    """Weights in the precision in which they are used; the smallest may underflow to zero."""
    with np.errstate(all="ignore"):
        return values.astype(dtype)


@cache
def sums(dtype: np.dtype) -> np.dtype:
    """The dtype of intermediate results, which is complex for complex samples."""
    return np.result_type(precision(dtype), dtype)


@cache
def precision(dtype: np.dtype) -> np.dtype:
    """The dtype for sums with fractional weights: float32 or float64."""
    wide = np.result_type(dtype, np.float32) in (np.float64, np.complex128)
    return np.dtype(np.float64 if wide else np.float32)
