"""One channel in and one out for each group, with zeros around the samples."""

from ..numpy_backend import depthwise as numpy_depthwise


cdef inline void add_products(
    floating[:] out, const floating[:] x, const floating[:] w
) noexcept nogil:
    """Add the products of samples and weights, group by group."""
    cdef Py_ssize_t i
    for i in range(out.shape[0]):
        out[i] += w[i] * x[i]


def depthwise(out, x, w, bias, stride, dilation, pad_before, relu):
    rank = len(stride)
    if rank > 3:
        numpy_depthwise.depthwise(out, x, w, bias, stride, dilation, pad_before, relu)
        return
    zeros = np.zeros(out.shape[out.ndim - rank - 2], out.dtype)
    for to, samples in batches(rank + 2, out, x):
        depthwise_slab(
            filtered(to, rank), filtered(samples, rank), filtered(w, rank), bias,
            triple(stride), triple(dilation), triple(pad_before, 0), zeros, relu,
        )


def depthwise_slab(
    floating[:, :, :, :, :, :] out,
    const floating[:, :, :, :, :, :] x,
    const floating[:, :, :, :] w,
    const floating[:, :] bias,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) stride,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) dilation,
    (Py_ssize_t, Py_ssize_t, Py_ssize_t) pad_before,
    const floating[:] zeros,
    bint relu,
):
    """Correlate along three axes, with one batch axis; samples beyond the edges are zeros."""
    cdef Py_ssize_t b, i, j, m, t, u, v, plane, row, col
    with nogil:
        for b in range(out.shape[0]):
            for i in range(out.shape[3]):
                for j in range(out.shape[4]):
                    for m in range(out.shape[5]):
                        fill_row(out[b, :, 0, i, j, m], bias[:, 0])
                        for t in range(w.shape[1]):
                            plane = i * stride[0] + t * dilation[0] - pad_before[0]
                            for u in range(w.shape[2]):
                                row = j * stride[1] + u * dilation[1] - pad_before[1]
                                for v in range(w.shape[3]):
                                    col = m * stride[2] + v * dilation[2] - pad_before[2]
                                    if (
                                        0 <= plane < x.shape[3]
                                        and 0 <= row < x.shape[4]
                                        and 0 <= col < x.shape[5]
                                    ):
                                        add_products(
                                            out[b, :, 0, i, j, m],
                                            x[b, :, 0, plane, row, col],
                                            w[:, t, u, v],
                                        )
                                    else:
                                        add_products(
                                            out[b, :, 0, i, j, m], zeros, w[:, t, u, v]
                                        )
                        if relu:
                            relu_row(out[b, :, 0, i, j, m])
