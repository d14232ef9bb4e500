"""Winograd's convolution: for each tile, a matrix from the left and one from the right."""

from ..geometry.winograd import OUTPUTS, SAMPLES, TILES, WEIGHTS


def matrices(kind, points):
    """Return the matrices, down and across, for tiles with `points` points; 1 along lines."""
    down, across = TILES[points]
    return kind[down], kind[across] if across > 1 else np.ones((1, 1), kind[down].dtype)


cdef void sandwich(
    floating[:, ::1] values,
    const floating[:, ::1] left,
    const floating[:, ::1] tile,
    const floating[:, ::1] right,
    floating[:, ::1] half,
) noexcept nogil:
    """Fill `values` with left @ tile @ right.T."""
    cdef Py_ssize_t i, j, k
    for i in range(left.shape[0]):
        for j in range(tile.shape[1]):
            half[i, j] = 0
            for k in range(left.shape[1]):
                half[i, j] += left[i, k] * tile[k, j]
    for i in range(left.shape[0]):
        for j in range(right.shape[0]):
            values[i, j] = 0
            for k in range(right.shape[1]):
                values[i, j] += half[i, k] * right[j, k]


def winograd_weights(values, w):
    weights_at_points(values, w, *matrices(WEIGHTS, values.shape[2]))


def weights_at_points(
    float[:, :, :, :, :, :] values,
    const float[:, :, :, :, :, :] w,
    const double[:, ::1] down,
    const double[:, ::1] across,
):
    """Transform blocks of taps, calculated in double precision; taps beyond the kernel are zero."""
    cdef Py_ssize_t height = down.shape[1], width = across.shape[1]
    cdef Py_ssize_t blocks_across = (w.shape[5] + width - 1) // width
    cdef Py_ssize_t g, panel, lane, c, block, i, j, row, col
    cdef double[:, ::1] taps = np.empty((height, width))
    cdef double[:, ::1] half = np.empty((down.shape[0], width))
    cdef double[:, ::1] tile = np.empty((down.shape[0], across.shape[0]))
    with nogil:
        for g in range(w.shape[0]):
            for panel in range(w.shape[1]):
                for block in range(values.shape[3]):
                    for c in range(w.shape[3]):
                        for lane in range(w.shape[2]):
                            for i in range(height):
                                row = block // blocks_across * height + i
                                for j in range(width):
                                    col = block % blocks_across * width + j
                                    taps[i, j] = 0
                                    if row < w.shape[4] and col < w.shape[5]:
                                        taps[i, j] = w[g, panel, lane, c, row, col]
                            sandwich(tile, down, taps, across, half)
                            for i in range(tile.shape[0]):
                                for j in range(tile.shape[1]):
                                    values[g, panel, i * tile.shape[1] + j, block, c, lane] = (
                                        <float> tile[i, j]
                                    )


def winograd_samples(tiles, x):
    samples_at_points(tiles, x, *matrices(SAMPLES, tiles.shape[0]), *TILES[tiles.shape[0]])


def samples_at_points(
    float[:, :, :, :, :, :] tiles,
    const float[:, :, :, :, :] x,
    const float[:, ::1] down,
    const float[:, ::1] across,
    Py_ssize_t step_down,
    Py_ssize_t step_across,
):
    """Transform tiles of samples, which begin so many rows and columns apart."""
    cdef Py_ssize_t g, b, top, left, c, i, j, row, col
    cdef float[:, ::1] seen = np.empty((down.shape[1], across.shape[1]), np.float32)
    cdef float[:, ::1] half = np.empty((down.shape[0], across.shape[1]), np.float32)
    cdef float[:, ::1] tile = np.empty((down.shape[0], across.shape[0]), np.float32)
    with nogil:
        for g in range(tiles.shape[1]):
            for b in range(tiles.shape[2]):
                for top in range(tiles.shape[3]):
                    for left in range(tiles.shape[4]):
                        for c in range(tiles.shape[5]):
                            for i in range(seen.shape[0]):
                                row = top * step_down + i
                                for j in range(seen.shape[1]):
                                    col = left * step_across + j
                                    seen[i, j] = 0
                                    if row < x.shape[3] and col < x.shape[4]:
                                        seen[i, j] = x[b, g, c, row, col]
                            sandwich(tile, down, seen, across, half)
                            for i in range(tile.shape[0]):
                                for j in range(tile.shape[1]):
                                    tiles[i * tile.shape[1] + j, g, b, top, left, c] = tile[i, j]


def winograd_outputs(out, tiles, bias, relu):
    return outputs_of_points(out, tiles, bias, *matrices(OUTPUTS, tiles.shape[0]), relu)


def outputs_of_points(
    float[:, :, :, :, :] out,
    const float[:, :, :, :, :, :] tiles,
    const float[:, :] bias,
    const float[:, ::1] down,
    const float[:, ::1] across,
    bint relu,
):
    """Transform tiles back, and return whether all sums are finite."""
    cdef Py_ssize_t g, b, top, left, c, i, j, row, col
    cdef float[:, ::1] tile = np.empty((down.shape[1], across.shape[1]), np.float32)
    cdef float[:, ::1] half = np.empty((down.shape[0], across.shape[1]), np.float32)
    cdef float[:, ::1] sums = np.empty((down.shape[0], across.shape[0]), np.float32)
    cdef float total
    cdef bint finite = True
    with nogil:
        for g in range(tiles.shape[1]):
            for b in range(tiles.shape[2]):
                for top in range(tiles.shape[3]):
                    for left in range(tiles.shape[4]):
                        for c in range(tiles.shape[5]):
                            for i in range(tile.shape[0]):
                                for j in range(tile.shape[1]):
                                    tile[i, j] = tiles[i * tile.shape[1] + j, g, b, top, left, c]
                            sandwich(sums, down, tile, across, half)
                            for i in range(sums.shape[0]):
                                row = top * sums.shape[0] + i
                                for j in range(sums.shape[1]):
                                    col = left * sums.shape[1] + j
                                    if row < out.shape[3] and col < out.shape[4]:
                                        total = sums[i, j] + bias[g, c]
                                        if not isfinite(total):
                                            finite = False
                                        if relu and total < 0:
                                            total = 0
                                        out[b, g, c, row, col] = total
    return bool(finite)
