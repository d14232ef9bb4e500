"""Correlation of bytes with whole weights, whose sums are exact, in any order."""

from libc.stdint cimport int8_t

MULTIPLIES_BYTES = True

ctypedef fused sample:
    uint8_t
    int8_t


def correlate_bytes(out, x, w, bias):
    """Correlate, and store as `dtypes.store` does."""
    rank = w.ndim - 3
    sums = np.empty(out.shape, np.float32)
    for to, samples in batches(rank + 2, sums, x):
        correlate_bytes_slab(filtered(to, rank), filtered(samples, rank), filtered(w, rank), bias)
    store(out, sums)


def correlate_bytes_slab(
    float[:, :, :, :, :, :] out,
    const sample[:, :, :, :, :, :] x,
    const float[:, :, :, :, :, :] w,
    const float[:, :] bias,
):
    """Correlate along three axes, with one batch axis, one channel in and one out."""
    cdef Py_ssize_t b, g, i, j, m, t, u, v
    cdef double total
    with nogil:
        for b in range(out.shape[0]):
            for g in range(out.shape[1]):
                for i in range(out.shape[3]):
                    for j in range(out.shape[4]):
                        for m in range(out.shape[5]):
                            total = bias[g, 0]
                            for t in range(w.shape[3]):
                                for u in range(w.shape[4]):
                                    for v in range(w.shape[5]):
                                        total += (
                                            w[g, 0, 0, t, u, v] * x[b, g, 0, i + t, j + u, m + v]
                                        )
                            out[b, g, 0, i, j, m] = <float> total
