"""Fourier convolution in which a sample affects only the outputs whose window contains it.

A transform spreads rounding errors, relative to its largest sample, over all outputs, and NaN and
infinity as well.  Therefore samples are sorted into bands of magnitude and transformed repeatedly
in double precision: first all of them, then all but the highest band, and so on.  Each output comes
from the first transform whose highest band meets its window.  NaN and infinity are not transformed;
transforms of their signs count the infinite products in each window instead.

Each band costs a transform, and infinities cost six more.  A float32 array has at most eleven
bands; most arrays have one or two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..algorithms.base import as_real, dense
from ..problem import dtypes
from ..problem.problem import Form, Problem
from ..run.bordered import bordered
from .candidates import recipe_of

__all__ = ["correlate"]

WIDE = np.dtype(np.float64)
SINGLE_DIGITS, DOUBLE_DIGITS = 25, 12
"""Width of a band in binary digits, for single and for double precision: as many of the 53 digits
of a float64 are lost to its largest sample."""
NOTHING_KNOWN = Form(False, None, False, None)


@np.errstate(all="ignore")
def correlate(
    problem: Problem,
    out: NDArray,
    x: NDArray,
    w: tuple[NDArray, ...],
    bias: NDArray | None,
    backend: str,
    threads: int | None,
) -> None:
    """Fill ``out``; the kernel is one array ``(G, K, C, *T)`` or its factors."""
    target, kernels = problem.view_out(out), as_real(dense(w)).astype(WIDE, copy=False)
    cval = problem.cval if problem.complex else problem.cval.real
    samples = bordered(problem, problem.view_x(x), cval)
    for group, kernel in enumerate(kernels):
        sums = _Sums(problem, kernel, backend, threads)
        for batch in np.ndindex(problem.batch):
            slab = samples[(*batch, group)]
            if problem.complex:
                slab = np.stack((slab.real, slab.imag), 1).reshape(-1, *slab.shape[1:])
            result = sums.of(slab.astype(WIDE))
            if problem.complex:
                result = _joined(result[::2], result[1::2])
            if bias is not None:
                result += bias[group].reshape(-1, *(1,) * len(problem.axes))
            result = dtypes.activated(result, problem.relu, problem.ceiling)
            convert = dtypes.store
            if problem.casts and target.dtype.kind in "iu":
                result *= problem.scale
                convert = dtypes.cast
            convert(target[(*batch, group)], result)


def _joined(real: NDArray, imaginary: NDArray) -> NDArray:
    """Complex numbers from their parts, without arithmetic (infinity times ``1j`` has a NaN)."""
    joined = np.empty(real.shape, np.complex128)
    joined.real, joined.imag = real, imaginary
    return joined


def _scaled(values: NDArray, power: int) -> NDArray:
    """Values times ``2**power``, in two steps, as the factor itself might overflow."""
    half = power // 2
    scaled: NDArray = values * np.ldexp(1.0, half) * np.ldexp(1.0, power - half)
    return scaled


class _Sums:
    """Correlates slabs of samples, ``(channels, *axes)``, with the kernel of one group."""

    def __init__(
        self, problem: Problem, kernel: NDArray, backend: str, threads: int | None
    ) -> None:
        axes, parts = problem.axes, problem.parts
        read = tuple([axis.out + axis.taps - 1 for axis in axes])
        filters, channels = problem.out_channels * parts, problem.in_channels * parts
        inner = problem._replace(
            x_shape=(channels, *read),
            out_shape=(filters, *[axis.out for axis in axes]),
            order=tuple(range(len(axes) + 1)),
            batch=(),
            groups=1,
            in_channels=channels,
            out_channels=filters,
            axes=tuple([a._replace(size=n, before=0) for a, n in zip(axes, read, strict=True)]),
            x_dtype=WIDE,
            dtype=WIDE,
            compute=WIDE,
            complex=False,
            cval=0j,
            relu=False,
            form=NOTHING_KNOWN,
            casts=False,
        )
        self._recipe, self._threads = recipe_of(inner, "fft", backend), threads
        self._kernel = kernel
        self._digits = DOUBLE_DIGITS if problem.compute == WIDE else SINGLE_DIGITS
        self._finite = np.isfinite(kernel)
        self._weights = self._packed(np.where(self._finite, kernel, 0))

    def of(self, samples: NDArray) -> NDArray:
        """The sums of a slab, with NaN and infinity where the windows produce them."""
        finite = np.isfinite(samples)
        if finite.all() and self._finite.all():
            return self._of_finite(samples)
        sums = self._of_finite(np.where(finite, samples, 0))
        missing = np.isnan(samples)
        if self._finite.all() and np.array_equal(missing, ~finite):
            sums[:, self._reached(missing)] = np.nan
            return sums
        every = np.ones(self._kernel.shape, bool)
        net, infinite, products = np.zeros((3, *sums.shape))
        for chosen, taps in ((~finite, every), (finite, ~self._finite)):
            if chosen.any() and taps.any():
                signs = np.where(chosen & ~missing, np.sign(samples), 0)
                weights = np.where(taps & ~np.isnan(self._kernel), np.sign(self._kernel), 0)
                net += self._count(signs, weights)
                infinite += self._count(abs(signs), abs(weights))
                products += self._count(chosen, taps)
        sums = np.where(infinite > 0, np.copysign(np.inf, net), sums)
        sums[(products > infinite) | (abs(net) < infinite)] = np.nan
        return sums

    def _of_finite(self, samples: NDArray) -> NDArray:
        """The sums of finite samples, one band after the other."""
        sums = np.zeros(self._recipe.problem.out_shape)
        missing = np.ones(sums.shape[1:], bool)
        while missing.any():
            magnitudes = np.abs(samples)
            top = int(np.frexp(magnitudes.max(initial=0))[1])
            band = magnitudes >= np.ldexp(1.0, top - self._digits)
            if not band.any():
                break
            found = missing & self._reached(band)
            if found.any():
                part = self._sum(_scaled(samples, -top), self._weights)
                sums[:, found] = _scaled(part[:, found], top)
                missing ^= found
            samples = np.where(band, 0, samples)
        return sums

    def _count(self, marks: NDArray, weights: NDArray) -> NDArray:
        """Correlate small whole numbers, exactly."""
        counts = self._sum(marks.astype(WIDE), self._packed(weights.astype(WIDE)))
        np.rint(counts, out=counts)
        return counts

    def _packed(self, kernel: NDArray) -> tuple[NDArray, ...]:
        return self._recipe.pack((kernel[None],), None, self._threads).arrays

    def _sum(self, samples: NDArray, weights: tuple[NDArray, ...]) -> NDArray:
        """Correlate once; errors are relative to the largest sample."""
        sums = np.empty(self._recipe.problem.out_shape)
        self._recipe.usual_job.run((sums, samples, None, *weights), self._threads)
        return sums

    def _reached(self, marks: NDArray) -> NDArray:
        """For each output, whether its window contains a mark in any channel."""
        reached: NDArray = np.asarray(marks.any(axis=0))
        for axis, taps in enumerate(self._kernel.shape[2:]):
            counts = np.cumsum(reached, axis, np.intp)
            counts = np.insert(counts, 0, 0, axis)
            ends = np.moveaxis(counts, axis, 0)
            reached = np.moveaxis(ends[taps:] > ends[:-taps], 0, axis)
        return reached
