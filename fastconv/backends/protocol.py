"""What a backend is, and what it and its caller promise each other.

A backend is an object of a class derived from :class:`Backend`: constants, and a set of serial
kernels.  The kernels check nothing and decide nothing; everything that could go wrong is decided
above them.

The caller promises, for every kernel
    - arrays are checked, have native byte order, and the dtypes and axes that the kernel lists;
    - arrays are aligned, and their strides are multiples of the item and not negative, unless the
      kernel says otherwise;
    - the output is allocated, and shares no memory with anything that is read, unless the kernel
      says otherwise;
    - no output is empty.

A kernel promises
    - it fills its output and touches no other byte;
    - it runs on the calling thread, and lets go of the GIL where it does much work;
    - it raises nothing, and emits no floating-point warnings;
    - NaN and infinity travel as IEEE 754 says, to the outputs that read them and to no others;
    - the bits of an output depend on what it reads and on the shape of the kernel, never on where
      in the output it stands or on the number of threads.
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
    """What a backend's work costs on one thread, in float32.

    Those of the backends are from 2026-11-21, on an AMD EPYC (Zen 3, AVX2) at commit 3ba90c4;
    ``calibrate.py`` explains how they are measured, and ``rates.py`` which are in use.
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
    """Times as long for a product of a listed tap."""
    operation: float
    """Seconds for an operation of a Fourier transform, of which n samples count 5 n log2 n."""
    addition: float
    """Seconds for each bit of the length of a window, along each axis, and output.

    Measured in the same place with windows of 3x3 to 31x31 on 2048² (NumPy's on 1024²).
    """


class Backend:
    """Serial kernels, and how fast they are."""

    name: ClassVar[str]
    min_interior_bytes: ClassVar[int]
    """Bytes of a padded copy that cost as much as setting the borders apart as strips."""
    min_tile_macs: ClassVar[int]
    """Multiply-adds that are worth a tile of their own where tiles are few."""
    hand_over_seconds: ClassVar[float]
    """Seconds of work that a thread must save to be worth handing tiles over to it."""
    sums_in_order: ClassVar[bool]
    """`gemm` and `pointwise` sum channels in the same order: the same samples and weights give the
    same bits."""

    @property
    def multiplies_bytes(self) -> bool:
        """Whether `correlate` takes samples of 8 bits."""
        return False

    @property
    def rates(self) -> Rates:
        """Built-in rates; see ``algorithms/rates.py`` for those in use."""
        raise NotImplementedError

    # Availability.

    def unavailable(self) -> str | None:
        """Why this installation cannot run it and what would help, or None if it can."""
        raise NotImplementedError

    def describe(self) -> str:
        """Version and instruction set, for people."""
        raise NotImplementedError

    def warmup(self) -> None:
        """Compile and load what the first calls would wait for."""

    # Run.

    def program(self, weights: int) -> Program:
        """A new, empty program on ``out``, ``x``, ``x2`` and so many arrays of weights."""
        raise NotImplementedError

    # Filter: one slab of the output, any rank.
    #
    # ``x`` is (*B, G, C, *S), ``out`` is (*B, G, K, *O) and ``bias`` is (G, K): batch axes, groups,
    # channels of a group, and filtered axes, with one stride and one dilation for each.  All arrays
    # are float32, float64 or int64.  Every sample that an output reads lies inside ``x``.  Under
    # ``relu`` the result is ``max(0, .)``, with NaN kept.

    def register_tile(self, dtype: np.dtype) -> tuple[int, int] | None:
        """Rows and columns of outputs whose sums stay in registers, if any do."""
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

        Where the backend `multiplies_bytes`, ``x`` may be uint8 or int8, for G = C = K = 1, stride
        and dilation 1, no ``relu``, and float32 weights of a `Form` that is `whole`.  Their sums
        are exact, and stored as by `store` in uint8, int16, int32 or float32; ``bias`` counts in
        the same unit.
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
        """`correlate` for C = 1 and listed taps: ``w`` is (G, K, n) and ``offsets``, (n, axes),
        gives the position of each tap.

        The sum runs in the order of the list.  Samples under other taps are not read.
        """
        raise NotImplementedError

    def box(
        self, out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: Numbers, relu: bool
    ) -> None:
        """`correlate` for C = K = 1, stride and dilation 1, and one weight for all taps: ``w`` is
        (G, 1) and ``size`` counts the taps along each axis.

        Samples are weighted before they are summed, and nothing is ever subtracted: a sample goes
        through at most k additions along an axis of k taps.  The bits of an output may depend on
        its place in the slab.  ``x`` and ``out`` may be uint8 or uint16 where ``w`` and ``bias``
        are float32, if sums are below 2**31 or, of bytes, at most 2**24 and of at most 257 rows in
        all planes: these sums are exact, weighted once, and stored as by `store`.
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
        """Output channels that packed weights keep together."""
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
        ``out`` and ``bias``; ``w`` is (G, panels, *T, C, panel), filled up with zeros.
        """
        raise NotImplementedError

    def pointwise(self, out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool) -> None:
        """One tap: ``out``, (*B, G, K, P), is ``w``, (G, K, C), times ``x``, (*B, G, C, P).

        Outputs are contiguous or, for one group of at most four channels in and out, channels are.
        Then ``x`` and ``out`` may be uint8 or uint16 where ``w`` and ``bias`` are float32: sums are
        those of the samples as floats, and stored as by `store`.
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

        ``pad_before`` counts the zeros in front of ``x`` that the first output reads; zeros follow
        it as well, as many as are read.  If any are read, there are at most 63 taps.
        """
        raise NotImplementedError

    def weight_gradient(
        self, out: NDArray, x: NDArray, gradient: NDArray, stride: Numbers, dilation: Numbers
    ) -> None:
        """``out``, (G, K, C, *T), is the sum over batch and outputs of ``gradient * x``;
        ``gradient`` is (*B, G, K, *O).  Channels out are contiguous in both.
        """
        raise NotImplementedError

    # Winograd: float32, 16 or more contiguous channels in and out.
    #
    # ``tiles`` is (points, G, B, down, across, channels): 36 points of tiles of 4x4 outputs, 16 of
    # 2x2, 6 of 4 below each other, or 4 of 2; ``geometry/winograd.py`` has the matrices.

    def winograd_weights(self, values: NDArray, w: NDArray) -> None:
        """Kernels ``w``, (G, panels, panel, C, rows, columns), in the transform domain, in blocks
        of three taps down and across: ``values`` is (G, panels, points, blocks, C, panel).

        At most 128 taps; one column where tiles have one.  Strides of ``w`` are multiples of the
        item and may be negative.
        """
        raise NotImplementedError

    def winograd_samples(self, tiles: NDArray, x: NDArray) -> None:
        """Tiles of ``x``, (B, G, C, H, W), in the transform domain; samples beyond its last row and
        column count as zeros.
        """
        raise NotImplementedError

    def winograd_outputs(self, out: NDArray, tiles: NDArray, bias: NDArray, relu: bool) -> bool:
        """Outputs ``out``, (B, G, K, H, W), of products in the transform domain, plus ``bias``;
        whether all sums are finite before ``relu``.
        """
        raise NotImplementedError

    # Fourier: float32 and float64.
    #
    # Complex arrays are (2, rows, columns): a plane of real and one of imaginary parts, with any
    # steps, and fast where rows or columns are contiguous.  Transforms have a length of
    # ``geometry.fourier.LENGTHS``.  What is not finite spreads over its column and block.

    def transform(self, out: NDArray, x: NDArray, inverse: bool, negacyclic: bool = False) -> None:
        """Fourier transforms of columns.

        Forward: ``out`` has n rows, in the order of ``geometry.fourier.order``, and ``x`` at most
        n; the others count as zeros.  Inverse: from n rows of ``x``, times n; ``out`` takes the
        first rows.  Negacyclic: row j is multiplied by ``exp(πi j / 2n)`` before, or by its
        conjugate after.
        """
        raise NotImplementedError

    def filter_columns(
        self, out: NDArray, x: NDArray, spectrum: NDArray, negacyclic: bool = False
    ) -> None:
        """Columns to their spectrum, times ``spectrum``, and back, in blocks as long as
        ``spectrum``, whose columns are contiguous, or one that stands for all (step 0).

        Blocks overlap by as many rows as ``x`` has more than ``out``, and each gives ``out`` its
        first, new rows.  ``out`` may begin where ``x`` does, with the same steps.
        """
        raise NotImplementedError

    # Checks and sums.

    def epilogue(self, out: NDArray, bias: NDArray, relu: bool) -> bool:
        """Add ``bias``, one for each channel, to sums (channels, *three axes), in place; whether
        all of them are finite before ``relu``.
        """
        raise NotImplementedError

    def in_range(self, x: NDArray, limit: float) -> bool:
        """Whether samples of any rank are finite and, unless ``limit`` is infinite, so alike in
        magnitude that no transform of them all drowns some: in blocks of 16 by 16 samples of the
        last two axes, the largest magnitude of each block is zero or at least that of all of ``x``
        divided by ``limit``; and where a block is all zero, the largest of all is at most
        the square of ``limit``.
        """
        raise NotImplementedError

    def accumulate(self, out: NDArray, x: NDArray) -> None:
        """``out += x``."""
        raise NotImplementedError

    def at_most(self, out: NDArray, ceiling: float) -> None:
        """``out = min(out, ceiling)``, in place, with NaN kept."""
        raise NotImplementedError

    def magnitude(self, out: NDArray, parts: Sequence[NDArray]) -> None:
        """The root of the sum of the squares of ``parts``, floats of one shape and dtype, of which
        ``out`` may be one.  Where squares leave the range of floats, the result does not.
        """
        raise NotImplementedError

    # Missing samples: float32 and float64; ``valid`` are bytes, zero or one.

    def drop(self, x: NDArray, valid: NDArray[np.uint8], nan: bool) -> int:
        """Put zero in the place of samples whose byte of ``valid`` is zero, whatever lies there,
        and, with ``nan``, of NaN, whose byte becomes zero; how many there are.

        Both arrays, of any rank and one shape, are in C order.
        """
        raise NotImplementedError

    def deduct(
        self,
        shares: NDArray,
        valid: NDArray[np.uint8],
        w: NDArray,
        starts: NDArray[np.int64],
        width: int,
        least: float,
    ) -> bool:
        """Subtract from ``width`` items of ``shares`` from ``i + starts[row]`` on the weights
        ``w[row]``, for each row, where ``valid[i]`` is zero: from each item in the same order,
        wherever it lies.  Whether all of these items stay at least ``least``.

        All arrays are contiguous.  Rows of ``w`` are longer than ``width``, by zeros up to a
        multiple of 64 bytes, and so many items of ``shares`` may be read and written as they are.
        """
        raise NotImplementedError

    def divide(self, out: NDArray, shares: NDArray, full: float, least: float) -> None:
        """Divide ``out`` by ``shares``, in place, except where these are at least ``full``; the
        result is NaN where they are less than ``least``.  Both have any rank and strides.
        """
        raise NotImplementedError

    # Copy: arrays of any real dtypes, strides and alignment.

    def pad(
        self, out: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float
    ) -> None:
        """Samples with their border, converted to the dtype of ``out``: the last axes by the tables
        of `boundary.runs`, the axes in front of them item by item; ``cval`` beyond the edges.
        """
        raise NotImplementedError

    def store(self, out: NDArray, sums: NDArray) -> None:
        """Sums, rounded half to even and saturated (``dtypes.store``); they may be overwritten."""
        raise NotImplementedError

    def cast(self, out: NDArray, sums: NDArray) -> None:
        """Sums as integers, towards zero and wrapped as in C (``dtypes.cast``)."""
        raise NotImplementedError
