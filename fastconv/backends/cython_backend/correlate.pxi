"""Valid correlation: for each row of outputs and each tap, a weight times a row of samples."""


cdef inline void add_row(item[:] out, const item[:] x, item weight) noexcept nogil:
    """The hot loop: add a weighted row of samples to a row of outputs."""
    cdef Py_ssize_t i
    for i in range(out.shape[0]):
        out[i] += weight * x[i]


cdef inline void fill_row(item[:] out, const item[:] start) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(out.shape[0]):
        out[i] = start[i]


cdef inline void relu_row(item[:] out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(out.shape[0]):
        if out[i] < 0:
            out[i] = 0


def correlate_slab(
    item[:, :, :, :, :, :] out,
    const item[:, :, :, :, :, :] x,
    const item[:, :, :, :, :, :] w,
    const item[:, :, :, :, :, :] start,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) stride,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) dilation,
    bint relu,
):
    """Correlate along three axes, with one batch axis."""
    cdef Py_ssize_t b, g, k, i, j, c, t, u, v, plane, row, col
    with nogil:
        for b in range(out.shape[0]):
            for g in range(out.shape[1]):
                for k in range(out.shape[2]):
                    for i in range(out.shape[3]):
                        for j in range(out.shape[4]):
                            fill_row(out[b, g, k, i, j], start[b, g, k, i, j])
                            for c in range(w.shape[2]):
                                for t in range(w.shape[3]):
                                    plane = i * stride[0] + t * dilation[0]
                                    for u in range(w.shape[4]):
                                        row = j * stride[1] + u * dilation[1]
                                        for v in range(w.shape[5]):
                                            col = v * dilation[2]
                                            add_row(
                                                out[b, g, k, i, j],
                                                x[b, g, c, plane, row, col::stride[2]],
                                                w[g, k, c, t, u, v],
                                            )
                            if relu:
                                relu_row(out[b, g, k, i, j])


def correlate(out, x, w, bias, stride, dilation, relu):
    if x.itemsize == 1:
        correlate_bytes(out, x, w, bias)
        return
    start = started(bias, out, len(stride))
    if w.dtype.kind == "f" and w.shape[2] == 1 and 1 < max(w.shape[3:]) == w.size // (
        w.shape[0] * w.shape[1]
    ):
        correlate_line(out, x, w, start, stride, dilation, relu)
        return
    correlate_from(out, x, w, start, stride, dilation, relu)


def correlate_line(out, x, w, start, stride, dilation, relu):
    """Correlate along the only axis with taps: both halves of these are summed apart, from the ends
    inwards, so that mirrored samples give the same bits if their weights are alike.
    """
    rank = len(stride)
    axis = max(range(rank), key=w.shape[3:].__getitem__) - rank
    taps, outputs = w.shape[axis], out.shape[axis]
    half = taps // 2
    reach = (outputs - 1) * stride[axis] + (taps - 1) * dilation[axis] + 1

    def along(first, last=None, step=None):
        return (..., slice(first, last, step), *(slice(None),) * (-1 - axis))

    none = np.broadcast_to(np.zeros((), out.dtype), out.shape)
    before, after = np.empty_like(out), np.empty_like(out)
    back = along(None, None, -1)
    correlate_from(before, x, w[along(0, half)], none, stride, dilation, False)
    samples, weights = x[along(0, reach)][back], w[back][along(0, half)]
    correlate_from(after[back], samples, weights, none, stride, dilation, False)
    with np.errstate(all="ignore"):
        before += after
        before += start
    middle = along(half * dilation[axis])
    correlate_from(out, x[middle], w[along(half, taps - half)], before, stride, dilation, relu)


def correlate_from(out, x, w, start, stride, dilation, relu):
    """Correlate with sums that begin with `start`, of the shape of `out`."""
    rank = len(stride)
    if rank > 3:
        correlate_first_axis(out, x, w, start, stride, dilation, relu)
        return
    for to, samples, first in batches(rank + 2, out, x, start):
        correlate_slab(
            filtered(to, rank), filtered(samples, rank), filtered(w, rank), filtered(first, rank),
            triple(stride), triple(dilation), relu,
        )


def correlate_first_axis(out, x, w, start, stride, dilation, relu):
    """Correlate along the first of many axes, with an inner correlation for each of its taps."""
    lead = (slice(None),) * (out.ndim - len(stride))
    depth, taps = w.shape[2], w.shape[3]
    for o in range(out.shape[len(lead)]):
        to, sums = out[(*lead, o)], start[(*lead, o)]
        for c in range(depth):
            channel = (*lead[1:], slice(c, c + 1))
            for t in range(taps):
                samples = x[(*channel, o * stride[0] + t * dilation[0])]
                weights = w[:, :, c:c + 1, t]
                last = c == depth - 1 and t == taps - 1
                correlate_from(
                    to, samples, weights, sums, stride[1:], dilation[1:], relu and last
                )
                sums = to
