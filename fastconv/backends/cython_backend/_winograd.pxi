"""The transforms of Winograd's convolution: included by a module for each instruction set."""

cdef extern from "winograd.h" nogil:
    ctypedef struct tiles_t:
        int64_t rows, cols, row, col
        int64_t tiles_down, tiles_across, tile, component
        int64_t channels
    ctypedef struct kernels_t:
        int64_t channels_in, rows, cols, out, row, col
        int64_t inward "in"
        int64_t component, at_points_block, at_points_in
    void winograd_samples(float *out, const float *x, const tiles_t *n, int64_t points)
    bint winograd_outputs(
        float *out, const float *tiles, const float *bias, const tiles_t *n, int relu,
        int64_t points
    )
    void winograd_weights(float *out, const float *w, const kernels_t *n, int64_t points)


ctypedef struct panels_t:
    kernels_t kernels
    Py_ssize_t components, groups, panels
    Py_ssize_t group, panel, at_points_group, at_points_panel


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
            winograd_samples(to, of, &n.tiles, n.components)


cdef bint run_outputs(
    float *out, const float *tiles, const float *bias, const planes_t *n
) noexcept nogil:
    """Transform a slab back to outputs, and return whether it is finite."""
    cdef Py_ssize_t group, batch
    cdef bint finite = True
    cdef float *to
    cdef const float *of
    for group in range(n.groups):
        for batch in range(n.batches):
            to = out + group * n.group + batch * n.batch
            of = tiles + group * n.tile_group + batch * n.tile_batch
            finite &= winograd_outputs(
                to, of, bias + group * n.bias_group, &n.tiles, n.relu, n.components
            )
    return finite


cdef panels_t panels_of(const Py_buffer *values, const Py_buffer *w) noexcept:
    """Return extents and steps of transformed kernels, `(G, panels, points, blocks, channels in,
    channels out)`, and of the kernels, `(G, panels, channels out, channels in, rows, columns)`.
    """
    cdef Py_ssize_t item = sizeof(float)
    cdef panels_t n
    n.kernels.channels_in, n.kernels.rows, n.kernels.cols = w.shape[3], w.shape[4], w.shape[5]
    n.kernels.out, n.kernels.inward = w.strides[2] // item, w.strides[3] // item
    n.kernels.row, n.kernels.col = w.strides[4] // item, w.strides[5] // item
    n.kernels.component = values.strides[2] // item
    n.kernels.at_points_block = values.strides[3] // item
    n.kernels.at_points_in = values.strides[4] // item
    n.components, n.groups, n.panels = values.shape[2], values.shape[0], values.shape[1]
    n.group, n.panel = w.strides[0] // item, w.strides[1] // item
    n.at_points_group, n.at_points_panel = values.strides[0] // item, values.strides[1] // item
    return n


cdef void run_weights(float *values, const float *w, const panels_t *n) noexcept nogil:
    cdef Py_ssize_t group, panel
    cdef float *to
    cdef const float *of
    for group in range(n.groups):
        for panel in range(n.panels):
            to = values + group * n.at_points_group + panel * n.at_points_panel
            of = w + group * n.group + panel * n.panel
            winograd_weights(to, of, &n.kernels, n.components)
