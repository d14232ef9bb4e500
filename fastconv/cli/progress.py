"""What the command line writes to stderr: a progress bar, and one line for each error."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["bar", "complain", "show_status", "with_progress"]

Item = TypeVar("Item")


def complain(error: Exception) -> int:
    """Print an error in one line, and return the exit status for it."""
    show_status("")
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"fastconv: {text}", file=sys.stderr)
    return 2


def show_status(text: str) -> None:
    """Replace the last line of the terminal by a text, or clear it; does nothing elsewhere."""
    if sys.stderr is not None and sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        blank = " " * width
        print(f"\r{blank}\r{text[:width]}", end="", file=sys.stderr, flush=True)


def bar(done: int, total: int) -> str:
    """A progress bar as text."""
    marks = "#" * (30 * done // total)
    return f"[{marks:<30}]"


def with_progress(items: Sequence[Item]) -> Iterator[Item]:
    """Iterate over the items under a progress bar, if there are several."""
    for done, item in enumerate(items):
        if len(items) > 1:
            show_status(f"{bar(done, len(items))} {done}/{len(items)}")
        yield item
    show_status("")
