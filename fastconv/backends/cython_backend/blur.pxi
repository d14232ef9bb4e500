"""Blurs of bytes in fixed point: a mean along one axis, then along the other."""

from ...problem import fixed


def blur(out, x, w):
    weights = w.ravel()
    axis = x.ndim - 2
    half = (x.shape[axis] - out.shape[axis]) // 2
    down, across = weights[:half + 1], weights[half + 1:]
    for to, samples in batches(2, out, x):
        numbers = np.left_shift(samples, 8, dtype=np.uint16)
        means = np.empty((*to.shape[:2], samples.shape[2]), np.uint16)
        both = np.empty(to.shape, np.uint16)
        mean_of_rows(means, numbers, down)
        mean_of_rows(both.swapaxes(1, 2), means.swapaxes(1, 2), across)
        cut_off(to, both, fixed.around(len(weights)))


def mean_of_rows(
    uint16_t[:, :, :] out, const uint16_t[:, :, :] x, const uint16_t[:] w
):
    """Weighted means along the second axis; the first weight is that of the middle."""
    cdef Py_ssize_t half = w.shape[0] - 1, b, i, j, distance
    cdef uint32_t pair, total
    with nogil:
        for b in range(out.shape[0]):
            for i in range(out.shape[1]):
                for j in range(out.shape[2]):
                    total = <uint32_t> x[b, i + half, j] * w[0] >> 16
                    for distance in range(1, half + 1):
                        pair = <uint32_t> x[b, i + half - distance, j] + 1
                        pair = (pair + x[b, i + half + distance, j]) >> 1
                        total += pair * w[distance] >> 16
                    out[b, i, j] = <uint16_t> total


def cut_off(uint8_t[:, :, :] out, const uint16_t[:, :, :] means, uint32_t around):
    """Whole numbers of means."""
    cdef Py_ssize_t b, i, j
    with nogil:
        for b in range(out.shape[0]):
            for i in range(out.shape[1]):
                for j in range(out.shape[2]):
                    out[b, i, j] = <uint8_t> ((means[b, i, j] + around) >> 8)
