"""Programs: entries of steps with a grid of tiles, run in C on the thread pool.

`run/program.py` explains programs, buffers, entries and steps.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from struct import pack

from ...run import workspace

cdef enum:  # of `run/program.py`
    FIRST_BIT = 60
    SPAN_BITS = 44

cdef enum:
    LINE = 64
    SMALL_BYTES = 32768  # below this, malloc is faster than a kept block

ctypedef struct placed_t:
    step_t step
    int buffers[MOST_OPERANDS]
    Py_ssize_t offsets[MOST_OPERANDS]
    bint redo  # runs only if a check before it failed

ctypedef struct entry_t:
    int64_t first_tile, tiles, first_step, last_step, axes, grid

ctypedef struct program_t:
    const placed_t *steps
    const entry_t *entries
    const int64_t *grid  # for each axis a count, and the bytes by which each buffer advances
    const uintptr_t *starts
    int buffers  # without the workspace
    Py_ssize_t workspace_bytes
    int *failed  # set if a check fails and no later step redoes the work


cdef void run_tile(const void *context, int64_t number, void *room) noexcept nogil:
    """Run the steps of a tile."""
    cdef const program_t *program = <const program_t *> context
    cdef const entry_t *entry = program.entries
    cdef const placed_t *placed
    cdef const int64_t *axis
    cdef uintptr_t workspace_start = (<uintptr_t> room + LINE - 1) // LINE * LINE
    cdef uintptr_t *starts = <uintptr_t *> (workspace_start + program.workspace_bytes)
    cdef char *at[MOST_OPERANDS]
    cdef int64_t i, index
    cdef int buffer, operand
    cdef bint failed = False, redone = False
    while number >= entry.first_tile + entry.tiles:
        entry += 1
    number -= entry.first_tile
    memcpy(starts, program.starts, program.buffers * sizeof(starts[0]))
    starts[program.buffers] = workspace_start
    starts[program.buffers + 1] = 0
    for i in range(entry.axes - 1, -1, -1):
        axis = program.grid + entry.grid + i * (1 + program.buffers)
        index = number % axis[0]
        number //= axis[0]
        for buffer in range(program.buffers):
            starts[buffer] += <uintptr_t> (index * axis[1 + buffer])
    for i in range(entry.first_step, entry.last_step):
        placed = &program.steps[i]
        if placed.redo and not failed:
            continue
        if redone and not placed.redo:
            failed = False
        redone = placed.redo
        for operand in range(MOST_OPERANDS):
            at[operand] = <char *> (starts[placed.buffers[operand]] + placed.offsets[operand])
        if not run_step(&placed.step, at):
            failed = True
    if failed and not redone:
        program.failed[0] = 1  # by any thread, and read when all of them are done


cdef class Program(Kernels):
    """A program whose steps run in C; `run/program.py` has its base class."""
    cdef bytearray placed, entries, grids
    cdef list kept, names
    cdef readonly int64_t tiles
    cdef int buffers
    cdef Operands last  # of the last step of an entry

    def __cinit__(self, int weights):
        self.placed, self.entries, self.grids = bytearray(), bytearray(), bytearray()
        self.kept, self.names = [], []
        self.buffers = 3 + weights

    def begin_tiles(self, tuple grid):
        """Begin an entry.  An empty grid has one tile."""
        cdef int64_t steps = len(self.placed) // sizeof(placed_t)
        cdef int64_t first = len(self.grids) // sizeof(int64_t)
        cdef entry_t entry = entry_t(self.tiles, 1, steps, steps, len(grid), first)
        for count, moved in grid:
            entry.tiles *= count
            self.grids += pack(f"{1 + len(moved)}q", count, *moved)
        self.entries += (<const char *> &entry)[:sizeof(entry)]
        self.tiles += entry.tiles
        self.last = None

    @property
    def steps(self):
        """The kernels of all entries, in order."""
        return self.names

    cdef mark_room(self):
        return self.mark()

    cdef int release_room(self, mark) except -1:
        self.release(mark)
        return 0

    cdef room(self, Py_ssize_t nbytes):
        return self.empty((nbytes,), BYTES)

    cdef int add(self, Operands operands, const step_t *step, kept) except -1:
        cdef placed_t placed
        cdef entry_t *entry
        cdef const walk_t *copied
        cdef uintptr_t address
        cdef bytes axes
        cdef int i
        placed.step = step[0]
        placed.redo = self.redoing
        self.names.append(NAMES[step.kernel])
        self.kept.append(kept)
        if step.kernel == COPY:
            copied = &step.extents.walk
            axes = (<const char *> copied.axes)[:(copied.last + 1) * sizeof(row_axis_t)]
            placed.step.extents.walk.axes = <const row_axis_t *> <const char *> axes
            self.kept.append(axes)
        for i in range(MOST_OPERANDS):
            placed.buffers[i], placed.offsets[i] = self.buffers + 1, 0
        for i in range(operands.count):
            address = <uintptr_t> operands.arrays[i].buf
            if address >> FIRST_BIT:
                address -= <uintptr_t> 1 << FIRST_BIT
                placed.buffers[i] = <int> (address >> SPAN_BITS)
                placed.offsets[i] = <Py_ssize_t> (
                    address & ((<uintptr_t> 1 << SPAN_BITS) - 1)
                ) - (<Py_ssize_t> 1 << (SPAN_BITS - 1))
            else:
                placed.offsets[i] = <Py_ssize_t> address
                self.kept.append(<object> operands.arrays[i].obj)
        self.placed += (<const char *> &placed)[:sizeof(placed)]
        entry = <entry_t *> (<char *> self.entries + len(self.entries) - sizeof(entry_t))
        entry.last_step += 1
        self.last = operands
        return True

    cdef bint limit_product(self, Operands out, double ceiling):
        cdef placed_t *placed
        cdef const Py_buffer *made
        if self.last is None:
            return False
        placed = <placed_t *> (<char *> self.placed + len(self.placed) - sizeof(placed_t))
        made = &self.last.arrays[0]
        if placed.step.kernel != PRODUCT or placed.redo != self.redoing:
            return False
        if made.buf != out.arrays[0].buf or made.len != out.arrays[0].len:
            return False
        placed.step.extents.product.ceiling = ceiling
        return True

    def run(self, arrays, int64_t threads, double seconds):
        """Run all tiles on at most `threads` threads, and return whether all results are valid.

        `seconds` is the predicted time on one thread.
        """
        cdef program_t program
        cdef job_t job
        cdef Py_buffer *views
        cdef uintptr_t *starts
        cdef unsigned char[::1] block
        cdef void *room
        cdef int held = 0, buffer, flags = PyBUF_STRIDES | PyBUF_WRITABLE, failed = 0
        program.steps = <const placed_t *> <char *> self.placed
        program.entries = <const entry_t *> <char *> self.entries
        program.grid = <const int64_t *> <char *> self.grids
        program.buffers = self.buffers
        program.workspace_bytes = self.workspace_bytes
        program.failed = &failed
        views = <Py_buffer *> PyMem_Malloc(
            self.buffers * (sizeof(Py_buffer) + sizeof(uintptr_t))
        )
        if views == NULL:
            raise MemoryError
        starts = <uintptr_t *> (views + self.buffers)
        program.starts = starts
        try:
            for buffer in range(self.buffers):
                starts[buffer] = 0
            buffer = 0
            for given in arrays:
                if given is not None:
                    PyObject_GetBuffer(given, &views[held], flags)
                    starts[buffer] = <uintptr_t> views[held].buf
                    held += 1
                flags = PyBUF_STRIDES
                buffer += 1
            job.fill, job.context, job.tiles = run_tile, &program, self.tiles
            job.workspace_bytes = (
                program.workspace_bytes + LINE + (self.buffers + 2) * sizeof(uintptr_t)
            )
            if job.workspace_bytes > SMALL_BYTES:
                taken = workspace.take(job.workspace_bytes)
                block = taken
                try:
                    share(&job, &block[0], threads, seconds)
                finally:
                    workspace.give_back(taken)
            else:
                room = malloc(job.workspace_bytes)
                if room == NULL:
                    raise MemoryError
                try:
                    share(&job, room, threads, seconds)
                finally:
                    free(room)
        finally:
            while held:
                held -= 1
                PyBuffer_Release(&views[held])
            PyMem_Free(views)
        return not failed


NAMES = (
    "copy", "correlate", "correlate_bytes", "box", "gemm", "mix", "winograd_weights",
    "winograd_samples", "winograd_outputs", "fourier", "epilogue", "in_range", "accumulate",
    "at_most", "drop", "deduct", "divide", "below", "blur",
)
"""The names of kernels, in the order of their numbers."""
