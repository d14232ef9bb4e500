"""Log-step box sums: the sum of 2n neighbours is that of n, twice, side by side."""

ctypedef fused narrow:
    uint8_t
    uint16_t


def box(out, x, w, bias, size, relu):
    ones, first = (None,) * len(size), x.ndim - len(size)
    if out.dtype != w.dtype:
        sums = x.astype(np.int64, order="C")
    else:
        sums = np.empty(x.shape, x.dtype)
        weights = np.broadcast_to(w[(..., *ones)], x.shape)
        for to, samples, factors in batches(2, sums, x, weights):
            weigh(to, samples, factors)
    for axis, length in enumerate(size, first):
        if length > 1:
            sums = sums_of_neighbours(sums, axis, length)
    if out.dtype != w.dtype:
        weights = np.broadcast_to(w[(..., *ones)], out.shape)
        offsets = np.broadcast_to(bias[(..., *ones)], out.shape)
        for to, totals, factors, add in batches(2, out, sums, weights, offsets):
            weigh_sums(to, totals, factors, add)
    else:
        for to, totals, add in batches(2, out, sums, started(bias, out, len(size))):
            add_bias(to, totals, add, relu)


def sums_of_neighbours(samples, axis, length):
    """Return sums of so many neighbours along an axis; the samples are lost."""
    shape = list(samples.shape)
    flat = samples.reshape(int(np.prod(shape[:axis])), shape[axis], -1)
    shape[axis] -= length - 1
    sums = np.empty(shape, samples.dtype)
    add_neighbours(sums.reshape(flat.shape[0], shape[axis], -1), flat, length)
    return sums


def add_neighbours(item[:, :, ::1] sums, item[:, :, ::1] power, Py_ssize_t length):
    """Sum neighbours along the second axis.

    At every step, `power` has the sums of `step` samples; those that the bits of `length` ask for
    are added up.
    """
    cdef Py_ssize_t o, i, j, step = 1, done = 0
    with nogil:
        while True:
            if length & step:
                for o in range(sums.shape[0]):
                    for i in range(sums.shape[1]):
                        for j in range(sums.shape[2]):
                            if done == 0:
                                sums[o, i, j] = power[o, i, j]
                            else:
                                sums[o, i, j] += power[o, i + done, j]
                done += step
            if done == length:
                break
            for o in range(power.shape[0]):
                for i in range(power.shape[1] - 2 * step + 1):
                    for j in range(power.shape[2]):
                        power[o, i, j] += power[o, i + step, j]
            step *= 2


def weigh(item[:, :, :] out, const item[:, :, :] x, const item[:, :, :] w):
    """Multiply samples by weights."""
    cdef Py_ssize_t i, j, m
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    out[i, j, m] = x[i, j, m] * w[i, j, m]


def add_bias(
    item[:, :, :] out, const item[:, :, :] sums, const item[:, :, :] bias, bint relu
):
    """Add a bias to sums."""
    cdef Py_ssize_t i, j, m
    cdef item total
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    total = sums[i, j, m] + bias[i, j, m]
                    out[i, j, m] = 0 if relu and total < 0 else total


def weigh_sums(
    narrow[:, :, :] out,
    const int64_t[:, :, :] sums,
    const float[:, :, :] w,
    const float[:, :, :] bias,
):
    """Multiply exact sums of small integers by weights, and store them as such."""
    cdef int64_t most = 255 if narrow is uint8_t else 65535
    cdef Py_ssize_t i, j, m
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    out[i, j, m] = <narrow> saturated(
                        <float> sums[i, j, m] * w[i, j, m] + bias[i, j, m], 0, most
                    )
