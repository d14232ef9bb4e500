"""What a backend is, and what it and its caller promise each other.

A backend is a module with the functions and the rates below.  ``correlate``, ``correlate_sparse``
and ``window_sums`` are the hot loops; ``extend`` and ``store`` bring samples to them and results
away from them, and ``transform`` and ``filter_columns`` are the kernels of the algorithm `fft`.

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

``correlate_sparse`` is ``correlate`` for one channel in of a group and taps that are listed: ``w``
is ``(G, K, n)`` there, and ``places``, int64, ``(n, axes)``, says which tap along each axis every
weight belongs to.  The sum runs in the order of the list.  Samples under other taps are not read.

``window_sums`` is ``correlate`` for one channel in and one out of a group, with one weight for all
taps, no stride and no dilation.  ``w`` is ``(G, 1)`` there, and ``size`` the taps along each axis.
All of the above holds, but for these:
    - every sample is multiplied by its weight before it is summed, and nothing is ever subtracted;
    - a sample goes through at most ``k`` additions along an axis of ``k`` taps;
    - the bits of an output may depend on where in the slab it stands;
    - ``x`` and ``out`` may be uint8 where ``w`` and ``bias`` are float32, if windows have at most
      257 rows, in all planes: their sums are exact, weighted once, and stored as by ``store``.

The ``contract`` kernels are matrix products, for float32 and float64.  What holds of ``correlate``
holds of them, but for these:
    - in ``contract_channels`` the channels of ``x`` are neighbours, and so are those of ``out`` and
      ``bias``; ``w`` comes in panels, ``(G, panels, *T, C, width)``: as many output channels as
      ``panel(dtype)`` says are neighbours, and those beyond ``K`` are zeros;
    - in ``contract_taps`` each group has one channel in and one out, and groups are neighbours in
      ``x``, ``out``, ``bias`` and ``w``, which is ``(G, *T)``; ``before`` counts the zeros in front
      of ``x`` along each axis that the first output reads, and zeros follow it as well, as many as
      are read: if any are, there are 63 taps at most;
    - in ``contract_planes`` kernels have one tap and outputs are neighbours: ``x`` is
      ``(*B, G, C, P)``, ``w`` is ``(G, K, C)`` and ``out`` is ``(*B, G, K, P)``;
    - in ``contract_outputs``, ``out``, ``(G, K, C, *T)``, becomes the sum over batch and outputs of
      ``gradient * x``; ``gradient`` is ``(*B, G, K, *O)``, and its channels are neighbours, as they
      are in ``out``.

The Winograd kernels are for float32, and for 16 channels or more, which are neighbours.  ``tiles``
is ``(points, G, B, down, across, channels)``: 36 points of tiles of 4x4 outputs, 16 of 2x2, 6 of 4
below each other, or 4 of 2; `points.py` has the matrices.
    - ``winograd_weights`` evaluates kernels ``w``, ``(G, panels, width, C, rows, columns)``, of one
      column where tiles have one and of 128 taps at most, at the points, in blocks of three taps
      down and across, the last ones filled up with zeros: ``values`` is
      ``(G, panels, points, blocks, C, width)``, with panels as ``contract_channels`` has them;
    - ``winograd_samples`` evaluates ``x``, ``(B, G, C, H, W)``, at the points of each tile; samples
      beyond its last row and column count as zeros;
    - ``winograd_outputs`` makes ``out``, ``(B, G, K, H, W)``, of products at the points, adds
      ``bias`` and applies ``relu``, and says whether all sums are finite.

``extend`` fills all of ``copy``: the last axes by the runs of `boundary.runs`, one table an axis,
those in front item by item.  Samples keep their value, as well as the dtype of ``copy`` can hold
it; beyond the edges stands ``cval``.  ``store`` writes sums into a result of their shape by the
rules of `dtypes.store`, and may overwrite the sums.  Both take arrays of any strides and alignment,
let go of the GIL, and touch nothing but the array that they fill.

``lengths`` fills ``out`` with the root of the sum of the squares of ``parts``, one array for each
component: floats, all of one shape and dtype, of which ``out`` may be one.  Where squares leave the
range of floats, lengths do not.

``finish`` adds ``bias``, one for each channel, to sums ``(channels, *axes)`` of three axes, floats,
and says whether all of them are finite then.

A ``recording`` takes calls of ``correlate`` and ``correlate_sparse``, of the ``contract``, Winograd
and Fourier kernels, ``extend``, ``store`` and ``finish``, and runs none of them (sums count as
finite); later it runs them piece by piece, as often as it is asked to, on other arrays that lie
alike, on any thread, with the same bits.  What is neither of its arrays, nor in the room between
steps, stays what and where it is.

Of the Fourier kernels, the caller promises
    - arrays are float32 or float64, aligned, ``(2, rows, columns)``: a plane of real and one of
      imaginary parts; steps are any multiples of the item, and fast where rows or columns are
      neighbours;
    - a transform has a length of :data:`fastconv.backends.fourier.LENGTHS`;
    - a spectrum has columns that are neighbours, or one that stands for all (step 0).

The kernel promises
    - ``transform(out, x, False)`` transforms each column: ``out`` has ``n`` rows, in the order of
      :func:`fastconv.backends.fourier.order`, and ``x`` at most ``n``, the others are zeros;
    - ``transform(out, x, True)`` is the way back from ``n`` rows of ``x``, times ``n``: ``out``
      takes the first rows;
    - ``filter_columns(out, x, spectrum)`` transforms blocks of ``x`` as long as the spectrum,
      multiplies them by it and transforms them back.  Blocks overlap by as many rows as ``x`` has
      more than ``out``, and each gives ``out`` its first rows, as many as are new; ``out`` may
      begin where ``x`` does, with the same steps;
    - as above: no checks, no byte outside of ``out``, no GIL, and a column's bits do not depend on
      the others; what is not finite spreads over its column and block.

Where channels are summed, NumPy's backend leaves the order of the sum, and the use of threads, to
the BLAS of NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Backend", "Kernel", "Rates", "Recording", "WindowSums"]


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


class WindowSums(Protocol):
    """``out = act(bias + sum over the window of w * x)``: windows of one slab."""

    def __call__(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        size: tuple[int, ...],
        relu: bool,
    ) -> None: ...


class Rates(NamedTuple):
    """What a backend's work costs on one thread, in float32.

    Those of the backends are from 2026-11-21, on an AMD EPYC (Zen 3, AVX2) at commit 3ba90c4;
    ``calibrate.py`` says how they are measured, and ``rates.py`` which are in use.
    """

    product: float
    """Seconds for a product and its sum."""
    summed: float
    """Seconds for a product and its sum where channels are summed."""
    contracted: float
    """Seconds for a product and its sum in a matrix product."""
    byte: float
    """Seconds for a byte of input or output, each time it passes."""
    call: float
    """Seconds before the first product."""
    one_row: float
    """Times as long for a product in passes of one row or column of taps."""
    sparse: float
    """Times as long for a product of a tap that is listed."""
    operation: float
    """Seconds for an operation of a Fourier transform, of which n samples count 5 n log2 n."""
    addition: float
    """Seconds for each bit of the length of a window, along each axis, and output.

    Measured in the same place with windows of 3x3 to 31x31 on 2048² (NumPy's on 1024²).
    """


class Recording(Protocol):
    """Calls of kernels, which run again on other arrays; also takes these calls, as a backend."""

    def end_piece(self) -> None:
        """What was called for since the last time is a piece."""

    def end(self) -> bool:
        """Whether all that was called for can run again; nothing more will be."""

    def with_weights(self, *weights: NDArray) -> Recording:
        """The same recording for weights that lie as those it was recorded with, to be run."""

    def run(self, threads: int, alone: float, out: object, *inputs: object) -> list[int] | None:
        """Fill ``out`` from one or two inputs, on at most so many threads, of which one would take
        some seconds alone: for little, threads that sleep are not woken.

        The numbers of pieces whose results do not count, for not all sums were finite; or None, and
        nothing is done, where these are not plain arrays that lie as those it was recorded with,
        share memory, or are not to be written.
        """


class Backend(Protocol):
    """What a backend module has."""

    RATES: Rates
    STRIPS: int
    """Bytes of an extended copy that take as long as to set the strips along edges apart."""
    PIECE: int
    """Products that are worth a piece of their own where pieces are few."""
    HAND_OVER: float
    """Seconds of work that a thread must save to be worth its part of a recording."""
    IN_ORDER: bool
    """Whether ``contract_channels`` and ``contract_planes`` sum channels in the same order: the
    same samples and weights give the same bits."""

    def unavailable(self) -> str | None:
        """Why this installation cannot run it and what would help, or None if it can."""

    def describe(self) -> str:
        """Version and instruction set, for people."""

    def warmup(self) -> None:
        """Compile and load what the first calls would wait for."""

    @property
    def correlate(self) -> Kernel:
        """The hot loop."""

    def correlate_sparse(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        places: NDArray[np.int64],
        bias: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        relu: bool,
    ) -> None:
        """Sums over listed taps."""

    def panel(self, dtype: np.dtype) -> int:
        """Output channels of a panel of weights."""

    def register_tile(self, dtype: np.dtype) -> tuple[int, int] | None:
        """Rows and columns of outputs of a filter whose sums stay in registers, if any do."""

    def contract_channels(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        relu: bool,
    ) -> None:
        """Sums over taps and channels that are neighbours."""

    def contract_taps(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        before: tuple[int, ...],
        relu: bool,
    ) -> None:
        """Sums over taps, of groups that are neighbours."""

    def contract_planes(
        self, out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool
    ) -> None:
        """Weighted sums of planes."""

    def contract_outputs(
        self,
        out: NDArray,
        x: NDArray,
        gradient: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
    ) -> None:
        """Sums over outputs: the gradient of weights."""

    def winograd_weights(self, values: NDArray, w: NDArray) -> None:
        """Kernels at their points."""

    def winograd_samples(self, tiles: NDArray, x: NDArray) -> None:
        """Tiles of samples at their points."""

    def winograd_outputs(self, out: NDArray, tiles: NDArray, bias: NDArray, relu: bool) -> bool:
        """Outputs of tiles of products, and whether all of them are finite."""

    @property
    def window_sums(self) -> WindowSums:
        """The hot loop of boxes."""

    def extend(
        self, copy: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float
    ) -> None:
        """Fill ``copy`` with samples and their border."""

    def store(self, out: NDArray, sums: NDArray) -> None:
        """Write sums into a result."""

    def lengths(self, out: NDArray, parts: Sequence[NDArray]) -> None:
        """The lengths of vectors from their components."""

    def finish(self, out: NDArray, bias: NDArray) -> bool:
        """Sums with their bias, and whether all of them are finite."""

    def recording(
        self, arrays: tuple[NDArray, ...], weights: tuple[NDArray, ...], room: NDArray
    ) -> Recording | None:
        """A recording of calls on a result and one or two inputs, in C order, on weights, and on
        room between steps, all of them apart.

        None where the backend has no recordings.
        """

    def transform(self, out: NDArray, x: NDArray, inverse: bool) -> None:
        """Fourier transforms of columns."""

    def filter_columns(self, out: NDArray, x: NDArray, spectrum: NDArray) -> None:
        """Columns there, times a spectrum, and back."""
