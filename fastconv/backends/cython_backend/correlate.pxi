"""Valid correlation: ten loops, the outer six over outputs, the inner four over what they sum."""


def correlate(out, x, w, bias, stride, dilation, relu):
    correlate_from(out, x, w, started(bias, out, len(stride)), stride, dilation, relu)


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
    cdef Py_ssize_t b, g, k, i, j, m, c, t, u, v, plane, row, col
    cdef item total
    with nogil:
        for b in range(out.shape[0]):
            for g in range(out.shape[1]):
                for k in range(out.shape[2]):
                    for i in range(out.shape[3]):
                        for j in range(out.shape[4]):
                            for m in range(out.shape[5]):
                                total = start[b, g, k, i, j, m]
                                for c in range(w.shape[2]):
                                    for t in range(w.shape[3]):
                                        plane = i * stride[0] + t * dilation[0]
                                        for u in range(w.shape[4]):
                                            row = j * stride[1] + u * dilation[1]
                                            for v in range(w.shape[5]):
                                                col = m * stride[2] + v * dilation[2]
                                                total += (
                                                    w[g, k, c, t, u, v]
                                                    * x[b, g, c, plane, row, col]
                                                )
                                if relu and total < 0:
                                    total = 0
                                out[b, g, k, i, j, m] = total
