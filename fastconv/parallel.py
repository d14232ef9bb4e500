"""One pool of threads for every backend.

Work comes as numbered tasks.  The caller takes tasks from the front like every helper, so a call
never waits for a busy pool, a nested call cannot lock up, and one thread is as good as many.  How
the work is cut never depends on the number of threads, so neither do the bits of the result.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["available_cpus", "run"]

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0


def available_cpus() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def run(task: Callable[[int], None], tasks: int, threads: int) -> None:
    """Call ``task(0) … task(tasks - 1)``, each once, on at most ``threads`` threads.

    The first exception stops the hand-out of further tasks and is raised here once no thread
    works on this call any more: nothing writes into an output after the caller got control back.
    """
    helpers = min(threads, tasks) - 1
    if helpers <= 0:
        for number in range(tasks):
            task(number)
        return
    numbers = count()
    stopped = threading.Event()

    def work() -> None:
        try:
            while not stopped.is_set() and (number := next(numbers)) < tasks:
                task(number)
        except BaseException:
            stopped.set()
            raise

    futures = _hand_over(work, helpers)
    try:
        work()
    finally:
        stopped.set()
        errors = _settle(futures)
    if errors:
        raise errors[0]


def _hand_over(work: Callable[[], None], helpers: int) -> list[Future[None]]:
    futures: list[Future[None]] = []
    try:
        pool = _pool_of(helpers)
        for _ in range(helpers):
            futures.append(pool.submit(work))
    except RuntimeError:  # the interpreter is shutting down: the caller works without more help
        pass
    return futures


def _settle(futures: list[Future[None]]) -> list[BaseException]:
    """What was raised until no helper works any more; an interrupt does not cut the wait short."""
    errors = []
    running = [future for future in futures if not future.cancel()]
    while running:
        try:
            error = running[-1].exception()
            running.pop()
        except KeyboardInterrupt as interrupt:
            error = interrupt
        if error is not None:
            errors.append(error)
    return errors


def _pool_of(size: int) -> ThreadPoolExecutor:
    global _pool, _pool_size
    with _lock:
        if _pool is None or _pool_size < size:
            from concurrent.futures import ThreadPoolExecutor

            _pool = ThreadPoolExecutor(size, thread_name_prefix="fastconv")
            _pool_size = size
        return _pool


def _forget_pool() -> None:
    """A forked child has the pool object but none of its threads."""
    global _lock, _pool, _pool_size
    _lock = threading.Lock()
    _pool = None
    _pool_size = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
