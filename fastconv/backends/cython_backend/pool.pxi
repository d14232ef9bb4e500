"""The tiles of a job on several threads, without Python between them."""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t

import os
import threading

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()

cdef extern from "pool.h" nogil:
    ctypedef struct job_t:
        void (*fill)(const void *context, int64_t tile, void *workspace) noexcept
        const void *context
        int64_t tiles
        size_t workspace_bytes
        int64_t begun
        int64_t workers

    double seconds()
    bint run_tiles(job_t *job, void *workspace, double until)
    void start_workers(int64_t wanted)
    void offer(job_t *job, int64_t workers, double alone)
    void join(job_t *job)
    void forget_workers()

cdef double SIGNAL_SECONDS = 0.05  # between two looks for an interrupt
cdef unsigned long main_thread = threading.main_thread().ident or 0
cdef int64_t forks = 0


cdef int share(job_t *job, void *workspace, int64_t threads, double alone) except -1:
    """Run all tiles of a job on a limited number of threads; `seconds` is its time on one thread.

    After an interrupt no further tile is started, and it is raised when no worker runs one.
    """
    cdef int64_t workers = min(threads, job.tiles) - 1, started = forks
    cdef bint more = True, several = job.tiles > 1
    job.begun = job.workers = 0
    if workers > 0:
        start_workers(workers)
        offer(job, workers, alone)
    if PyThread_get_thread_ident() != main_thread:
        # Signal handlers run on the main thread only.  At exit, the interpreter ends any other one
        # that asks for the GIL, and its stack is gone: no worker may use the job by then.
        with nogil:
            run_tiles(job, workspace, 0)
            if workers > 0:
                join(job)
        return 0
    try:
        while more:
            with nogil:
                more = run_tiles(job, workspace, seconds() + SIGNAL_SECONDS if several else 0)
            PyErr_CheckSignals()
            if forks != started and workers > 0:
                raise RuntimeError("a signal handler forked the process inside a call")
    finally:
        if workers > 0 and forks == started:
            with nogil:
                join(job)
    return 0


def _after_fork():
    global main_thread, forks
    main_thread = PyThread_get_thread_ident()
    forks += 1
    forget_workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
