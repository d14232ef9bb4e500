# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The generic instruction set: every kernel of the protocol as plain loops over typed memoryviews.

This is the reference for readers, and needs only a C compiler without extensions.  A kernel is a
thin function that brings arrays of any rank to a fixed number of axes, without a copy, and loops
that run without the GIL.
"""

from libc.math cimport INFINITY, NAN, fabs, hypot, isfinite, rint
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t

import numpy as np

from ..numpy_backend import copy as numpy_copy

ctypedef fused floating:
    float
    double

ctypedef fused item:
    float
    double
    int64_t

PANEL = 8
"""Output channels of a panel of packed weights."""


def filtered(array, rank):
    """Return an array with three filtered axes; missing ones come first and have length 1."""
    return array[(slice(None),) * (array.ndim - rank) + (None,) * (3 - rank)]


def triple(numbers, missing=1):
    """Return numbers of three filtered axes."""
    return (missing,) * (3 - len(numbers)) + tuple(numbers)


def batches(inner, *arrays):
    """Yield views with one batch axis, the longest one, before the given number of inner axes."""
    count = max(arrays[0].ndim - inner, 0)
    if count == 0:
        yield [array[(None,) * (inner + 1 - array.ndim)] for array in arrays]
        return
    shape = arrays[0].shape[:count]
    longest = shape.index(max(shape))
    moved = [np.moveaxis(array, longest, count - 1) for array in arrays]
    for index in np.ndindex(moved[0].shape[:count - 1]):
        yield [array[index] for array in moved]


def started(bias, out, rank):
    """Return the initial value of each sum: the bias of its group and channel."""
    return np.broadcast_to(bias[(..., *(None,) * rank)], out.shape)


include "correlate.pxi"
include "correlate_bytes.pxi"
include "sparse.pxi"
include "copy.pxi"
include "box.pxi"
include "blur.pxi"
include "gemm.pxi"
include "depthwise.pxi"
include "winograd.pxi"
include "fourier.pxi"
include "sums.pxi"
include "magnitude.pxi"
include "missing.pxi"
