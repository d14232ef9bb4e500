"""The transforms of Winograd's convolution: included by a module for each instruction set."""

cdef extern from "winograd.h" nogil:
    ctypedef struct tiles_t:
        int64_t rows, cols, row, col
        int64_t tiles_down, tiles_across, tile, component
        int64_t channels
    void winograd_samples_4(float *out, const float *x, const tiles_t *n)
    void winograd_samples_2(float *out, const float *x, const tiles_t *n)
    bint winograd_outputs_4(
        float *out, const float *tiles, const float *bias, const tiles_t *n, int relu
    )
    bint winograd_outputs_2(
        float *out, const float *tiles, const float *bias, const tiles_t *n, int relu
    )


cdef tiles_t tiles_of(
    const float[:, :, :, :, :] planes, const float[:, :, :, :, :, :] tiles
) noexcept:
    """Return extents and steps of planes `(B, G, channels, rows, columns)` and of their tiles,
    `(components, G, B, down, across, channels)`.
    """
    cdef Py_ssize_t item = sizeof(float)
    return tiles_t(
        planes.shape[3], planes.shape[4], planes.strides[3] // item, planes.strides[4] // item,
        tiles.shape[3], tiles.shape[4], tiles.strides[4] // item, tiles.strides[0] // item,
        planes.shape[2],
    )


def winograd_samples(float[:, :, :, :, :, :] tiles, const float[:, :, :, :, :] x):
    cdef tiles_t n = tiles_of(x, tiles)
    cdef Py_ssize_t group, batch
    with nogil:
        for group in range(tiles.shape[1]):
            for batch in range(tiles.shape[2]):
                if tiles.shape[0] == 36:
                    winograd_samples_4(
                        &tiles[0, group, batch, 0, 0, 0], &x[batch, group, 0, 0, 0], &n
                    )
                else:
                    winograd_samples_2(
                        &tiles[0, group, batch, 0, 0, 0], &x[batch, group, 0, 0, 0], &n
                    )


def winograd_outputs(
    float[:, :, :, :, :] out,
    const float[:, :, :, :, :, :] tiles,
    const float[:, ::1] bias,
    bint relu,
):
    """Interpolate a slab, and say whether it is finite."""
    cdef tiles_t n = tiles_of(out, tiles)
    cdef Py_ssize_t group, batch
    cdef bint finite = True
    with nogil:
        for group in range(tiles.shape[1]):
            for batch in range(tiles.shape[2]):
                if tiles.shape[0] == 36:
                    finite &= winograd_outputs_4(
                        &out[batch, group, 0, 0, 0], &tiles[0, group, batch, 0, 0, 0],
                        &bias[group, 0], &n, relu,
                    )
                else:
                    finite &= winograd_outputs_2(
                        &out[batch, group, 0, 0, 0], &tiles[0, group, batch, 0, 0, 0],
                        &bias[group, 0], &n, relu,
                    )
    return finite
