"""The server of ``fastconv explore``, for the browser of one user on this machine.

It listens on 127.0.0.1.  Paths must begin with the random token in the printed address, and
requests must name this server as their host, so that no other page and no other user can reach it.
Requests are limited in bytes and in time.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import socket
import sys
import threading
import webbrowser
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, NoReturn
from urllib.parse import unquote

import fastconv as fc

from .compute import answer, choices
from .pictures import Pictures
from .refusal import RefusedError

__all__ = ["Explorer", "run"]

ADDRESS = "127.0.0.1"
MAX_QUESTION_BYTES = 100_000
MAX_IMAGE_BYTES = 32_000_000
READ_SECONDS = 20.0
"""Seconds in which a request must arrive."""
MAX_CONNECTIONS = 32
MAX_COMPUTING = 4
MAX_PAGES = 64
"""Open pages whose newest request is known."""

KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
PAGES = {"": "page.html"} | {
    name: name
    for name in ("page.css", "page.js", "arithmetic.js", "captions.js", "controls.js", "draw.js")
}
"""The files that are served, by what follows the token."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Newest:
    """The newest request of each page; older ones need no answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serials: dict[str, int] = {}

    def note(self, page: str, serial: int) -> None:
        """Register a request."""
        with self._lock:
            self._serials[page] = max(serial, self._serials.pop(page, serial))
            while len(self._serials) > MAX_PAGES:
                del self._serials[next(iter(self._serials))]

    def superseded(self, page: str, serial: int) -> bool:
        """Whether a newer request has arrived since."""
        with self._lock:
            return self._serials.get(page, serial) > serial


class Explorer(ThreadingMixIn, TCPServer):
    """A server that is ready: ``serve_forever`` and ``shutdown`` are those of `socketserver`."""

    allow_reuse_address = sys.platform != "win32"  # there, it would let others take the port
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, port: int = 0) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.port: int = self.server_address[1]
        self.token = secrets.token_urlsafe(24)
        port_ = "" if self.port == 80 else f":{self.port}"
        self.hosts = {f"{name}{port_}" for name in (ADDRESS, "localhost")}
        self.pictures = Pictures()
        self.newest = Newest()
        self.computing = threading.Semaphore(MAX_COMPUTING)
        self._free = threading.Semaphore(MAX_CONNECTIONS)

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{ADDRESS}:{self.port}/{self.token}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, unless too many are busy."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that close the connection."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Explorer
    server_version = "fastconv"
    sys_version = ""
    timeout = READ_SECONDS

    def setup(self) -> None:
        super().setup()
        self._deadline = threading.Timer(READ_SECONDS, self._hang_up)
        self._deadline.daemon = True
        self._deadline.start()

    def finish(self) -> None:
        self._deadline.cancel()
        super().finish()

    def _hang_up(self) -> None:
        """Close a connection whose request takes too long."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)

    def do_GET(self) -> None:
        """The files of the page, and what can be chosen on it."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """An image, or a question to `compute`."""
        self._answer(self._post)

    def _answer(self, method: Any) -> None:
        try:
            status, kind, body = method(self._place())
        except RefusedError as refusal:
            reason = {"error": refusal.message, "field": refusal.field}
            status, kind, body = refusal.status, *_json(reason)
        except Exception:
            self._send(500, *_json({"error": "fastconv explore failed; the terminal shows where"}))
            raise
        self._send(status, kind, body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what the base class cannot parse."""
        self._send(code, *_json({"error": message or self.responses[code][0]}))

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: requests contain the token."""

    # -- what is asked ----------------------------------------------------------------------------

    def _place(self) -> str:
        """The path after the token, if the request has the right host and token."""
        if self.headers.get_all("Host") not in [[host] for host in self.server.hosts]:
            raise RefusedError(f"the host must be {ADDRESS}:{self.server.port}", status=403)
        start, token, place = [*self.path.split("/", 2), "", ""][:3]
        known = hmac.compare_digest(token.encode(), self.server.token.encode())
        if start or not known or self.path.count("/") < 2:
            cure = "use the address that the terminal shows"
            raise RefusedError(f"the token is missing: {cure}", status=403)
        return place

    def _get(self, place: str) -> tuple[int, str, bytes]:
        if place == "choices":
            limits = {"image_bytes": MAX_IMAGE_BYTES}
            return 200, *_json(choices() | {"limits": limits})
        if place in PAGES:
            name = PAGES[place]
            content = files(__package__).joinpath(name).read_bytes()
            return 200, KINDS[name.rpartition(".")[2]], content
        raise RefusedError("there is no such page", status=404)

    def _post(self, place: str) -> tuple[int, str, bytes]:
        if place == "image":
            data = self._body(MAX_IMAGE_BYTES)
            name = unquote(self.headers.get("X-File-Name", ""))[-100:] or "the image"
            with self.server.computing:
                return 200, *_json({"picture": self.server.pictures.load(name, data)})
        if place == "compute":
            return self._compute(_question(self._body(MAX_QUESTION_BYTES)))
        raise RefusedError("there is no such page", status=404)

    def _body(self, most: int) -> bytes:
        lengths = self.headers.get_all("Content-Length") or []
        if "Transfer-Encoding" in self.headers or len(lengths) != 1:
            raise RefusedError("the request has no Content-Length", status=411)
        if not re.fullmatch(r"[0-9]{1,12}", lengths[0]):
            raise RefusedError("Content-Length is not a number", status=400)
        length = int(lengths[0])
        if length > most:
            raise RefusedError(f"got {length:,} bytes, allowed are {most:,} at most", status=413)
        data = self.rfile.read(length)
        if len(data) < length:
            raise RefusedError("the request ended early", status=408)
        return data

    def _compute(self, question: dict[str, Any]) -> tuple[int, str, bytes]:
        page, serial = str(question.get("page"))[:64], question.get("serial")
        if not isinstance(serial, int):
            _malformed("serial")
        newest = self.server.newest
        newest.note(page, serial)
        with self.server.computing:
            if newest.superseded(page, serial):
                raise RefusedError("a newer request has arrived", status=409)
            return 200, *_json(answer(question, self.server.pictures))


def _question(data: bytes) -> dict[str, Any]:
    def refuse(_: str) -> NoReturn:
        _malformed("number")

    try:
        question = json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise RefusedError("this is not JSON", status=400) from None
    if not isinstance(question, dict):
        _malformed("question")
    return question


def _malformed(what: str) -> NoReturn:
    raise RefusedError(f"the request has no valid {what}", status=400)


def _json(content: object) -> tuple[str, bytes]:
    return "application/json", json.dumps(content, allow_nan=False).encode()


def run(port: int, browser: bool) -> int:
    """Serve the page until Ctrl-C.

    ``browser`` opens it in the browser of this machine.
    """
    fc.get_backend()  # refused here rather than on the page, if a variable names a wrong one
    try:
        explorer = Explorer(port)
    except OSError as error:
        raise OSError(f"--port {port}: {error.strerror}") from None
    with explorer as server, suppress(KeyboardInterrupt):
        print(f"fastconv explore: {server.url}")
        print("Ctrl-C ends it.", flush=True)
        if browser:  # text browsers keep their caller waiting
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        server.serve_forever()
    return 0
