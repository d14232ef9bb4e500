"""A job's pieces on several threads, without Python between them."""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t

import os

cdef extern from "team.h" nogil:
    ctypedef struct job_t:
        void (*fill)(const void *context, int64_t piece, void *room) noexcept
        const void *context
        int64_t pieces
        size_t room
        int64_t begun
        int64_t helpers

    double seconds()
    bint fill_pieces(job_t *job, void *room, double until)
    void recruit(int64_t wanted)
    void offer(job_t *job, int64_t helpers, double alone)
    void join(job_t *job)
    void forget_helpers()

cdef double PATIENCE = 0.05
"""Seconds between two looks for an interrupt."""


cdef int share(job_t *job, void *room, int64_t threads, double alone) except -1:
    """Fill all pieces of a job, on at most so many threads; alone, one takes so many seconds.

    An interrupt ends the hand-out of pieces, and is raised when nobody works on one any more.
    """
    cdef int64_t helpers = min(threads, job.pieces) - 1
    cdef bint more = True
    job.begun = job.helpers = 0
    if helpers > 0:
        recruit(helpers)
        offer(job, helpers, alone)
    try:
        while more:
            with nogil:
                more = fill_pieces(job, room, seconds() + PATIENCE)
            PyErr_CheckSignals()
    finally:
        if helpers > 0:
            with nogil:
                join(job)
    return 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: forget_helpers())
