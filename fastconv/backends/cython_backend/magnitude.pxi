"""The magnitude of vectors: the root of the sum of squares, by `hypot`, which does not overflow."""


def magnitude(out, parts):
    first = parts[0]
    rest = parts[1:] or (np.zeros_like(first),)
    for part in rest:
        for to, x, y in batches(2, out, first, part):
            magnitude_slab(to, x, y)
        first = out


def magnitude_slab(floating[:, :, :] out, const floating[:, :, :] x, const floating[:, :, :] y):
    """Measure vectors of two components, of which `out` may be one."""
    cdef Py_ssize_t i, j, m
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    out[i, j, m] = <floating> hypot(x[i, j, m], y[i, j, m])
