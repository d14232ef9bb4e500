/* A thread pool: workers run the tiles of a job together with the thread that submits it.
 *
 * An idle worker spins for a while and then sleeps until it is woken.  The submitting thread offers a
 * job to idle workers, runs tiles itself, withdraws the offers that no worker has accepted, and waits
 * for the workers that have.  No job therefore waits for a worker that is slow to wake or missing (a
 * forked child has none).  Workers never call Python, block all signals, and end with the process.
 */

#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "pythread.h"
#include "vectors.h"

#define LOAD(at) __atomic_load_n(at, __ATOMIC_SEQ_CST)
#define STORE(at, value) __atomic_store_n(at, value, __ATOMIC_SEQ_CST)
#define ADD(at, value) __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST)
#define REPLACE(at, old, value) __sync_bool_compare_and_swap(at, old, value)
#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void) 0)
#endif

#ifdef _WIN32
#include <windows.h>
#define GIVE_WAY() SwitchToThread()

static double seconds(void)
{
    LARGE_INTEGER ticks, rate;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    return (double) ticks.QuadPart / (double) rate.QuadPart;
}

static void take_no_signals(void) {}
#else
#include <sched.h>
#include <signal.h>
#include <time.h>
#define GIVE_WAY() sched_yield()

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

/* But for faults of its own. */
static void take_no_signals(void)
{
    sigset_t signals;
    sigfillset(&signals);
    sigdelset(&signals, SIGSEGV);
    sigdelset(&signals, SIGBUS);
    sigdelset(&signals, SIGFPE);
    sigdelset(&signals, SIGILL);
    sigdelset(&signals, SIGABRT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}
#endif

#define MAX_WORKERS 255
#define MAX_KEPT_BYTES (1 << 23) /* bytes of workspace that a worker keeps between jobs */
#define SPIN_SECONDS 3e-4
#define MIN_WAKE_SECONDS 1.5e-4 /* seconds of work for which a sleeping worker is woken */
#define CROWDED_SECONDS 2e-5    /* seconds of a yield after which another thread had the processor */
#define LOOKS_PER_YIELD 32

typedef struct {
    void (*fill)(const void *context, int64_t tile, void *workspace);
    const void *context;
    int64_t tiles;
    size_t workspace_bytes; /* bytes that each thread needs while it runs a tile */
    int64_t begun;
    int64_t workers; /* workers to which it was offered and that have not left it */
} job_t;

enum { ABSENT, SPINS, SLEEPS, WORKS, FIRST_JOB }; /* or the job that is offered */

typedef struct {
    int64_t state;
    PyThread_type_lock wake;
    char apart[112]; /* keeps workers on separate cache lines, which are loaded in pairs */
} worker_t;

static worker_t pool[MAX_WORKERS];
static int64_t pool_size;
static int64_t last_join; /* when a job with workers ended, in nanoseconds */

/* Runs tiles until none is left or the deadline has passed; returns whether any may be left. */
static int run_tiles(job_t *job, void *workspace, double until)
{
    int64_t tile;
    while ((tile = ADD(&job->begun, 1)) < job->tiles) {
        job->fill(job->context, tile, workspace);
        if (until != 0 && seconds() > until)
            return 1;
    }
    return 0;
}

static job_t *next_job(worker_t *me)
{
    for (;;) {
        double now = seconds(), until = now + SPIN_SECONDS, before;
        do {
            for (int i = 0; i < LOOKS_PER_YIELD; i++) {
                int64_t state = LOAD(&me->state);
                if (state >= FIRST_JOB && REPLACE(&me->state, state, WORKS))
                    return (job_t *) (intptr_t) state;
                RELAX();
            }
            /* To whoever else wants this processor, the caller maybe.  The scheduler lets threads that
             * were asleep in sooner than those that yielded. */
            before = now;
            GIVE_WAY();
            now = seconds();
        } while (now < until && now - before < CROWDED_SECONDS);
        if (REPLACE(&me->state, SPINS, SLEEPS))
            PyThread_acquire_lock(me->wake, WAIT_LOCK);
    }
}

static void work(void *worker)
{
    worker_t *me = worker;
    void *workspace = NULL;
    size_t size = 0;
    take_no_signals();
    STORE(&me->state, SPINS);
    for (;;) {
        job_t *job = next_job(me);
        if (job->workspace_bytes > size) {
            free(workspace);
            workspace = malloc(job->workspace_bytes);
            size = workspace != NULL ? job->workspace_bytes : 0;
        }
        if (job->workspace_bytes <= size)
            run_tiles(job, workspace, 0);
        ADD(&job->workers, -1); /* the job may be gone from here on */
        if (size > MAX_KEPT_BYTES) {
            free(workspace);
            workspace = NULL;
            size = 0;
        }
        STORE(&me->state, SPINS);
    }
}

/* Starts workers until the pool has the given number, if possible. */
static void start_workers(int64_t wanted)
{
    int64_t number;
    if (wanted > MAX_WORKERS)
        wanted = MAX_WORKERS;
    while ((number = LOAD(&pool_size)) < wanted) {
        worker_t *new = &pool[number];
        if (!REPLACE(&pool_size, number, number + 1))
            continue;
        new->wake = PyThread_allocate_lock();
        if (new->wake == NULL)
            return;
        PyThread_acquire_lock(new->wake, NOWAIT_LOCK);
        if (PyThread_start_new_thread(work, new) == (unsigned long) -1)
            return;
    }
}

/* Offers a job, with its predicted time on one thread.  A short job wakes no worker, unless another job
 * ended so recently that its workers, if it had any, would still spin. */
static void offer(job_t *job, int64_t workers, double alone)
{
    int64_t size = LOAD(&pool_size), mine = (int64_t) (intptr_t) job;
    int wake =
        alone >= MIN_WAKE_SECONDS || seconds() - 1e-9 * (double) LOAD(&last_join) < SPIN_SECONDS;
    for (int64_t i = 0; i < size && workers > 0; i++) {
        ADD(&job->workers, 1); /* before one begins, who may be done at once */
        if (REPLACE(&pool[i].state, SPINS, mine)) {
            workers--;
        } else if (wake && REPLACE(&pool[i].state, SLEEPS, mine)) {
            PyThread_release_lock(pool[i].wake);
            workers--;
        } else {
            ADD(&job->workers, -1);
        }
    }
}

/* Stops the job, withdraws the offers that no worker has accepted, and waits for the workers. */
static void join(job_t *job)
{
    int64_t size = LOAD(&pool_size), mine = (int64_t) (intptr_t) job;
    STORE(&job->begun, job->tiles);
    for (int64_t i = 0; i < size; i++)
        if (REPLACE(&pool[i].state, mine, SPINS))
            ADD(&job->workers, -1);
    for (int64_t looks = 0; LOAD(&job->workers) > 0; looks++) {
        if (looks < 1000)
            RELAX();
        else
            GIVE_WAY();
    }
    STORE(&last_join, (int64_t) (1e9 * seconds()));
}

/* Resets the pool in a forked child, which inherits no workers. */
static void forget_workers(void)
{
    memset(pool, 0, sizeof(pool));
    STORE(&pool_size, 0);
}
