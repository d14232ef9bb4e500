"""The contract between backends and their callers.

A backend is an instance of a subclass of :class:`Backend`: constants, and a set of serial kernels.
Kernels check no arguments and make no decisions; both happen before they are called.

The caller of a kernel guarantees
    - arrays are checked, have native byte order, and the dtypes and axes that the kernel lists;
    - arrays are aligned, and their strides are multiples of the item and not negative, unless the
      kernel says otherwise;
    - the output is allocated, and shares no memory with any input, unless the kernel says
      otherwise;
    - no output is empty.

A kernel guarantees
    - it fills its output and writes no other byte;
    - it runs on the calling thread, and releases the GIL for long computations;
    - it raises no exception, and emits no floating-point warnings;
    - NaN and infinity follow IEEE 754, and affect only outputs whose window contains them;
    - the bits of an output depend on its window and on the shape of the kernel, never on its
      position or on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..run.program import Program

__all__ = ["Backend", "Rates"]

Numbers = tuple[int, ...]
"""One number for each filtered axis."""


class Rates(NamedTuple):
    """The speed of a backend on one thread, in float32.

    The built-in rates were measured on 2026-11-21, on an AMD EPYC (Zen 3, AVX2) at commit 3ba90c4.
    ``calibrate.py`` explains how rates are measured, and ``rates.py`` which are in use.
    """

    product: float
    """Seconds for a multiply-add."""
    summed: float
    """Seconds for a multiply-add if channels are summed."""
    contracted: float
    """Seconds for a multiply-add in a matrix product."""
    byte: float
    """Seconds to read or write a byte, for each pass over the data."""
    call: float
    """Fixed overhead of a call, in seconds."""
    one_row: float
    """Relative time of a multiply-add in passes with one row or column of taps."""
    sparse: float
    """Relative time of a multiply-add with a list of taps."""
    operation: float
    """Seconds for an operation of a Fourier transform; one of n samples takes 5 n log2 n."""
    addition: float
    """Seconds of box sums for each output, axis, and bit of the length of the window.

    Measured on the same machine with windows of 3x3 to 31x31 on 2048² (NumPy's on 1024²).
    """


class Backend:
    """A set of serial kernels, and their speed."""

    name: ClassVar[str]
    min_interior_bytes: ClassVar[int]
    """Bytes of a padded copy above which computing the borders as separate strips is faster."""
    min_tile_macs: ClassVar[int]
    """Multiply-adds of a tile, at least, if tiles are few."""
    hand_over_seconds: ClassVar[float]
    """Seconds of work per thread above which handing tiles to another thread pays."""
    sums_in_order: ClassVar[bool]
    """Whether `gemm` and `pointwise` sum channels in the same order, and so give the same bits."""

    @property
    def multiplies_bytes(self) -> bool:
        """Whether `correlate` accepts samples of 8 bits."""
        return False

    @property
    def rates(self) -> Rates:
        """Built-in rates; see ``algorithms/rates.py`` for those in use."""
        raise NotImplementedError

    # Availability.

    def unavailable(self) -> str | None:
        """The reason why this installation cannot run it, with a remedy, or None if it can."""
        raise NotImplementedError

    def describe(self) -> str:
        """A description of the version and instruction set, for people."""
        raise NotImplementedError

    def warmup(self) -> None:
        """Compile and load everything that would delay the first calls."""

    # Run.

    def program(self, weights: int) -> Program:
        """A new, empty program with buffers ``out``, ``x``, ``x2`` and ``weights`` more."""
        raise NotImplementedError

    # Filter: one slab of the output, any rank.
    #
    # ``x`` is (*B, G, C, *S), ``out`` is (*B, G, K, *O) and ``bias`` is (G, K): batch axes, groups,
    # channels of a group, and filtered axes, with one stride and one dilation for each.  All arrays
    # are float32, float64 or int64.  Every sample that an output reads lies inside ``x``.  Under
    # ``relu`` the result is ``max(0, .)``, with NaN kept.

    def register_tile(self, dtype: np.dtype) -> tuple[int, int] | None:
        """Rows and columns of outputs whose sums are kept in registers, or None."""
        raise NotImplementedError

    def correlate(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        stride: Numbers,
        dilation: Numbers,
        relu: bool,
    ) -> None:
        """``out = act(bias + sum over channels and taps of w * x)``; ``w`` is (G, K, C, *T).

        If the backend `multiplies_bytes`, ``x`` may be uint8 or int8, for G = C = K = 1, stride
        and dilation 1, no ``relu``, and float32 weights of a `Form` that is `whole`.  Such sums
        are exact, and stored as by `store` in uint8, int16, int32 or float32; ``bias`` is a
        multiple of the same unit.
        """
        raise NotImplementedError

    def correlate_sparse(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        offsets: NDArray[np.int64],
        bias: NDArray,
        stride: Numbers,
        dilation: Numbers,
        relu: bool,
    ) -> None:
        """`correlate` for C = 1 and a list of taps: ``w`` is (G, K, n), and ``offsets``, (n, axes),
        gives the position of each tap.

        The sum runs in the order of the list.  Samples under other taps are not read.
        """
        raise NotImplementedError

    def box(
        self, out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: Numbers, relu: bool
    ) -> None:
        """`correlate` for C = K = 1, stride and dilation 1, and one weight for all taps: ``w`` is
        (G, 1) and ``size`` counts the taps along each axis.

        Samples are weighted before they are summed, and nothing is ever subtracted: a sample takes
        part in at most k additions along an axis of k taps.  The bits of an output may depend on
        its position in the slab.  ``x`` and ``out`` may be uint8 or uint16, with ``w`` and ``bias``
        in float32.  Sums of uint16 must be below 2**31, those of uint8 at most 2**24, with at most
        257 rows in all planes.  Such sums are exact, weighted once, and stored as by `store`.
        """
        raise NotImplementedError

    def blur(self, out: NDArray, x: NDArray, w: NDArray) -> None:
        """Bytes in fixed point, as ``problem/fixed.py`` has it: the mean along the last axis but
        one, then along the last, then the whole number next to it.

        ``x`` and ``out`` are uint8, with one group and channel and two filtered axes.  ``w``,
        uint16 in C order, holds the `fixed.weights` of both axes, one after the other.
        """
        raise NotImplementedError

    # Matrix product: float32 and float64, layers that sum channels.

    def panel(self, dtype: np.dtype) -> int:
        """Output channels of a panel of packed weights."""
        raise NotImplementedError

    def gemm(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        stride: Numbers,
        dilation: Numbers,
        relu: bool,
    ) -> None:
        """`correlate` as an implicit matrix product (no im2col), with contiguous channels in ``x``,
        ``out`` and ``bias``; ``w`` is (G, panels, *T, C, panel), padded with zeros.
        """
        raise NotImplementedError

    def pointwise(self, out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool) -> None:
        """One tap: ``out``, (*B, G, K, P), is ``w``, (G, K, C), times ``x``, (*B, G, C, P).

        Outputs are contiguous or, for one group of at most four channels in and out, channels are.
        In the second case, ``x`` and ``out`` may be uint8 or uint16, with ``w`` and ``bias`` in
        float32: samples are summed as floats, and sums are stored as by `store`.
        """
        raise NotImplementedError

    def depthwise(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        stride: Numbers,
        dilation: Numbers,
        pad_before: Numbers,
        relu: bool,
    ) -> None:
        """`correlate` for C = K = 1 with contiguous groups; ``w`` is (G, *T).

        ``pad_before`` is the number of zeros before ``x`` that the first output reads.  Zeros also
        follow ``x``, as many as outputs read.  If any output reads zeros, there are at most 63
        taps.
        """
        raise NotImplementedError

    def weight_gradient(
        self, out: NDArray, x: NDArray, gradient: NDArray, stride: Numbers, dilation: Numbers
    ) -> None:
        """``out``, (G, K, C, *T), is the sum over batch and outputs of ``gradient * x``;
        ``gradient`` is (*B, G, K, *O).  Output channels are contiguous in both.
        """
        raise NotImplementedError

    # Winograd: float32, 16 or more contiguous channels in and out.
    #
    # ``tiles`` is (points, G, B, down, across, channels), with 36 points for tiles of 4x4 outputs,
    # 16 for 2x2, 6 for 4x1, or 4 for 2x1; ``geometry/winograd.py`` has the matrices.

    def winograd_weights(self, values: NDArray, w: NDArray) -> None:
        """Transform kernels ``w``, (G, panels, panel, C, rows, columns), in blocks of three taps
        down and across, to ``values``, (G, panels, points, blocks, C, panel).

        There are at most 128 taps, in one column if tiles have one.  Strides of ``w`` are multiples
        of the item size and may be negative.
        """
        raise NotImplementedError

    def winograd_samples(self, tiles: NDArray, x: NDArray) -> None:
        """Transform the tiles of ``x``, (B, G, C, H, W); samples beyond its last row and column are
        zeros.
        """
        raise NotImplementedError

    def winograd_outputs(self, out: NDArray, tiles: NDArray, bias: NDArray, relu: bool) -> bool:
        """Transform products back to ``out``, (B, G, K, H, W), and add ``bias``.

        Returns whether all sums are finite before ``relu``.
        """
        raise NotImplementedError

    # Fourier: float32 and float64.
    #
    # Complex arrays are (2, rows, columns): a plane of real and one of imaginary parts, with any
    # strides; contiguous rows or columns are fast.  Lengths of transforms are those in
    # ``geometry.fourier.LENGTHS``.  NaN and infinity spread over their column and block.

    def transform(self, out: NDArray, x: NDArray, inverse: bool, negacyclic: bool = False) -> None:
        """Fourier transforms of columns.

        Forward: ``out`` has n rows, in the order of ``geometry.fourier.order``, and ``x`` at most
        n; missing rows are zeros.  Inverse: ``x`` has n rows, and ``out`` receives the first rows
        of n times the inverse.  Negacyclic: row j is multiplied by ``exp(πi j / 2n)`` before the
        forward transform, or by its conjugate after the inverse one.
        """
        raise NotImplementedError

    def filter_columns(
        self, out: NDArray, x: NDArray, spectrum: NDArray, negacyclic: bool = False
    ) -> None:
        """Transform columns, multiply them by ``spectrum``, and transform them back.

        Columns are cut into blocks as long as ``spectrum``, which overlap by as many rows as ``x``
        has more than ``out``; the remaining, first rows of each block are written to ``out``.
        Columns of ``spectrum`` are contiguous, or a single one is broadcast (stride 0).  ``out``
        may have the memory of ``x``, with the same strides.
        """
        raise NotImplementedError

    # Checks and sums.

    def epilogue(self, out: NDArray, bias: NDArray, relu: bool) -> bool:
        """Add ``bias``, one number for each channel, to sums (channels, *three axes), in place.

        Returns whether all sums are finite before ``relu``.
        """
        raise NotImplementedError

    def in_range(self, x: NDArray, limit: float) -> bool:
        """Whether samples are finite and, unless ``limit`` is infinite, of similar magnitude, so
        that rounding errors of a transform do not drown small ones.

        Magnitudes are similar if the largest one in each block of 16 by 16 samples of the last two
        axes is zero, or at least the largest one in ``x`` divided by ``limit``.  If a block is all
        zero, the largest magnitude in ``x`` must also be at most ``limit**2``.
        """
        raise NotImplementedError

    def accumulate(self, out: NDArray, x: NDArray) -> None:
        """``out += x``."""
        raise NotImplementedError

    def at_most(self, out: NDArray, ceiling: float) -> None:
        """``out = min(out, ceiling)``, in place, with NaN kept."""
        raise NotImplementedError

    def magnitude(self, out: NDArray, parts: Sequence[NDArray]) -> None:
        """The square root of the sum of the squares of ``parts``, without overflow or underflow of
        the squares.

        ``parts`` are floats of one shape and dtype; ``out`` may be one of them.
        """
        raise NotImplementedError

    # Missing samples: float32 and float64; ``valid`` has a byte for each sample, zero or one.
    #
    # ``missing`` is one int64, the number of missing samples.  `drop` writes it; if it is zero, the
    # other kernels do nothing.

    def drop(
        self,
        x: NDArray,
        valid: NDArray[np.uint8],
        missing: NDArray[np.int64],
        nan: bool,
        told: bool,
    ) -> None:
        """Replace missing samples by zero, and count them.

        Samples are missing if their byte of ``valid`` is zero or, with ``nan``, if they are NaN;
        the bytes of NaN are set to zero.  Unless ``told``, ``valid`` is not initialized: its bytes
        are written, and only NaN is missing.  Both arrays are in C order and have the same shape.
        """
        raise NotImplementedError

    def deduct(
        self,
        shares: NDArray,
        valid: NDArray[np.uint8],
        missing: NDArray[np.int64],
        w: NDArray,
        starts: NDArray[np.int64],
        width: int,
        most: int,
        least: float,
    ) -> bool:
        """Subtract the weights of missing samples from shares that begin as one.

        For each missing sample ``i``, in C order, and each row, ``w[row]`` is subtracted from the
        ``width`` items that begin at ``i + starts[row]``.  Returns whether the shares are valid: at
        most ``most`` samples are missing, and no share falls below ``least``.

        All arrays are contiguous.  Rows of ``w`` are filled with zeros up to a multiple of 64
        bytes, and ``shares`` has room for whole rows.
        """
        raise NotImplementedError

    def divide(
        self, out: NDArray, shares: NDArray, missing: NDArray[np.int64], full: float, least: float
    ) -> None:
        """Divide ``out`` by ``shares`` in place.

        Shares of at least ``full`` count as one.  The result is NaN if a share is less than
        ``least``.
        """
        raise NotImplementedError

    def below(self, out: NDArray, x: NDArray, missing: NDArray[np.int64], least: float) -> None:
        """Write into the bytes of ``out`` whether items of ``x`` are less than ``least``."""
        raise NotImplementedError

    # Copy: arrays of any strides and alignment, between any real dtype and float32, float64 or
    # int64, and of bytes as they are.

    def pad(
        self, out: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float
    ) -> None:
        """Copy samples with their border, converted to the dtype of ``out``.

        ``runs`` are the tables of `boundary.runs` for the last axes; the axes before them are
        copied item by item.  ``cval`` is the value of coordinates that are `OUTSIDE`.
        """
        raise NotImplementedError

    def store(self, out: NDArray, sums: NDArray) -> None:
        """Store sums, rounded half to even and saturated (``dtypes.store``); they may be lost."""
        raise NotImplementedError

    def cast(self, out: NDArray, sums: NDArray) -> None:
        """Store sums as integers, truncated and wrapped as in C (``dtypes.cast``)."""
        raise NotImplementedError
