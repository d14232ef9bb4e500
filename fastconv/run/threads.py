"""One thread pool for all work that is done from Python.

Work consists of numbered tasks.  The caller takes tasks in order, as every worker does, so a call
never waits for a busy pool, and nested calls cannot deadlock.  Tasks do not depend on the number of
threads, so neither do the bits of the result.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from itertools import count
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["available_cpus", "cpu_quota", "run"]

Task = Callable[[threading.RLock], None]
_lock = threading.Lock()
_waiting: SimpleQueue[tuple[Task, threading.RLock]] | None = None
_workers = 0


def available_cpus() -> int:
    """The number of CPUs that this process may use, from its affinity and its container's quota."""
    own = hasattr(os, "sched_getaffinity")
    cpus = len(os.sched_getaffinity(0)) if own else os.cpu_count() or 1
    quota = _own_quota()
    return max(cpus if quota is None else min(cpus, ceil(quota)), 1)


def cpu_quota(groups: str = "/proc/self/cgroup", root: str = "/sys/fs/cgroup") -> float | None:
    """The CPU quota of this process's control groups, in CPUs, or None if there is none.

    Control groups are nested, and the tightest limit applies.  A container is such a group; inside
    it, the root folder shows its own limits instead of those of the machine.
    """
    quotas = []
    for line in _text(groups).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = os.path.join(root, "cpu") if controllers else root
        for part in ("", *path.split("/")):
            folder = os.path.join(folder, part)
            quotas.append(_quota(folder, second_version=not controllers))
    return min([quota for quota in quotas if quota is not None], default=None)


_own_quota = cache(cpu_quota)


def _quota(folder: str, second_version: bool) -> float | None:
    if second_version:
        limits = _text(os.path.join(folder, "cpu.max")).split()
    else:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        limits = [_text(os.path.join(folder, name)).strip() for name in names]
    if len(limits) != 2 or not all(limit.isdecimal() and int(limit) for limit in limits):
        return None  # "max", -1, or no such file
    return int(limits[0]) / int(limits[1])


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def run(task: Callable[[int], None], tasks: int, threads: int) -> None:
    """Call ``task(0) … task(tasks - 1)``, each once, on at most ``threads`` threads.

    After the first exception, no further task is started.  The exception is raised when no thread
    works on this call any more, so nothing writes to an output after the call has returned.
    """
    workers = min(threads, tasks) - 1
    if workers > 0:
        _share(task, tasks, workers)
        return
    for number in range(tasks):
        task(number)


def _share(task: Callable[[int], None], tasks: int, workers: int) -> None:
    numbers = count()
    stopped = False
    errors: list[BaseException] = []
    # A worker works only while it holds its lock.  In the end the caller acquires all locks and
    # keeps them, so that no worker is at work and none can begin.
    locks = [threading.RLock() for _ in range(workers)]

    def work() -> None:
        nonlocal stopped
        try:
            while not stopped and (number := next(numbers)) < tasks:
                task(number)
        except BaseException as error:
            stopped = True
            errors.append(error)

    def work_if_free(lock: threading.RLock) -> None:
        if lock.acquire(blocking=False):
            try:
                work()
            finally:
                lock.release()

    try:
        _hand_over(work_if_free, locks)
        work()
    finally:
        stopped = True
        while locks:
            try:  # an interrupt must not end the wait; acquiring a lock twice does no harm
                locks[-1].acquire()
                locks.pop()
            except KeyboardInterrupt as interrupt:
                errors.append(interrupt)
    if errors:
        try:
            raise min(errors, key=_is_common)
        finally:
            errors.clear()  # breaks a reference cycle through their frames, which hold arrays


def _is_common(error: BaseException) -> bool:
    """False for an interrupt or an exit, which takes precedence over errors of tasks."""
    return isinstance(error, Exception)


def _hand_over(work: Task, locks: list[threading.RLock]) -> None:
    waiting, workers = _pool(len(locks))
    for lock in locks[:workers]:
        waiting.put((work, lock))


def _pool(workers: int) -> tuple[SimpleQueue[tuple[Task, threading.RLock]], int]:
    """The queue of the pool's threads, and their number after an attempt to have ``workers``."""
    global _waiting, _workers
    with _lock:
        if _waiting is None:
            from queue import SimpleQueue

            _waiting = SimpleQueue()
        try:
            while _workers < workers:
                name = f"fastconv-{_workers}"
                threading.Thread(target=_serve, args=(_waiting,), name=name, daemon=True).start()
                _workers += 1
        except RuntimeError:  # no thread can be started, as at exit: go on with fewer
            pass
        return _waiting, _workers


def _serve(waiting: SimpleQueue[tuple[Task, threading.RLock]]) -> None:
    while True:
        work, lock = waiting.get()
        work(lock)
        del work, lock  # they refer to the arrays of the call


def _forget_workers() -> None:
    """Reset the pool in a forked child, which inherits no threads."""
    global _lock, _waiting, _workers
    _lock = threading.Lock()
    _waiting = None
    _workers = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)
