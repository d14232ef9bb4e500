"""What is wrong with a request, and which field of the page it belongs to."""

from __future__ import annotations

__all__ = ["Wrong"]


class Wrong(Exception):
    """A request that cannot be answered: a field of the page, and a message for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
