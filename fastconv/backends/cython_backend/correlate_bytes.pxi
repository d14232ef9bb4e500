"""Correlation of bytes with whole weights, whose sums are exact, in any order."""

from libc.stdint cimport int8_t

MULTIPLIES_BYTES = True

ctypedef fused sample:
    uint8_t
    int8_t


def correlate_bytes(out, x, w, bias):
    """Correlate, and store as `dtypes.store` does."""
    sums = np.full(out.shape, bias[0, 0], np.float32)
    add_bytes(sums, x, w)
    store(out, sums)


def add_bytes(sums, x, w):
    """Add products along any number of axes, one after the other where they are more than three."""
    rank = w.ndim - 3
    if rank > 3:
        lead = (slice(None),) * (sums.ndim - rank)
        for o, t in np.ndindex(sums.shape[len(lead)], w.shape[3]):
            add_bytes(sums[(*lead, o)], x[(*lead, o + t)], w[:, :, :, t])
        return
    for to, samples in batches(rank + 2, sums, x):
        add_byte_slab(filtered(to, rank), filtered(samples, rank), filtered(w, rank))


def add_byte_slab(
    float[:, :, :, :, :, :] sums,
    const sample[:, :, :, :, :, :] x,
    const float[:, :, :, :, :, :] w,
):
    """Add products along three axes, with one batch axis, one group, one channel in and one out."""
    cdef Py_ssize_t b, i, j, m, t, u, v
    cdef float total
    with nogil:
        for b in range(sums.shape[0]):
            for i in range(sums.shape[3]):
                for j in range(sums.shape[4]):
                    for m in range(sums.shape[5]):
                        total = sums[b, 0, 0, i, j, m]
                        for t in range(w.shape[3]):
                            for u in range(w.shape[4]):
                                for v in range(w.shape[5]):
                                    total += w[0, 0, 0, t, u, v] * x[b, 0, 0, i + t, j + u, m + v]
                        sums[b, 0, 0, i, j, m] = total
