"""Blurs of bytes in fixed point: what a step of them holds."""

from ..geometry.blur import blur_nest

cdef extern from "blur.h" nogil:
    ctypedef struct blur_t:
        int64_t rows, row_out, row_x, row_half
        int64_t cols, col_out, col_x, col_half, tap
        int64_t cols_first, strip, pitch, around
    void blur_slab(
        uint8_t *out, const uint8_t *x, const uint16_t *w, const blur_t *blur, uint16_t *room
    )


cdef void run_blur(
    uint8_t *out,
    const uint8_t *x,
    const uint16_t *w,
    uint16_t *room,
    const int64_t *loop,
    Py_ssize_t loops,
    const blur_t *blur,
) noexcept nogil:
    """Run the outer loops, and the slab inside the last one."""
    cdef int64_t i
    if loops == 0:
        blur_slab(out, x, w, blur, room)
        return
    for i in range(loop[0]):
        run_blur(out + i * loop[1], x + i * loop[2], w, room, loop + 5, loops - 1, blur)
