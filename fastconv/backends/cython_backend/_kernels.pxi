"""The compiled kernels: one body, included by a module for each instruction set."""

from libc.stdint cimport int64_t, uint8_t

include "_operands.pxi"
include "_copy.pxi"
include "_magnitude.pxi"
include "_correlate.pxi"
include "_correlate_bytes.pxi"
include "_box.pxi"
include "_gemm.pxi"
include "_mix.pxi"
include "_winograd.pxi"
include "_fourier.pxi"
include "_sums.pxi"
include "_missing.pxi"
include "_steps.pxi"
include "pool.pxi"
include "_program.pxi"
