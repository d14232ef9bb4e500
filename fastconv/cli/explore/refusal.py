"""The error for requests that are refused."""

from __future__ import annotations

__all__ = ["RefusedError"]


class RefusedError(Exception):
    """A request that is not answered: a message for people, and where it belongs.

    ``field`` is the field of the page that is wrong, such as "backend" or "0.stride" (of the first
    layer); ``status`` is that of HTTP.
    """

    def __init__(self, message: str, field: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.status = status
