"""Matrix products without im2col: channels are summed where they lie."""

from ..numpy_backend import gemm as numpy_gemm


cdef inline floating add_dot(
    floating total, const floating[:] a, const floating[:] b
) noexcept nogil:
    """Add the products of two rows to a sum."""
    cdef Py_ssize_t i
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


def gemm(out, x, w, bias, stride, dilation, relu):
    rank = len(stride)
    if rank > 3:
        numpy_gemm.gemm(out, x, w, bias, stride, dilation, relu)
        return
    panels = w[(slice(None), slice(None), *(None,) * (3 - rank))]
    for to, samples in batches(rank + 2, out, x):
        gemm_slab(
            filtered(to, rank), filtered(samples, rank), panels, bias, triple(stride),
            triple(dilation), relu,
        )


def gemm_slab(
    floating[:, :, :, :, :, :] out,
    const floating[:, :, :, :, :, :] x,
    const floating[:, :, :, :, :, :, :] w,
    const floating[:, :] bias,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) stride,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) dilation,
    bint relu,
):
    """Multiply along three axes, with one batch axis and panels of output channels in `w`."""
    cdef Py_ssize_t b, g, i, j, m, k, t, u, v, plane, row, col
    cdef Py_ssize_t panel, width = w.shape[6], lane
    cdef floating total
    with nogil:
        for b in range(out.shape[0]):
            for g in range(out.shape[1]):
                for i in range(out.shape[3]):
                    for j in range(out.shape[4]):
                        for m in range(out.shape[5]):
                            for k in range(out.shape[2]):
                                panel, lane = k // width, k % width
                                total = bias[g, k]
                                for t in range(w.shape[2]):
                                    plane = i * stride[0] + t * dilation[0]
                                    for u in range(w.shape[3]):
                                        row = j * stride[1] + u * dilation[1]
                                        for v in range(w.shape[4]):
                                            col = m * stride[2] + v * dilation[2]
                                            total = add_dot(
                                                total,
                                                x[b, g, :, plane, row, col],
                                                w[g, panel, t, u, v, :, lane],
                                            )
                                if relu and total < 0:
                                    total = 0
                                out[b, g, k, i, j, m] = total


def pointwise(out, x, w, bias, relu):
    if out.dtype != w.dtype:
        sums = np.empty_like(out, w.dtype)
        pointwise(sums, x.astype(w.dtype), w, bias, relu)
        store(out, sums)
        return
    for to, samples in batches(3, out, x):
        pointwise_slab(to, samples, w, bias, relu)


def pointwise_slab(
    floating[:, :, :, :] out,
    const floating[:, :, :, :] x,
    const floating[:, :, :] w,
    const floating[:, :] bias,
    bint relu,
):
    """Multiply the weights of each group by its samples, with one batch axis."""
    cdef Py_ssize_t b, g, k, c, p
    with nogil:
        for b in range(out.shape[0]):
            for g in range(out.shape[1]):
                for k in range(out.shape[2]):
                    for p in range(out.shape[3]):
                        out[b, g, k, p] = bias[g, k]
                    for c in range(w.shape[2]):
                        add_row(out[b, g, k], x[b, g, c], w[g, k, c])
                    if relu:
                        relu_row(out[b, g, k])


def weight_gradient(out, x, gradient, stride, dilation):
    rank = len(stride)
    if rank > 3:
        numpy_gemm.weight_gradient(out, x, gradient, stride, dilation)
        return
    sums, start = filtered(out, rank), np.zeros(1, out.dtype)
    start = np.broadcast_to(start, sums.shape)
    for samples, slab in batches(rank + 2, x, gradient):
        weight_gradient_slab(
            sums, filtered(samples, rank), filtered(slab, rank), start, triple(stride),
            triple(dilation),
        )
        start = sums


def weight_gradient_slab(
    floating[:, :, :, :, :, :] out,
    const floating[:, :, :, :, :, :] x,
    const floating[:, :, :, :, :, :] gradient,
    const floating[:, :, :, :, :, :] start,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) stride,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) dilation,
):
    """Multiply samples by gradients along three axes, and sum them up along a batch axis, too."""
    cdef Py_ssize_t g, k, c, t, u, v, b, i, j, plane, row, col
    cdef floating total
    with nogil:
        for g in range(out.shape[0]):
            for k in range(out.shape[1]):
                for c in range(out.shape[2]):
                    for t in range(out.shape[3]):
                        for u in range(out.shape[4]):
                            for v in range(out.shape[5]):
                                total, col = start[g, k, c, t, u, v], v * dilation[2]
                                for b in range(gradient.shape[0]):
                                    for i in range(gradient.shape[3]):
                                        plane = i * stride[0] + t * dilation[0]
                                        for j in range(gradient.shape[4]):
                                            row = j * stride[1] + u * dilation[1]
                                            total = add_dot(
                                                total,
                                                gradient[b, g, k, i, j],
                                                x[b, g, c, plane, row, col::stride[2]],
                                            )
                                out[g, k, c, t, u, v] = total
