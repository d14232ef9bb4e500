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


ctypedef struct planes_t:
    tiles_t tiles
    Py_ssize_t components, groups, batches
    Py_ssize_t group, batch, tile_group, tile_batch, bias_group
    int relu


cdef planes_t planes_of(const Py_buffer *planes, const Py_buffer *tiles) noexcept:
    """Return extents and steps of planes `(B, G, channels, rows, columns)` and of their tiles,
    `(components, G, B, down, across, channels)`.
    """
    cdef Py_ssize_t item = sizeof(float)
    cdef planes_t n
    n.tiles = tiles_t(
        planes.shape[3], planes.shape[4], planes.strides[3] // item, planes.strides[4] // item,
        tiles.shape[3], tiles.shape[4], tiles.strides[4] // item, tiles.strides[0] // item,
        planes.shape[2],
    )
    n.components, n.groups, n.batches = tiles.shape[0], tiles.shape[1], tiles.shape[2]
    n.batch, n.group = planes.strides[0] // item, planes.strides[1] // item
    n.tile_group, n.tile_batch = tiles.strides[1] // item, tiles.strides[2] // item
    n.bias_group = n.relu = 0
    return n


cdef void run_samples(float *tiles, const float *x, const planes_t *n) noexcept nogil:
    cdef Py_ssize_t group, batch
    cdef float *to
    cdef const float *of
    for group in range(n.groups):
        for batch in range(n.batches):
            to = tiles + group * n.tile_group + batch * n.tile_batch
            of = x + group * n.group + batch * n.batch
            if n.components == 36:
                winograd_samples_4(to, of, &n.tiles)
            else:
                winograd_samples_2(to, of, &n.tiles)


cdef bint run_outputs(
    float *out, const float *tiles, const float *bias, const planes_t *n
) noexcept nogil:
    """Interpolate a slab, and return whether it is finite."""
    cdef Py_ssize_t group, batch
    cdef bint finite = True
    cdef float *to
    cdef const float *of
    for group in range(n.groups):
        for batch in range(n.batches):
            to = out + group * n.group + batch * n.batch
            of = tiles + group * n.tile_group + batch * n.tile_batch
            if n.components == 36:
                finite &= winograd_outputs_4(to, of, bias + group * n.bias_group, &n.tiles, n.relu)
            else:
                finite &= winograd_outputs_2(to, of, bias + group * n.bias_group, &n.tiles, n.relu)
    return finite
