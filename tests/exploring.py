"""The server of `fastconv explore`, running, and a client of it."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from fastconv.cli.explore import pictures, server

LINE = [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]


@contextmanager
def serving() -> Iterator[server.Explorer]:
    """A server that answers."""
    with server.Explorer() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


def sent(explorer, method, place, body=None, headers=(), token=None, host=None):
    """The status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", explorer.port, timeout=30)
    path = f"/{explorer.token if token is None else token}/{place}"
    connection.putrequest(method, path, skip_host=True)
    for name, value in ({"Host": host or f"127.0.0.1:{explorer.port}"} | dict(headers)).items():
        connection.putheader(name, value)
    if body is not None and "Content-Length" not in dict(headers):
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def question(values=None, layers=None, **more):
    """What the page asks, with a few defaults."""
    values = values if values is not None else pictures.GRIDS["a smiley"]
    layers = layers or [{"kernel": LINE}]
    return {"input": {"values": values}, "layers": layers, "at": [0, 0, 0], "serial": 1} | more


def asked(explorer, status=200, page="tests", **more):
    """The answer to a question."""
    body = json.dumps(question(**more) | {"page": page}).encode()
    found, _, answer = sent(explorer, "POST", "compute", body)
    assert found == status, answer
    return json.loads(answer)


def map_of(answer, i):
    """A map as an array."""
    found = answer["maps"][i]
    values = np.frombuffer(base64.b64decode(found["values"]), "<f4")
    return values.reshape(found["rows"], found["columns"])


def raw(explorer, text):
    """What the server says to some bytes, until it hangs up."""
    with socket.create_connection(("127.0.0.1", explorer.port), timeout=30) as connection:
        connection.sendall(text if isinstance(text, bytes) else text.encode())
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while some := connection.recv(1 << 16):
            found += some
    return found
