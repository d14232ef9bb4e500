"""What a backend is, and what it and its caller promise each other.

A backend is a module with the functions and the rates below.  ``correlate`` is the hot loop,
the one thing of this library that exists three times; ``extend`` and ``store`` bring samples to it
and results away from it.

The caller of ``correlate`` promises
    - every argument is checked, and all arrays have one dtype: float32, float64 or int64 (NumPy's
      backend also takes object arrays, of Python's integers);
    - ``x`` is ``(*B, G, C, *S)``, ``w`` is ``(G, K, C, *T)``, ``bias`` is ``(G, K)`` and ``out`` is
      ``(*B, G, K, *O)``, with one stride and one dilation for each axis of ``S``;
    - every position that an output reads lies inside ``x`` (``valid`` extent, no border);
    - ``x`` and ``out`` are aligned, with strides that are multiples of the item, none negative;
    - ``out`` is allocated, and overlaps with nothing that is read.

``correlate`` promises
    - ``out`` becomes ``bias`` plus the sum over channels and taps, then ``max(0, .)`` under
      ``relu``, with NaN kept;
    - it checks nothing, allocates no output, and touches no byte outside of ``out``;
    - it runs on the calling thread and lets go of the GIL;
    - the bits of an output depend on what it reads and on the shape of the kernel, never on where
      in ``out`` it stands;
    - NaN and infinities travel as IEEE 754 says, to the outputs that read them and no others.

``extend`` fills all of ``copy``: the last axes by the runs of `boundary.runs`, one table an axis,
those in front item by item.  Samples keep their value, as well as the dtype of ``copy`` can hold
it; beyond the edges stands ``cval``.  ``store`` writes sums into a result of their shape by the
rules of `dtypes.store`, and may overwrite the sums.  Both take arrays of any strides and alignment,
let go of the GIL, and touch nothing but the array that they fill.

Where channels are summed, NumPy's backend leaves the order of the sum, and the use of threads, to
the BLAS of NumPy.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Backend", "Kernel", "Rates"]


class Kernel(Protocol):
    """``out = act(bias + w ⋆ x)``: valid cross-correlation of one slab."""

    def __call__(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        relu: bool,
    ) -> None: ...


class Rates(NamedTuple):
    """What a backend's work costs on one thread, in float32.

    Those of the backends are from 2026-11-21, on an AMD EPYC (Zen 3, AVX2) at commit 28e9d92;
    ``calibrate.py`` says how they are measured, and ``rates.py`` which are in use.
    """

    product: float
    """Seconds for a product and its sum."""
    byte: float
    """Seconds for a byte of input or output, each time it passes."""
    call: float
    """Seconds before the first product."""
    one_row: float
    """Times as long for a product where taps have one row, and a sample serves one output row."""


class Backend(Protocol):
    """What a backend module has."""

    RATES: Rates

    def unavailable(self) -> str | None:
        """Why this installation cannot run it and what would help, or None if it can."""

    def describe(self) -> str:
        """Version and instruction set, for people."""

    def warmup(self) -> None:
        """Compile and load what the first calls would wait for."""

    @property
    def correlate(self) -> Kernel:
        """The hot loop."""

    def extend(
        self, copy: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float
    ) -> None:
        """Fill ``copy`` with samples and their border."""

    def store(self, out: NDArray, sums: NDArray) -> None:
        """Write sums into a result."""
