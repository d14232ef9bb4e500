"""What all filters share: their options, their number rules, and how they reach the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import config, lower
from ..problem import dtypes
from ..run import threads as parallel
from ..api.options import AlgorithmName, Boundary
from ..config import BackendName
from ..plan.choose import make_plan

__all__ = ["Call", "blockwise", "precision"]

BLOCK = 1 << 17
"""Items of a block: some arrays of it fit a core's cache."""


class Call:
    """One call of one filter, with its image and the options that filters share, checked."""

    def __init__(
        self,
        name: str,
        image: ArrayLike,
        boundary: Boundary | Sequence[Boundary],
        cval: complex,
        channel_axis: int | None,
        out: NDArray | None,
        algorithm: AlgorithmName,
        backend: BackendName | None,
        threads: int | None,
        rank: int | None = None,
    ) -> None:
        self.name = name
        self.image = lower.image(name, image, channel_axis, rank)
        self.samples, self.axes = self.image.samples, self.image.axes
        self.borders = lower.borders(boundary, len(self.axes), f"{name}: boundary")
        if out is not None:
            lower.receiver(name, self.samples, out, self.samples.shape)
        self.out = out
        self.cval = cval
        self.algorithm = algorithm
        self.backend = backend
        self.threads = threads

    @property
    def precision(self) -> np.dtype:
        """Of weights that are fractions."""
        return precision(self.samples.dtype)

    @property
    def derived(self) -> np.dtype:
        """Of a derivative: whole numbers become float32."""
        dtype = self.samples.dtype
        return np.dtype(np.float32) if dtype.kind in "iu" else dtype

    @property
    def sums(self) -> np.dtype:
        """Of what is to be calculated with further."""
        return np.result_type(self.precision, self.samples.dtype)

    def correlate(
        self,
        w: NDArray | tuple[NDArray, ...],
        dtype: np.dtype,
        axes: tuple[int, ...] | None = None,
        out: NDArray | None = None,
    ) -> NDArray:
        """The image under a kernel, or under its factors, along ``axes`` (default: all)."""
        axes = self.axes if axes is None else axes
        plan = make_plan(
            lower.correlation,
            (self.name, self.samples.shape, self.samples.dtype),
            (w,),
            {
                "flip": False,
                "axes": _one(axes),
                "mode": "same",
                "boundary": _one(tuple([self.borders[self.axes.index(axis)] for axis in axes])),
                "cval": self.cval,
                "origin": 0,
                "stride": 1,
                "dilation": 1,
                "out_dtype": None if out is None else out.dtype,
                "dtype": dtype if out is None else None,
            },
            self.algorithm,
            self.backend,
            self.threads,
            once=True,
        )
        return plan(self.samples, out)

    def combine(
        self, function: Callable[..., NDArray], parts: Sequence[NDArray], dtype: np.dtype
    ) -> NDArray:
        """``function(*parts)``, sample by sample, new or in the place of the first of ``parts``,
        which is lost.
        """
        result = self.out
        if result is None:
            result = parts[0] if parts[0].dtype == dtype else np.empty(parts[0].shape, dtype)

        def store(target: NDArray, *blocks: NDArray) -> None:
            made = function(*blocks)
            if not (made is blocks[0] and result is parts[0]):
                dtypes.store(target, made)

        blockwise(store, (result, *parts), self.threads)
        return result


def blockwise(
    function: Callable[..., None], arrays: Sequence[NDArray], threads: int | None
) -> None:
    """Call ``function`` on blocks of arrays of one shape, small enough for a cache, on threads."""
    shape, size = arrays[0].shape, arrays[0].size
    if not size:
        return
    axis = int(np.argmax(shape[:-1] or shape))
    step = max(BLOCK * shape[axis] // size, 1)
    lead = (slice(None),) * axis

    def block(number: int) -> None:
        where = (*lead, slice(number * step, (number + 1) * step))
        with np.errstate(all="ignore"):
            function(*(array[where] for array in arrays))

    parallel.run(block, -(-shape[axis] // step), config.resolve_threads(threads))


@cache
def _one(choice: tuple[int, ...] | tuple[Boundary, ...]) -> tuple[int, ...] | tuple[Boundary, ...]:
    """One object for equal choices, which a remembered call is found by."""
    return choice


@cache
def precision(dtype: np.dtype) -> np.dtype:
    """What sums of fractions of an image's samples are calculated in: float32 or float64."""
    wide = np.result_type(dtype, np.float32) in (np.float64, np.complex128)
    return np.dtype(np.float64 if wide else np.float32)
