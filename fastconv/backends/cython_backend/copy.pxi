"""Copies with conversion: samples with their border, and sums to results.

NumPy copies unaligned arrays, and dtypes for which no loop is compiled.
"""

ctypedef fused stored:
    uint8_t
    int16_t
    uint16_t
    int64_t
    float
    double

STORED = {"uint8", "int16", "uint16", "int64", "float32", "float64"}
COMPUTED = {"int64", "float32", "float64"}


def compiled(array, names):
    """Return whether the loops can read or write an array."""
    return array.flags.aligned and array.dtype.isnative and array.dtype.name in names


def pad(out, x, runs, cval):
    if x.dtype.char == "?":
        x = x.view(np.uint8)
    rounded = x.dtype.kind == "f" and out.dtype.kind != "f"
    if rounded or not compiled(out, COMPUTED) or not compiled(x, STORED):
        numpy_copy.pad(out, x, runs, cval)
        return
    maps = [index_map(table) for table in runs]
    constant = np.zeros(1, out.dtype)
    if any((index < 0).any() for index in maps):
        with np.errstate(all="ignore"):
            constant[0] = cval
    pad_axes(out, x, maps, constant)


def index_map(runs):
    """Return the index that each coordinate reads; negative for the constant."""
    index = np.empty(int(runs[:, 1].sum()), np.int64)
    for start, length, first, step in runs.tolist():
        steps = np.arange(length) * step if first >= 0 else 0
        index[start:start + length] = first + steps
    return index


def pad_axes(out, x, maps, constant):
    """Pad the last axes by their maps."""
    rank = len(maps)
    if rank <= 3:
        whole = [np.zeros(1, np.int64)] * (3 - rank) + maps
        for to, samples in batches(rank, out, x):
            pad_slab(filtered(to, rank), filtered(samples, rank), *whole, constant)
        return
    lead = (slice(None),) * (out.ndim - rank)
    for place, index in enumerate(maps[0].tolist()):
        to = out[(*lead, place)]
        if index < 0:
            to[...] = constant[0]
        else:
            pad_axes(to, x[(*lead, index)], maps[1:], constant)


def pad_slab(
    item[:, :, :, :] out,
    const stored[:, :, :, :] x,
    const int64_t[::1] planes,
    const int64_t[::1] rows,
    const int64_t[::1] cols,
    const item[::1] constant,
):
    """Pad three axes, with one batch axis."""
    cdef Py_ssize_t b, i, j, m
    with nogil:
        for b in range(out.shape[0]):
            for i in range(out.shape[1]):
                for j in range(out.shape[2]):
                    for m in range(out.shape[3]):
                        if planes[i] < 0 or rows[j] < 0 or cols[m] < 0:
                            out[b, i, j, m] = constant[0]
                        else:
                            out[b, i, j, m] = <item> x[b, planes[i], rows[j], cols[m]]


def store(out, sums):
    if not compiled(out, STORED) or not compiled(sums, COMPUTED):
        numpy_copy.store(out, sums)
        return
    low, high = 0, 0
    if out.dtype.kind != "f":
        limits = np.iinfo(out.dtype)
        low, high = int(limits.min), int(limits.max)
    for to, values in batches(2, out, sums):
        store_slab(to, values, low, high)


def store_slab(
    stored[:, :, :] out, const item[:, :, :] sums, int64_t low, int64_t high
):
    """Store sums, rounded and clipped to the limits of integers."""
    cdef Py_ssize_t i, j, m
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    if stored is float or stored is double:
                        out[i, j, m] = <stored> sums[i, j, m]
                    elif item is float or item is double:
                        out[i, j, m] = <stored> saturated(sums[i, j, m], low, high)
                    else:
                        out[i, j, m] = <stored> max(low, min(high, <int64_t> sums[i, j, m]))


def cast(out, sums):
    if out.dtype.kind not in "iu" or not compiled(out, STORED) or not compiled(sums, COMPUTED):
        numpy_copy.cast(out, sums)
        return
    for to, values in batches(2, out, sums):
        cast_slab(to, values)


def cast_slab(stored[:, :, :] out, const item[:, :, :] sums):
    """Cast sums as in C."""
    cdef Py_ssize_t i, j, m
    with nogil:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                for m in range(out.shape[2]):
                    out[i, j, m] = <stored> <int64_t> sums[i, j, m]


cdef inline int64_t saturated(double value, int64_t low, int64_t high) noexcept nogil:
    """Round half to even and clip; NaN becomes 0."""
    if value != value:
        return 0
    if value <= low:
        return low
    if value >= high:
        return high
    return <int64_t> rint(value)
