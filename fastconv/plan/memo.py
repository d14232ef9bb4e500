"""Caches of bounded size."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

__all__ = ["Memo", "forget", "memo_of_calls"]

Value = TypeVar("Value")


class Memo(Generic[Value]):
    """A cache that holds at most ``max_count`` values and ``max_bytes`` bytes.

    When it is full, a random entry is evicted.  If more calls take turns than fit, some of them
    still hit; evicting the least recently used entry would miss every time.
    """

    def __init__(self, max_count: int, max_bytes: int = 1 << 62) -> None:
        self._max_count, self._max_bytes = max_count, max_bytes
        self._entries: dict[Hashable, _Entry[Value]] = {}
        self._list: list[_Entry[Value]] = []
        self._bytes = 0
        self._drawn = 1
        self._lock = Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value for a key, or None."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def put(self, key: Hashable, value: Value, nbytes: int = 0) -> None:
        """Store a value, unless it is too large or another thread is storing one."""
        if nbytes > self._max_bytes or not self._lock.acquire(blocking=False):
            return
        try:
            known = self._entries.get(key)
            if known is not None:
                known.value = value
                return
            while self._list and (
                len(self._list) >= self._max_count or self._bytes + nbytes > self._max_bytes
            ):
                self._drawn = self._drawn * 48271 % (2**31 - 1)
                self._forget(self._list[self._drawn % len(self._list)])
            entry = _Entry(key, value, nbytes, len(self._list))
            self._list.append(entry)
            self._entries[key] = entry
            self._bytes += nbytes
        finally:
            self._lock.release()

    def clear(self) -> None:
        """Remove all entries."""
        with self._lock:
            self._entries.clear()
            self._list.clear()
            self._bytes = 0

    def __len__(self) -> int:
        return len(self._list)

    def _forget(self, entry: _Entry[Value]) -> None:
        last = self._list.pop()
        if last is not entry:
            self._list[entry.place] = last
            last.place = entry.place
        del self._entries[entry.key]
        self._bytes -= entry.nbytes


_of_calls: list[Memo[Any]] = []


def memo_of_calls(max_count: int, max_bytes: int = 1 << 62) -> Memo[Any]:
    """A new memo that `forget` clears."""
    memo: Memo[Any] = Memo(max_count, max_bytes)
    _of_calls.append(memo)
    return memo


def forget() -> None:
    """Clear all cached plans, recipes and arguments of earlier calls."""
    for memo in _of_calls:
        memo.clear()


@dataclass(slots=True)
class _Entry(Generic[Value]):
    key: Hashable
    value: Value
    nbytes: int
    place: int
    """The index in the list of entries."""
