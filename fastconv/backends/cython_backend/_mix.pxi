"""Channels of pixels mixed by a matrix."""

cdef extern from "mix_narrow.h" nogil:
    enum:
        MOST_MIXED
    ctypedef struct mix_t:
        int64_t rows, row_out, row_x, pixels, pixel_out, pixel_x
        int channels "in"
        int out, relu
    void mix_float32(
        float *out, const float *x, const float *w, const float *bias, const mix_t *n
    )
    void mix_float64(
        double *out, const double *x, const double *w, const double *bias, const mix_t *n
    )
    void mix_uint8(
        uint8_t *out, const uint8_t *x, const float *w, const float *bias, const mix_t *n
    )
    void mix_uint16(
        uint16_t *out, const uint16_t *x, const float *w, const float *bias, const mix_t *n
    )


cdef bint are_pixels(out, x) except -1:
    """Say whether few channels are neighbours, in arrays `(*batch, groups, channels, outputs)`."""
    *_, groups, channels, pixels = x.shape
    *_, channel_step, pixel_step = x.strides
    *_, made, _ = out.shape
    *_, made_step, made_pixel_step = out.strides
    item = x.itemsize
    return out.dtype.kind == "u" or (
        groups == 1
        and pixels > 1
        and channels <= MOST_MIXED
        and made <= MOST_MIXED
        and (channels == 1 or channel_step == item)
        and (made == 1 or made_step == item)
        and not pixel_step == made_pixel_step == item
    )


cdef mix_t mix_of(const Py_buffer *out, const Py_buffer *x) noexcept:
    """Return extents and steps of pixels, as rows `(rows, channels, pixels)`."""
    cdef Py_ssize_t item = out.itemsize
    return mix_t(
        out.shape[0], out.strides[0] // item, x.strides[0] // item,
        out.shape[2], out.strides[2] // item, x.strides[2] // item,
        <int> x.shape[1], <int> out.shape[1], 0,
    )
