"""Recordings: the steps of a whole plan, run again on any arrays that lie as its own do."""

from libc.stdint cimport uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, strcmp

from numpy import array, int64, ndarray

cdef enum:
    OUT
    MOST_MEMORIES = 64

cdef enum:  # of `workspace.py`
    LINE = 64
    SMALL = 32768

cdef enum:  # of `recorded.py`
    MOST_PIECES = 256

ctypedef struct memory_t:
    uintptr_t start
    Py_ssize_t size

ctypedef struct place_t:
    int memory
    Py_ssize_t offset

ctypedef struct placed_t:
    step_t step
    place_t places[MOST_OPERANDS]

ctypedef struct replay_t:
    const placed_t *steps
    const int64_t *stops
    uintptr_t starts[MOST_MEMORIES]
    int room
    char *failed


cdef void fill_piece(const void *context, int64_t number, void *room) noexcept nogil:
    """Run the steps of a piece, and note whether its results do not count."""
    cdef const replay_t *replay = <const replay_t *> context
    cdef const placed_t *step
    cdef uintptr_t starts[MOST_MEMORIES]
    cdef char *at[MOST_OPERANDS]
    cdef int64_t i
    cdef int operand
    cdef bint counts = True
    memcpy(starts, replay.starts, (replay.room + 2) * sizeof(starts[0]))
    starts[replay.room] = (<uintptr_t> room + LINE - 1) // LINE * LINE
    for i in range(replay.stops[number], replay.stops[number + 1]):
        step = &replay.steps[i]
        for operand in range(MOST_OPERANDS):
            at[operand] = <char *> (
                starts[step.places[operand].memory] + step.places[operand].offset
            )
        counts &= run_step(&step.step, at)
    replay.failed[number] = not counts


cdef memory_t memory_of(array) except *:
    """Return where the items of an array lie."""
    cdef Py_buffer view
    cdef memory_t memory
    cdef Py_ssize_t length
    cdef int axis
    PyObject_GetBuffer(array, &view, PyBUF_STRIDES)
    memory = memory_t(<uintptr_t> view.buf, view.itemsize if view.len else 0)
    for axis in range(view.ndim):
        length = (view.shape[axis] - 1) * view.strides[axis] if view.len else 0
        memory.size += abs(length)
        memory.start += min(length, 0)
    PyBuffer_Release(&view)
    return memory


cdef class Recording(Kernels):
    """The steps of pieces, recorded with some arrays and run on others that lie alike.

    A result and inputs are in C order, weights at least in a row, all of them are apart, and `room`
    is memory for what is between two steps; none of it is touched before the recording runs.
    """
    cdef memory_t memories[MOST_MEMORIES]
    cdef list kept, ends
    cdef bytes geometry
    cdef bytearray steps
    cdef tuple formats, weights
    cdef int64_t[::1] stops
    cdef Py_ssize_t used
    cdef int room
    cdef bint whole

    def __init__(self, tuple arrays, tuple weights, room):
        cdef Operands operands = Operands(*arrays)
        cdef int i
        memories = *arrays, *weights, room
        self.whole = len(memories) < MOST_MEMORIES
        if self.whole:
            self.room = len(memories) - 1
            for i in range(self.room + 1):
                self.memories[i] = memory_of(memories[i])
        self.geometry = operands.geometry()
        self.formats = tuple([<bytes> operands.arrays[i].format for i in range(operands.count)])
        self.kept, self.steps, self.ends = [], bytearray(), [0]

    def with_weights(self, *weights):
        """Return the same recording for weights that lie as its own."""
        cdef Recording other = Recording.__new__(Recording)
        cdef int i, first = self.room - len(weights)
        other.kept, other.steps, other.stops = self.kept, self.steps, self.stops
        other.geometry, other.formats = self.geometry, self.formats
        other.weights, other.room, other.used = weights, self.room, self.used
        for i in range(len(weights)):
            other.memories[first + i] = memory_of(weights[i])
        return other

    cdef int add(self, Operands operands, const step_t *step, kept) except -1:
        cdef placed_t placed
        cdef const walk_t *copied
        cdef bytes axes
        cdef int i
        placed.step = step[0]
        self.kept.append(kept)
        if step.kernel == COPY:
            copied = &step.extents.walk
            axes = (<const char *> copied.axes)[:(copied.last + 1) * sizeof(row_axis_t)]
            placed.step.extents.walk.axes = <const row_axis_t *> <const char *> axes
            self.kept.append(axes)
        for i in range(MOST_OPERANDS):
            placed.places[i] = place_t(self.room + 1, 0)
        for i in range(operands.count):
            placed.places[i] = self.place(&operands.arrays[i])
            if placed.places[i].memory > self.room:
                self.kept.append(<object> operands.arrays[i].obj)
        self.whole &= placed.places[0].memory <= self.room
        self.steps += (<const char *> &placed)[:sizeof(placed)]
        return True

    cdef place_t place(self, const Py_buffer *array) noexcept:
        """Return where an array begins: in what changes from run to run, or where it always is."""
        cdef Py_ssize_t offset, stop
        cdef int memory, axis
        for memory in range(self.room + 1):
            offset = <uintptr_t> array.buf - self.memories[memory].start
            if 0 <= offset < self.memories[memory].size:
                if memory == self.room:
                    stop = offset + array.itemsize
                    for axis in range(array.ndim):
                        stop += (array.shape[axis] - 1) * array.strides[axis]
                    self.used = max(self.used, stop)
                return place_t(memory, offset)
        return place_t(self.room + 1, <Py_ssize_t> array.buf)

    def extend(self, copy, x, tuple runs, constant):
        self.whole &= self.copy_items(copy, x, runs, constant)

    def store(self, out, sums):
        self.whole &= self.copy_items(out, sums, (), 0)

    def end_piece(self):
        """End a piece, and begin the next one."""
        self.ends.append(len(self.steps) // sizeof(placed_t))

    def end(self):
        """End the last piece, and say whether all that was called for can run again."""
        self.stops, self.ends = array(self.ends, int64), None
        return self.whole

    def run(self, int threads, double alone, *arrays):
        """Fill the first array from the others, on at most so many threads, of which one takes so
        many seconds alone.

        Return the numbers of pieces whose results do not count; or None, and nothing is done, where
        these are not plain arrays that lie as those it was recorded with, share memory, or are not
        to be written.
        """
        cdef Operands operands
        for array in arrays:
            if type(array) is not ndarray:
                return None
        try:
            operands = Operands(*arrays)
        except (BufferError, ValueError):
            return None
        return self.fill(threads, alone, operands) if self.fits(operands) else None

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

    cdef list fill(self, int threads, double alone, Operands operands):
        """Fill all pieces, and return the numbers of those whose results do not count."""
        cdef Py_ssize_t pieces = self.stops.shape[0] - 1, number
        cdef char failed[MOST_PIECES]
        cdef unsigned char[::1] kept
        cdef replay_t replay
        cdef job_t job
        cdef void *room
        cdef int operand
        replay.steps = <const placed_t *> <const char *> self.steps
        replay.stops = &self.stops[0]
        replay.failed = failed
        replay.room = self.room
        for operand in range(self.room):
            replay.starts[operand] = self.memories[operand].start
        for operand in range(operands.count):
            replay.starts[operand] = <uintptr_t> operands.arrays[operand].buf
        replay.starts[self.room + 1] = 0
        job.fill, job.context, job.tiles = fill_piece, &replay, pieces
        job.workspace_bytes = self.used + LINE
        if self.used > SMALL:
            mark = workspace.mark()
            try:
                kept = workspace.empty((job.workspace_bytes,), BYTES)
                share(&job, &kept[0], threads, alone)
            finally:
                workspace.release(mark)
        else:
            room = malloc(job.workspace_bytes)
            if room == NULL:
                raise MemoryError
            try:
                share(&job, room, threads, alone)
            finally:
                free(room)
        return [number for number in range(pieces) if failed[number]]
