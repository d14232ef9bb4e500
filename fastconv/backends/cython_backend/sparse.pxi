"""Correlation with a list of taps, summed in the order of the list."""


def correlate_sparse(out, x, w, offsets, bias, stride, dilation, relu):
    rank, start = len(stride), started(bias, out, len(stride))
    if rank > 3:
        correlate_tap_by_tap(out, x, w, offsets, start, stride, dilation, relu)
        return
    taps = np.zeros((offsets.shape[0], 3), np.int64)
    taps[:, 3 - rank:] = offsets
    for to, samples, first in batches(rank + 2, out, x, start):
        correlate_sparse_slab(
            filtered(to, rank), filtered(samples, rank), w, taps, filtered(first, rank),
            triple(stride), triple(dilation), relu,
        )


def correlate_tap_by_tap(out, x, w, offsets, sums, stride, dilation, relu):
    """Correlate along many axes, with a kernel of one tap for each offset."""
    taps = offsets.tolist()
    for n, tap in enumerate(taps):
        seen = (slice(t * d, None) for t, d in zip(tap, dilation))
        weights = w[(slice(None), slice(None), n, None, *(None,) * len(tap))]
        last = n == len(taps) - 1
        correlate_from(
            out, x[(..., *seen)], weights, sums, stride, dilation, relu and last
        )
        sums = out


def correlate_sparse_slab(
    item[:, :, :, :, :, :] out,
    const item[:, :, :, :, :, :] x,
    const item[:, :, :] w,
    const int64_t[:, ::1] offsets,
    const item[:, :, :, :, :, :] start,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) stride,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) dilation,
    bint relu,
):
    """Correlate along three axes, with one batch axis."""
    cdef Py_ssize_t b, g, k, i, j, n, plane, row, col
    with nogil:
        for b in range(out.shape[0]):
            for g in range(out.shape[1]):
                for k in range(out.shape[2]):
                    for i in range(out.shape[3]):
                        for j in range(out.shape[4]):
                            fill_row(out[b, g, k, i, j], start[b, g, k, i, j])
                            for n in range(w.shape[2]):
                                plane = i * stride[0] + offsets[n, 0] * dilation[0]
                                row = j * stride[1] + offsets[n, 1] * dilation[1]
                                col = offsets[n, 2] * dilation[2]
                                add_row(
                                    out[b, g, k, i, j],
                                    x[b, g, 0, plane, row, col::stride[2]],
                                    w[g, k, n],
                                )
                            if relu:
                                relu_row(out[b, g, k, i, j])
