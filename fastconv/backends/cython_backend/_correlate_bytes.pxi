"""Correlation of bytes with whole weights: what a step of it holds."""

from ..geometry.bytes import byte_nest

cdef extern from "correlate_bytes.h" nogil:
    enum:
        BYTE_PRODUCTS
    ctypedef struct bytes_t:
        nest_t nest
        int64_t strip
        char source "from"
        char to
    void correlate_bytes(
        char *out, const uint8_t *x, const float *w, const float *bias, const int64_t *loop,
        int64_t loops, const int64_t *planes, const bytes_t *slab, char *room
    )

MULTIPLIES_BYTES = bool(BYTE_PRODUCTS)  # whether `correlate` takes samples of 8 bits
