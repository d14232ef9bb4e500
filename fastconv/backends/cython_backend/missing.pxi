"""Missing samples: replace them by zeros, deduct their weights, and divide sums by shares."""


def drop(x, valid, int64_t[::1] missing, nan, told):
    missing[0] = 0
    if not told:
        valid.fill(1)
    for samples, known in batches(2, x, valid):
        missing[0] += drop_slab(samples, known, nan)


def drop_slab(floating[:, :, :] x, uint8_t[:, :, :] valid, bint nan):
    """Put zeros in the place of missing samples and return how many there are."""
    cdef Py_ssize_t i, j, m
    cdef int64_t missing = 0
    with nogil:
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                for m in range(x.shape[2]):
                    if nan and x[i, j, m] != x[i, j, m]:
                        valid[i, j, m] = 0
                    if not valid[i, j, m]:
                        x[i, j, m] = 0
                        missing += 1
    return missing


def deduct(shares, valid, const int64_t[::1] missing, w, starts, width, most, least):
    if missing[0] == 0:
        return True
    if missing[0] > most:
        return False
    shares.fill(1)
    return deduct_weights(shares, valid.reshape(-1), w, starts, width, least)


def deduct_weights(
    floating[::1] shares,
    const uint8_t[::1] valid,
    const floating[:, ::1] w,
    const int64_t[::1] starts,
    int64_t width,
    floating least,
):
    """Subtract the weights of missing samples and return whether shares stay at least the least."""
    cdef Py_ssize_t i, row, m
    cdef bint kept = True
    with nogil:
        for i in range(valid.shape[0]):
            if not valid[i]:
                for row in range(w.shape[0]):
                    for m in range(width):
                        shares[i + starts[row] + m] -= w[row, m]
                        kept &= shares[i + starts[row] + m] >= least
    return bool(kept)


def divide(out, shares, const int64_t[::1] missing, full, least):
    if missing[0]:
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


def below(out, x, const int64_t[::1] missing, least):
    if missing[0]:
        for to, samples in batches(2, out, x):
            below_slab(to, samples, least)


def below_slab(uint8_t[:, :, :] out, const floating[:, :, :] x, floating least):
    """Mark shares below the least one."""
    cdef Py_ssize_t i, j, m
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    out[i, j, m] = x[i, j, m] < least
