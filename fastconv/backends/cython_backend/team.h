/* A team: threads that fill the pieces of a job together with whoever has it.
 *
 * A helper looks out for an offer for a while, and then sleeps until one comes.  Whoever has a job
 * offers it to helpers that wait, works on it like them, takes back the offers that nobody began
 * with, and waits for the others.  So no job waits for a helper that is slow to wake, or gone: a
 * forked child has none.  Helpers never touch Python, and end with the process.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "pythread.h"

#ifdef _MSC_VER
#include <intrin.h>
#include <windows.h>
#define LOAD(at) _InterlockedOr64(at, 0)
#define STORE(at, value) _InterlockedExchange64(at, value)
#define ADD(at, value) _InterlockedExchangeAdd64(at, value)
#define REPLACE(at, old, value) (_InterlockedCompareExchange64(at, value, old) == (old))
#define GIVE_WAY() SwitchToThread()
#define RELAX() YieldProcessor()
typedef volatile long long shared_t;

static double seconds(void)
{
    LARGE_INTEGER ticks, rate;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    return (double) ticks.QuadPart / (double) rate.QuadPart;
}
#else
#include <pthread.h>
#include <sched.h>
#include <time.h>
#define LOAD(at) __atomic_load_n(at, __ATOMIC_SEQ_CST)
#define STORE(at, value) __atomic_store_n(at, value, __ATOMIC_SEQ_CST)
#define ADD(at, value) __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST)
#define REPLACE(at, old, value) __sync_bool_compare_and_swap(at, old, value)
#define GIVE_WAY() sched_yield()
#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void) 0)
#endif
typedef long long shared_t;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}
#endif

#define MOST_HELPERS 255
#define ROOM_KEPT (1 << 23) /* bytes that a helper keeps at most */
#define LOOK_OUT 3e-4       /* seconds that a helper looks out for an offer */
#define WORTH_WAKING 1.5e-4 /* seconds of work for which a helper that sleeps is woken */
#define CROWDED 2e-5        /* seconds that say that another thread had the processor */
#define GLANCES 32          /* between two looks at the clock and at other threads */

typedef struct {
    void (*fill)(const void *context, int64_t piece, void *room);
    const void *context;
    int64_t pieces;
    size_t room; /* bytes that each thread needs while it fills a piece */
    shared_t begun;
    shared_t helpers; /* that it was offered to, and that have not left it */
} job_t;

enum { ABSENT, LOOKS, SLEEPS, WORKS, FIRST_JOB }; /* or the job that is offered */

typedef struct {
    shared_t state;
    PyThread_type_lock bell;
#ifdef __linux__
    pthread_t thread;
    cpu_set_t everywhere; /* where it may run, but for the moment when it is woken */
    int kept_off;
#endif
    char apart[112]; /* from the next one's line, and the line that is loaded with it */
} helper_t;

static helper_t team[MOST_HELPERS];
static shared_t team_size;
static shared_t joined; /* when a job with helpers ended last, in nanoseconds */

/* A thread that is woken often begins where the one is that woke it, and waits for it while other
 * processors are idle, for ten milliseconds or more until the system parts them.  So a helper that
 * sleeps is kept off the caller's processor until it is awake. */
#ifdef __linux__
static void keep_off(helper_t *helper)
{
    cpu_set_t others;
    const int here = sched_getcpu();
    helper->kept_off = 0;
    if (here < 0 || pthread_getaffinity_np(helper->thread, sizeof(others), &helper->everywhere) != 0)
        return;
    others = helper->everywhere;
    CPU_CLR(here, &others);
    if (CPU_COUNT(&others) > 0)
        helper->kept_off = pthread_setaffinity_np(helper->thread, sizeof(others), &others) == 0;
}

static void let_on(helper_t *me)
{
    if (me->kept_off)
        pthread_setaffinity_np(me->thread, sizeof(me->everywhere), &me->everywhere);
}
#else
#define keep_off(helper) ((void) 0)
#define let_on(me) ((void) 0)
#endif

/* Fill pieces until there are no more, or until some time; say whether there may be more. */
static int fill_pieces(job_t *job, void *room, double until)
{
    int64_t piece;
    while ((piece = ADD(&job->begun, 1)) < job->pieces) {
        job->fill(job->context, piece, room);
        if (until != 0 && seconds() > until)
            return 1;
    }
    return 0;
}

static job_t *next_job(helper_t *me)
{
    for (;;) {
        double now = seconds(), until = now + LOOK_OUT, before;
        do {
            for (int i = 0; i < GLANCES; i++) {
                int64_t state = LOAD(&me->state);
                if (state >= FIRST_JOB && REPLACE(&me->state, state, WORKS))
                    return (job_t *) (intptr_t) state;
                RELAX();
            }
            /* To whoever else wants this processor, the caller maybe.  Threads that were asleep are
             * let in sooner than those that gave way. */
            before = now;
            GIVE_WAY();
            now = seconds();
        } while (now < until && now - before < CROWDED);
        if (REPLACE(&me->state, LOOKS, SLEEPS)) {
            PyThread_acquire_lock(me->bell, WAIT_LOCK);
            let_on(me);
        }
    }
}

static void help(void *who)
{
    helper_t *me = who;
    void *room = NULL;
    size_t size = 0;
#ifdef __linux__
    me->thread = pthread_self();
#endif
    STORE(&me->state, LOOKS);
    for (;;) {
        job_t *job = next_job(me);
        if (job->room > size) {
            free(room);
            room = malloc(job->room);
            size = room != NULL ? job->room : 0;
        }
        if (job->room <= size)
            fill_pieces(job, room, 0);
        ADD(&job->helpers, -1); /* the job may be gone from here on */
        if (size > ROOM_KEPT) {
            free(room);
            room = NULL;
            size = 0;
        }
        STORE(&me->state, LOOKS);
    }
}

/* Let the team have so many helpers, if they can be had. */
static void recruit(int64_t wanted)
{
    int64_t number;
    if (wanted > MOST_HELPERS)
        wanted = MOST_HELPERS;
    while ((number = LOAD(&team_size)) < wanted) {
        helper_t *new = &team[number];
        if (!REPLACE(&team_size, number, number + 1))
            continue;
        new->bell = PyThread_allocate_lock();
        if (new->bell == NULL)
            return;
        PyThread_acquire_lock(new->bell, NOWAIT_LOCK);
        if (PyThread_start_new_thread(help, new) == (unsigned long) -1)
            return;
    }
}

/* Offer a job that takes so long on one thread.  For little, no helper is woken, unless helpers
 * would be awake if there had been any for the job before. */
static void offer(job_t *job, int64_t helpers, double alone)
{
    int64_t size = LOAD(&team_size), mine = (int64_t) (intptr_t) job;
    int wake = alone >= WORTH_WAKING || seconds() - 1e-9 * (double) LOAD(&joined) < LOOK_OUT;
    for (int64_t i = 0; i < size && helpers > 0; i++) {
        ADD(&job->helpers, 1); /* before one begins, who may be done at once */
        if (REPLACE(&team[i].state, LOOKS, mine))
            helpers--;
        else if (wake && REPLACE(&team[i].state, SLEEPS, mine)) {
            keep_off(&team[i]);
            PyThread_release_lock(team[i].bell);
            helpers--;
        } else
            ADD(&job->helpers, -1);
    }
}

/* Hand out no more, take back what no helper began with, and wait for those that did. */
static void join(job_t *job)
{
    int64_t size = LOAD(&team_size), mine = (int64_t) (intptr_t) job;
    STORE(&job->begun, job->pieces);
    for (int64_t i = 0; i < size; i++)
        if (REPLACE(&team[i].state, mine, LOOKS))
            ADD(&job->helpers, -1);
    for (int64_t looks = 0; LOAD(&job->helpers) > 0; looks++) {
        if (looks < 1000)
            RELAX();
        else
            GIVE_WAY();
    }
    STORE(&joined, (int64_t) (1e9 * seconds()));
}

/* In a forked child, where they are not. */
static void forget_helpers(void)
{
    memset(team, 0, sizeof(team));
    STORE(&team_size, 0);
}
