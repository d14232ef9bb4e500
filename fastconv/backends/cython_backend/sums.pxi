"""Operations on sums in place, and checks of samples and sums."""

cdef enum:
    BLOCK = 16


def epilogue(out, bias, relu):
    return add_bias_and_check(out, bias, relu)


def add_bias_and_check(floating[:, :, :, :] out, const floating[:] bias, bint relu):
    """Add a bias to each channel, and return whether all sums are finite."""
    cdef Py_ssize_t c, i, j, m
    cdef floating total
    cdef bint finite = True
    with nogil:
        for c in range(out.shape[0]):
            for i in range(out.shape[1]):
                for j in range(out.shape[2]):
                    for m in range(out.shape[3]):
                        total = out[c, i, j, m] + bias[c]
                        if not isfinite(total):
                            finite = False
                        out[c, i, j, m] = 0 if relu and total < 0 else total
    return bool(finite)


def in_range(x, limit):
    largest, least, zeros = 0.0, INFINITY, False
    for (slab,) in batches(2, x):
        most, fewest, empty = extremes(slab)
        largest, least, zeros = max(largest, most), min(least, fewest), zeros or empty
    if largest == INFINITY:
        return False
    if limit == INFINITY:
        return True
    if zeros and largest > limit * limit:
        return False
    return least >= largest / limit


def extremes(const floating[:, :, :] x):
    """Return the largest magnitude, infinity for NaN, the least one that a block has as its
    largest, and whether there are blocks of zeros.
    """
    cdef Py_ssize_t n, top, left, i, j
    cdef double largest = 0, least = INFINITY, most, value
    cdef bint zeros = False
    with nogil:
        for n in range(x.shape[0]):
            for top in range((x.shape[1] + BLOCK - 1) // BLOCK):
                for left in range((x.shape[2] + BLOCK - 1) // BLOCK):
                    most = 0
                    for i in range(top * BLOCK, min((top + 1) * BLOCK, x.shape[1])):
                        for j in range(left * BLOCK, min((left + 1) * BLOCK, x.shape[2])):
                            value = fabs(x[n, i, j])
                            if not isfinite(value):
                                value = INFINITY
                            most = max(most, value)
                    largest = max(largest, most)
                    if most == 0:
                        zeros = True
                    else:
                        least = min(least, most)
    return largest, least, bool(zeros)


def accumulate(out, x):
    for to, samples in batches(2, out, x):
        accumulate_slab(to, samples)


def at_most(out, ceiling):
    for (to,) in batches(2, out):
        lower_slab(to, ceiling)


def lower_slab(item[:, :, :] out, double ceiling):
    """Clip an array to an upper limit, in place."""
    cdef Py_ssize_t i, j, m
    cdef item most = <item> ceiling
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    if out[i, j, m] > most:
                        out[i, j, m] = most


def accumulate_slab(floating[:, :, :] out, const floating[:, :, :] x):
    """Add samples to sums."""
    cdef Py_ssize_t i, j, m
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    out[i, j, m] += x[i, j, m]
