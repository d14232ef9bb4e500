"""Arrays as kernels receive them: addresses, shapes, strides and item types."""

import sys

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)

cdef char NATIVE_ORDER = ord("<" if sys.byteorder == "little" else ">")

cdef enum:
    MOST_OPERANDS = 5
    MOST_AXES = 64


cdef class Operands:
    """Buffers of arrays, which are held as long as this object exists; the first is writable."""
    cdef Py_buffer arrays[MOST_OPERANDS]
    cdef int count

    def __cinit__(self, *arrays):
        cdef int flags = PyBUF_STRIDES | PyBUF_FORMAT | PyBUF_WRITABLE
        for array in arrays:
            PyObject_GetBuffer(array, &self.arrays[self.count], flags)
            self.count += 1
            flags = PyBUF_STRIDES | PyBUF_FORMAT

    def __dealloc__(self):
        while self.count:
            self.count -= 1
            PyBuffer_Release(&self.arrays[self.count])

    cdef const int64_t *numbers(self, int which) noexcept:
        """Return the items of an array of int64 in C order."""
        return <const int64_t *> self.arrays[which].buf

    cdef Py_ssize_t rows(self, int which) noexcept:
        """Return the length of the first axis of an array."""
        return self.arrays[which].shape[0]

    cdef bytes geometry(self):
        """Return all ranks, shapes and strides, in one row."""
        cdef Py_ssize_t numbers[MOST_OPERANDS * (1 + 2 * MOST_AXES)]
        cdef int count = 0, operand, axis
        for operand in range(self.count):
            numbers[count] = self.arrays[operand].ndim
            count += 1
            for axis in range(self.arrays[operand].ndim):
                numbers[count] = self.arrays[operand].shape[axis]
                numbers[count + 1] = self.arrays[operand].strides[axis]
                count += 2
        return (<const char *> numbers)[:count * sizeof(Py_ssize_t)]


cdef char letter(const Py_buffer *array) noexcept:
    """Return the item type as a letter of `struct`, one for each kind and size, or 0.

    A prefix that means native byte order is skipped; unaligned arrays have one, for example.
    """
    cdef const char *code = array.format
    if code[0] in (b"@", b"=", b"^", NATIVE_ORDER):
        code += 1
    if code[0] == 0 or code[1] != 0:
        return 0
    if code[0] == b"l":
        return b"q" if array.itemsize == 8 else b"i"
    if code[0] == b"L":
        return b"Q" if array.itemsize == 8 else b"I"
    return code[0]
