"""Steps: calls of kernels that know everything but where their operands are.

A call makes its step and runs it.  A recording keeps the steps of a whole plan, and runs them on
any arrays that lie as those do that it was made with.
"""

from libc.stdint cimport uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport strcmp

from numpy import dtype, ndarray

from .. import scratch

cdef enum:
    COPY
    NEST
    PRODUCT
    SAMPLES
    OUTPUTS

cdef enum:
    OUT
    FIXED = MOST_OPERANDS

cdef enum:  # of `scratch.py`
    LINE = 64
    SMALL = 32768

BYTES = dtype("u1")

ctypedef struct step_t:
    int kernel
    char kind
    walk_t walk
    nest_t tile
    const int64_t *planes
    contract_t product
    planes_t planes_and_tiles
    const int64_t *loops
    Py_ssize_t n_loops

ctypedef struct place_t:
    int memory
    Py_ssize_t offset

ctypedef struct placed_t:
    step_t step
    place_t places[MOST_OPERANDS]


cdef bint run_step(const step_t *s, char *const *at) noexcept nogil:
    """Run a step whose operands begin at some places, and return whether its results count."""
    if s.kernel == COPY:
        walk(&s.walk, 0, at[0], at[1])
    elif s.kernel == SAMPLES:
        run_samples(<float *> at[0], <const float *> at[1], &s.planes_and_tiles)
    elif s.kernel == OUTPUTS:
        return run_outputs(
            <float *> at[0], <const float *> at[1], <const float *> at[2], &s.planes_and_tiles
        )
    elif s.kernel == NEST:
        if s.kind == b"f":
            run_loops(
                <float *> at[0], <const float *> at[1], <const float *> at[2],
                <const float *> at[3], s.loops, s.n_loops, s.planes, &s.tile,
            )
        elif s.kind == b"d":
            run_loops(
                <double *> at[0], <const double *> at[1], <const double *> at[2],
                <const double *> at[3], s.loops, s.n_loops, s.planes, &s.tile,
            )
        else:
            run_loops(
                <int64_t *> at[0], <const int64_t *> at[1], <const int64_t *> at[2],
                <const int64_t *> at[3], s.loops, s.n_loops, s.planes, &s.tile,
            )
    elif s.kind == b"f":
        run_products(
            <float *> at[0], <const float *> at[1], <const float *> at[2],
            <const float *> at[3], s.loops, s.n_loops, &s.product,
        )
    else:
        run_products(
            <double *> at[0], <const double *> at[1], <const double *> at[2],
            <const double *> at[3], s.loops, s.n_loops, &s.product,
        )
    return True


cdef class Kernels:
    """Kernels by the names of `_protocol.py`, which run when they are called."""

    cdef int add(self, Operands operands, const step_t *step, kept) except -1:
        """Take a step, and what it points into, and return whether its results count."""
        cdef char *at[MOST_OPERANDS]
        cdef bint counts
        cdef int i
        for i in range(operands.count):
            at[i] = <char *> operands.arrays[i].buf
        with nogil:
            counts = run_step(step, at)
        return counts

    def correlate(self, out, x, w, bias, tuple stride, tuple dilation, bint relu):
        cdef Operands operands = Operands(out, x, w, bias)
        key = operands.geometry(), letter(operands.arrays), stride, dilation
        nest = nest_of(key, loop_nest, (out, x, w, bias, stride, dilation))
        self.sum(operands, nest, relu)

    def correlate_sparse(self, out, x, w, places, bias, tuple stride, tuple dilation, bint relu):
        cdef Operands operands = Operands(out, x, w, bias)
        key = operands.geometry(), letter(operands.arrays), stride, dilation, places.tobytes()
        nest = nest_of(key, sparse_nest, (out, x, w, places, bias, stride, dilation))
        self.sum(operands, nest, relu)

    cdef int sum(self, Operands operands, Nest nest, bint relu) except -1:
        """Take the sums of a nest."""
        cdef step_t step
        step.kernel = NEST
        step.kind = letter(operands.arrays)
        step.loops = &nest.loops[0, 0]
        step.n_loops = nest.loops.shape[0]
        step.planes = &nest.planes[0, 0]
        step.tile = nest.tile
        step.tile.relu = relu
        return self.add(operands, &step, nest)

    def contract_channels(self, out, x, w, bias, tuple stride, tuple dilation, bint relu):
        arrays = out, x, w, bias
        extra = stride, dilation
        self.contract(contraction.channels, arrays, extra, Operands(out, x, w, bias), relu)

    def contract_taps(self, out, x, w, bias, tuple stride, tuple dilation, bint relu):
        arrays = out, x, w, bias
        extra = stride, dilation
        self.contract(contraction.taps, arrays, extra, Operands(out, x, w, bias), relu)

    def contract_planes(self, out, x, w, bias, bint relu):
        arrays = out, x, w, bias
        self.contract(contraction.planes, arrays, (), Operands(out, w, x, bias), relu)

    def contract_outputs(self, out, x, gradient, tuple stride, tuple dilation):
        arrays = out, x, gradient
        self.contract(contraction.outputs, arrays, (stride, dilation), Operands(*arrays), False)

    cdef int contract(
        self, build, tuple arrays, tuple extra, Operands operands, bint relu
    ) except -1:
        """Take a product of rows and columns; without a bias, it is added to what is there."""
        cdef Contraction found = product_of(operands, build, arrays, extra)
        cdef step_t step
        step.kernel = PRODUCT
        step.kind = letter(operands.arrays)
        step.loops = &found.loops[0, 0]
        step.n_loops = found.loops.shape[0]
        step.product = found.product
        step.product.relu = relu
        step.product.accumulate = operands.count < MOST_OPERANDS
        return self.add(operands, &step, found)

    def copy_items(self, to, source, tuple runs, constant):
        """Copy all items, and say whether these dtypes can be done."""
        cdef Operands operands = Operands(to, source)
        cdef row_axis_t axes[MOST_AXES]
        cdef step_t step
        step.kernel = COPY
        if not lay_out(
            &step.walk, axes, &operands.arrays[0], &operands.arrays[1], runs, constant
        ):
            return False
        self.add(operands, &step, runs)
        return True

    def winograd_samples(self, tiles, x):
        cdef Operands operands = Operands(tiles, x)
        cdef step_t step
        step.kernel = SAMPLES
        step.planes_and_tiles = planes_of(&operands.arrays[1], &operands.arrays[0])
        self.add(operands, &step, None)

    def winograd_outputs(self, out, tiles, bias, bint relu):
        cdef Operands operands = Operands(out, tiles, bias)
        cdef step_t step
        step.kernel = OUTPUTS
        step.planes_and_tiles = planes_of(&operands.arrays[0], &operands.arrays[1])
        step.planes_and_tiles.bias_group = operands.arrays[2].strides[0] // sizeof(float)
        step.planes_and_tiles.relu = relu
        return self.add(operands, &step, None) != 0


cdef class Recording(Kernels):
    """The steps of pieces, recorded with some arrays and run on others that lie alike.

    A result and inputs are in C order and apart, `room` is memory for what is between two steps;
    none of it is touched before the recording runs.
    """
    cdef Operands recorded_with
    cdef list kept, pieces
    cdef bytes geometry, steps
    cdef tuple formats
    cdef Py_ssize_t used
    cdef int room
    cdef bint whole

    def __cinit__(self, tuple arrays, room):
        cdef int i
        self.room = len(arrays)
        self.recorded_with = Operands(*arrays, room)
        self.geometry = Operands(*arrays).geometry()
        self.formats = tuple(
            [<bytes> self.recorded_with.arrays[i].format for i in range(self.room)]
        )
        self.kept, self.pieces = [], []
        self.steps = b""
        self.whole = True

    cdef int add(self, Operands operands, const step_t *step, kept) except -1:
        cdef placed_t placed
        cdef bytes axes
        cdef int i
        placed.step = step[0]
        self.kept.append(kept)
        if step.kernel == COPY:
            axes = (<const char *> step.walk.axes)[:(step.walk.last + 1) * sizeof(row_axis_t)]
            placed.step.walk.axes = <const row_axis_t *> <const char *> axes
            self.kept.append(axes)
        for i in range(MOST_OPERANDS):
            placed.places[i] = place_t(FIXED, 0)
        for i in range(operands.count):
            placed.places[i] = self.place(&operands.arrays[i])
            if placed.places[i].memory == FIXED:
                self.kept.append(<object> operands.arrays[i].obj)
        self.whole &= placed.places[0].memory != FIXED
        self.steps += (<const char *> &placed)[:sizeof(placed)]
        return True

    cdef place_t place(self, const Py_buffer *array) noexcept:
        """Return where an array begins: in what changes from run to run, or where it always is."""
        cdef Py_ssize_t offset, stop
        cdef int memory, axis
        for memory in range(self.room + 1):
            offset = <char *> array.buf - <char *> self.recorded_with.arrays[memory].buf
            if 0 <= offset < self.recorded_with.arrays[memory].len:
                if memory == self.room:
                    stop = offset + array.itemsize
                    for axis in range(array.ndim):
                        stop += (array.shape[axis] - 1) * array.strides[axis]
                    self.used = max(self.used, stop)
                return place_t(memory, offset)
        return place_t(FIXED, <Py_ssize_t> array.buf)

    def extend(self, copy, x, tuple runs, constant):
        self.whole &= self.copy_items(copy, x, runs, constant)

    def store(self, out, sums):
        self.whole &= self.copy_items(out, sums, (), 0)

    def end_piece(self):
        """End a piece, and begin the next one."""
        self.pieces.append(self.steps)
        self.steps = b""

    def end(self):
        """End the last piece, and say whether all that was called for can run again."""
        self.recorded_with = None
        return self.whole

    def on(self, *arrays):
        """Return what fills a piece of the first array from the others, by its number.

        None where these are not plain arrays that lie as those it was recorded with, share memory,
        or are not to be written.
        """
        cdef Operands operands
        for array in arrays:
            if type(array) is not ndarray:
                return None
        try:
            operands = Operands(*arrays)
        except (BufferError, ValueError):
            return None
        return Replay(self, operands) if self.fits(operands) else None

    cdef bint fits(self, Operands operands) except -1:
        cdef const Py_buffer *array
        cdef uintptr_t a = <uintptr_t> operands.arrays[OUT].buf, b
        cdef uintptr_t end = a + <uintptr_t> operands.arrays[OUT].len
        cdef int i
        if operands.geometry() != self.geometry:
            return False
        for i in range(operands.count):
            array = &operands.arrays[i]
            b = <uintptr_t> array.buf
            if strcmp(array.format, <const char *> <bytes> self.formats[i]) != 0:
                return False
            if b % <uintptr_t> array.itemsize != 0:
                return False
            if i != OUT and a < b + <uintptr_t> array.len and b < end:
                return False
        return True


cdef class Replay:
    """A recording, the arrays that it runs on, and the pieces whose results do not count."""
    cdef Recording recording
    cdef Operands operands
    cdef readonly list failed

    def __cinit__(self, Recording recording, Operands operands):
        self.recording = recording
        self.operands = operands
        self.failed = []

    def __call__(self, Py_ssize_t number):
        cdef bytes steps = self.recording.pieces[number]
        cdef Py_ssize_t used = self.recording.used
        cdef unsigned char[::1] kept
        cdef void *room
        cdef bint count
        if used > SMALL:
            mark = scratch.mark()
            try:
                kept = scratch.empty((used + LINE,), BYTES)
                count = self.run(steps, &kept[0])
            finally:
                scratch.release(mark)
        else:
            room = malloc(used + LINE)
            if room == NULL:
                raise MemoryError
            count = self.run(steps, room)
            free(room)
        if not count:
            self.failed.append(number)

    cdef bint run(self, bytes steps, void *room) noexcept:
        """Run all steps, and return whether their results count."""
        cdef const placed_t *step = <const placed_t *> <const char *> steps
        cdef Py_ssize_t n = len(steps) // sizeof(placed_t)
        cdef uintptr_t memory[FIXED + 1]
        cdef char *at[MOST_OPERANDS]
        cdef Py_ssize_t i
        cdef int operand
        cdef bint count = True
        for operand in range(self.operands.count):
            memory[operand] = <uintptr_t> self.operands.arrays[operand].buf
        memory[self.operands.count] = (<uintptr_t> room + LINE - 1) // LINE * LINE
        memory[FIXED] = 0
        with nogil:
            for i in range(n):
                for operand in range(MOST_OPERANDS):
                    at[operand] = <char *> (
                        memory[step[i].places[operand].memory] + step[i].places[operand].offset
                    )
                count &= run_step(&step[i].step, at)
        return count


now = Kernels()
