"""The kernels as methods, each of which makes a step.

A direct call runs the step; a program stores it.
"""

from numpy import dtype, empty, ndindex, zeros

from ..geometry import fourier

BYTES = dtype("u1")
ZEROS = {dtype(kind): zeros(1, kind) for kind in ("f4", "f8")}
"""The initial value of sums without a bias."""


cdef class Kernels:
    """The kernels, by the names of `protocol.py`, which run when they are called."""

    cdef int add(self, Operands operands, const step_t *step, kept) except -1:
        """Run or store a step, with the objects that it points into; return whether its results are
        valid.
        """
        cdef char *at[MOST_OPERANDS]
        cdef bint counts
        cdef int i
        for i in range(operands.count):
            at[i] = <char *> operands.arrays[i].buf
        with nogil:
            counts = run_step(step, at)
        return counts

    cdef bint limit_product(self, Operands out, double ceiling):
        """Let the last step clip its results, if it is a product with these results, and return
        whether it is.
        """
        return False

    cdef mark_room(self):
        """Return the amount of workspace in use."""
        return None

    cdef int release_room(self, mark) except -1:
        """Free the workspace allocated since a mark."""
        return 0

    cdef room(self, Py_ssize_t nbytes):
        """Allocate workspace for a step."""
        return empty(nbytes, BYTES)

    def correlate(self, out, x, w, bias, tuple stride, tuple dilation, bint relu):
        if x.itemsize == 1:
            self.sum_bytes(out, x, w, bias)
            return
        nest = Nest(*loop_nest(out, x, w, bias, stride, dilation))
        self.sum(Operands(out, x, w, bias), nest, relu)

    def correlate_sparse(self, out, x, w, offsets, bias, tuple stride, tuple dilation, bint relu):
        nest = Nest(*sparse_nest(out, x, w, offsets, bias, stride, dilation))
        self.sum(Operands(out, x, w, bias), nest, relu)

    cdef int sum(self, Operands operands, Nest nest, bint relu) except -1:
        """Add a step that computes the sums of a nest."""
        cdef step_t step
        step.kernel = NEST
        step.kind = letter(operands.arrays)
        step.loops, step.n_loops = nest.tables.numbers(0), nest.tables.rows(0)
        step.planes = nest.tables.numbers(1)
        step.extents.tile = nest.tile
        step.extents.tile.relu = relu
        return self.add(operands, &step, nest)

    cdef int sum_bytes(self, out, x, w, bias) except -1:
        """Add a step that sums bytes times whole weights."""
        cdef Operands operands
        cdef Nest nest
        cdef step_t step
        found = byte_nest(out, x, w, bias)
        nest = Nest(*found.nest)
        mark = self.mark_room()
        operands = Operands(out, x, w, bias, self.room(found.room))
        step.kernel = BYTE_NEST
        step.loops, step.n_loops = nest.tables.numbers(0), nest.tables.rows(0)
        step.planes = nest.tables.numbers(1)
        step.extents.bytes.nest = nest.tile
        step.extents.bytes.strip = found.strip
        step.extents.bytes.source = letter(&operands.arrays[1])
        step.extents.bytes.to = letter(operands.arrays)
        self.add(operands, &step, nest)
        self.release_room(mark)
        return 0

    def box(self, out, x, w, bias, tuple size, bint relu):
        cdef Operands operands
        cdef Nest nest
        cdef step_t step
        found = window_nest(out, x, w, bias, size)
        nest = Nest(*found.nest)
        mark = self.mark_room()
        operands = Operands(out, x, w, bias, self.room(found.room * out.dtype.itemsize))
        step.kernel = WINDOWS
        step.kind = letter(operands.arrays)
        step.loops, step.n_loops = nest.tables.numbers(0), nest.tables.rows(0)
        step.planes = nest.tables.numbers(1)
        step.extents.windows.tile = nest.tile
        step.extents.windows.tile.relu = relu
        step.extents.windows.strip = found.strip
        self.add(operands, &step, nest)
        self.release_room(mark)

    def blur(self, out, x, w):
        cdef Operands operands, tables
        cdef const int64_t *n
        cdef step_t step
        found = blur_nest(out, x)
        tables = Operands(found.loops, found.slab)
        n = tables.numbers(1)
        mark = self.mark_room()
        operands = Operands(out, x, w, self.room(found.room * sizeof(uint16_t)))
        step.kernel = BLUR
        step.loops, step.n_loops = tables.numbers(0), tables.rows(0)
        step.extents.blur = blur_t(
            n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], n[12]
        )
        self.add(operands, &step, tables)
        self.release_room(mark)

    def gemm(self, out, x, w, bias, tuple stride, tuple dilation, bint relu):
        arrays = out, x, w, bias
        extra = stride, dilation
        self.contract(contraction.channels, arrays, extra, Operands(out, x, w, bias), relu)

    def depthwise(
        self, out, x, w, bias, tuple stride, tuple dilation, tuple before, bint relu
    ):
        arrays = out, x, w, bias
        extra = stride, dilation, before
        self.contract(contraction.taps, arrays, extra, Operands(out, x, w, bias), relu)

    def pointwise(self, out, x, w, bias, bint relu):
        if are_pixels(out, x):
            self.mix(out, x, w, bias, relu)
            return
        arrays = out, x, w, bias
        self.contract(contraction.planes, arrays, (), Operands(out, w, x, bias), relu)

    cdef mix(self, out, x, w, bias, bint relu):
        """Add steps that mix channels of pixels, one for each index of the first batch axes."""
        cdef Operands operands
        cdef step_t step
        *batch, _, _, _ = out.shape
        *outer, _ = batch or (1,)
        for index in ndindex(*outer):
            to, source = out[index][..., 0, :, :], x[index][..., 0, :, :]
            if not batch:
                to, source = to[None], source[None]
            operands = Operands(to, source, w, bias)
            step.kernel = MIX
            step.kind = letter(operands.arrays)
            step.extents.mix = mix_of(&operands.arrays[0], &operands.arrays[1])
            step.extents.mix.relu = relu
            self.add(operands, &step, None)

    def weight_gradient(self, out, x, gradient, tuple stride, tuple dilation):
        arrays = out, x, gradient
        extra = stride, dilation
        operands = Operands(*arrays, ZEROS[out.dtype])
        self.contract(contraction.outputs, arrays, extra, operands, False)

    cdef int contract(
        self, build, tuple arrays, tuple extra, Operands operands, bint relu
    ) except -1:
        """Add a step for a product of rows and columns."""
        cdef Contraction found = product_of(operands, build, arrays, extra)
        cdef step_t step
        step.kernel = PRODUCT
        step.kind = letter(operands.arrays)
        step.loops, step.n_loops = found.tables.numbers(0), found.tables.rows(0)
        step.extents.product = found.product
        step.extents.product.relu = relu
        return self.add(operands, &step, found)

    def pad(self, out, x, tuple runs, cval):
        self.copy_items(out, x, runs, cval, False)

    def store(self, out, sums):
        self.copy_items(out, sums, (), 0, False)

    def cast(self, out, sums):
        self.copy_items(out, sums, (), 0, True)

    cdef int copy_items(self, to, source, tuple runs, constant, bint casts) except -1:
        """Add a step that copies and converts all items."""
        cdef Operands operands = Operands(to, source)
        cdef const Py_buffer *arrays = operands.arrays
        cdef row_axis_t axes[MOST_AXES]
        cdef row_t *row
        cdef step_t step
        step.kernel = COPY
        if casts:
            row = casting_row_for(letter(&arrays[1]), letter(&arrays[0]))
        else:
            row = row_for(letter(&arrays[1]), letter(&arrays[0]))
        if not lay_out(
            &step.extents.walk, axes, row, &arrays[0], &arrays[1], runs, constant
        ):
            raise TypeError(f"cannot convert {source.dtype} to {to.dtype}")
        return self.add(operands, &step, runs)

    def winograd_weights(self, values, w):
        cdef Operands operands = Operands(values, w)
        cdef step_t step
        step.kernel = WEIGHTS
        step.extents.panels = panels_of(&operands.arrays[0], &operands.arrays[1])
        self.add(operands, &step, None)

    def winograd_samples(self, tiles, x):
        cdef Operands operands = Operands(tiles, x)
        cdef step_t step
        step.kernel = SAMPLES
        step.extents.planes_and_tiles = planes_of(&operands.arrays[1], &operands.arrays[0])
        self.add(operands, &step, None)

    def winograd_outputs(self, out, tiles, bias, bint relu):
        cdef Operands operands = Operands(out, tiles, bias)
        cdef step_t step
        step.kernel = OUTPUTS
        step.extents.planes_and_tiles = planes_of(&operands.arrays[0], &operands.arrays[1])
        step.extents.planes_and_tiles.bias_group = operands.arrays[2].strides[0] // sizeof(float)
        step.extents.planes_and_tiles.relu = relu
        return self.add(operands, &step, None) != 0

    def transform(self, out, x, bint inverse, bint negacyclic=False):
        n = x.shape[1] if inverse else out.shape[1]
        self.transform_columns(out, x, x, n, not inverse, inverse, negacyclic)

    def filter_columns(self, out, x, spectrum, bint negacyclic=False):
        self.transform_columns(out, x, spectrum, spectrum.shape[1], True, True, negacyclic)

    cdef int transform_columns(
        self, out, x, spectrum, Py_ssize_t n, bint forward, bint inverse, bint negacyclic
    ) except -1:
        """Add a step for a transform, or for a forward and inverse one with a product."""
        cdef Operands operands
        cdef step_t step
        cdef const unsigned char[::1] twiddles = fourier.twiddles(n, out.dtype.name).view(BYTES)
        (items,), of = fourier.room(n, out.dtype)
        mark = self.mark_room()
        operands = Operands(out, x, spectrum, self.room(items * of.itemsize))
        step.kernel = FOURIER
        step.kind = letter(operands.arrays)
        step.extents.fourier = fourier_of(
            &operands.arrays[0], &operands.arrays[1], &operands.arrays[2], n, forward, inverse,
            negacyclic,
        )
        step.twiddles = &twiddles[0]
        self.add(operands, &step, twiddles)
        self.release_room(mark)
        return 0

    def epilogue(self, out, bias, bint relu):
        cdef Operands operands = Operands(out, bias)
        cdef step_t step
        step.kernel = EPILOGUE
        step.kind = letter(operands.arrays)
        step.extents.sums = sums_of(&operands.arrays[0], &operands.arrays[1])
        step.extents.sums.relu = relu
        return self.add(operands, &step, None) != 0

    def in_range(self, x, double limit):
        cdef Operands operands = Operands(x)
        cdef step_t step
        step.kernel = IN_RANGE
        step.kind = letter(operands.arrays)
        step.extents.range = range_of(&operands.arrays[0], NULL)
        step.extents.range.limit = limit
        return self.add(operands, &step, None) != 0

    def accumulate(self, out, x):
        cdef Operands operands = Operands(out, x)
        cdef step_t step
        step.kernel = ACCUMULATE
        step.kind = letter(operands.arrays)
        step.extents.range = range_of(&operands.arrays[0], &operands.arrays[1])
        self.add(operands, &step, None)

    def at_most(self, out, double ceiling):
        cdef Operands operands = Operands(out)
        cdef step_t step
        if self.limit_product(operands, ceiling):
            return
        step.kernel = AT_MOST
        step.kind = letter(operands.arrays)
        step.extents.range = range_of(&operands.arrays[0], &operands.arrays[0])
        step.extents.range.limit = ceiling
        self.add(operands, &step, None)

    def drop(self, x, valid, missing, bint nan, bint told):
        cdef Operands operands = Operands(x, valid, missing)
        cdef step_t step
        step.kernel = DROP
        step.kind = letter(operands.arrays)
        step.extents.drop = drop_t(operands.arrays[1].len, nan, told)
        self.add(operands, &step, None)

    def deduct(
        self, shares, valid, missing, w, starts, int64_t width, int64_t most, double least
    ):
        cdef Operands operands = Operands(shares, valid, missing, w, starts)
        cdef const Py_buffer *arrays = operands.arrays
        cdef step_t step
        step.kernel = DEDUCT
        step.kind = letter(arrays)
        step.extents.deduct = deduct_of(&arrays[0], &arrays[1], &arrays[3])
        step.extents.deduct.width, step.extents.deduct.most = width, most
        step.extents.deduct.least = least
        return self.add(operands, &step, None) != 0

    def divide(self, out, shares, missing, double full, double least):
        self.compare(DIVIDE, Operands(out, shares, missing), full, least)

    def below(self, out, x, missing, double least):
        self.compare(BELOW, Operands(out, x, missing), 0, least)

    cdef int compare(self, int kernel, Operands operands, double full, double least) except -1:
        """Take a comparison of shares with what is full and what is least."""
        cdef const Py_buffer *arrays = operands.arrays
        cdef step_t step
        step.kernel = kernel
        step.kind = letter(&arrays[1])
        step.extents.shares.axes = range_of(&arrays[0], &arrays[1])
        step.extents.shares.items = arrays[0].len // arrays[0].itemsize
        step.extents.shares.full, step.extents.shares.least = full, least
        return self.add(operands, &step, None)


now = Kernels()
