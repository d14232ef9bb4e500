"""Samples without those that are missing, and sums over the shares of weight that are left."""


def select(out, x, valid):
    for to, samples, known in batches(2, out, x, valid):
        select_slab(to, samples, known)


def select_slab(
    floating[:, :, :] out, const floating[:, :, :] x, const uint8_t[:, :, :] valid
):
    """Select samples."""
    cdef Py_ssize_t i, j, m
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    out[i, j, m] = x[i, j, m] if valid[i, j, m] else 0


def divide(out, shares, full, least):
    for to, of in batches(2, out, shares):
        divide_slab(to, of, full, least)


def divide_slab(
    floating[:, :, :] out, const floating[:, :, :] shares, floating full, floating least
):
    """Divide sums in place."""
    cdef Py_ssize_t i, j, m
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    if shares[i, j, m] < least:
                        out[i, j, m] = <floating> NAN
                    elif not shares[i, j, m] >= full:
                        out[i, j, m] = out[i, j, m] / shares[i, j, m]
