"""The server of `fastconv explore`: who is answered, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from command import fails, run
from exploring import LINE, asked, question, raw, sent, serving

import fastconv as fc
from fastconv.cli.explore import compute, server


@pytest.fixture(scope="module")
def explorer():
    with serving() as running:
        yield running


# -- who is answered ----------------------------------------------------------------------------


def test_it_listens_on_loopback_only(explorer):
    assert explorer.server_address[0] == "127.0.0.1"
    assert explorer.url == f"http://127.0.0.1:{explorer.port}/{explorer.token}/"
    assert len(explorer.token) >= 32


@pytest.mark.parametrize("place", ["", "page.css", "page.js", "draw.js", "choices"])
def test_files_forbid_everything_from_elsewhere(explorer, place):
    status, headers, body = sent(explorer, "GET", place)
    assert status == 200
    assert body
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("token", ["", "x", "%C3%A9", "choices"])
@pytest.mark.parametrize(("method", "place"), [("GET", ""), ("GET", "choices"), ("POST", "image")])
def test_a_wrong_token_gets_nothing(explorer, token, method, place):
    status, _, body = sent(explorer, method, place, b"", token=token)
    assert status == 403
    assert b"token" in body
    assert explorer.token.encode() not in body


def test_part_of_the_token_is_not_enough(explorer):
    for token in (explorer.token[:-1], explorer.token + "x", explorer.token.swapcase()):
        assert sent(explorer, "GET", "choices", token=token)[0] == 403
    host = f"Host: 127.0.0.1:{explorer.port}\r\n\r\n"
    for path in (f"/{explorer.token}", f"x/{explorer.token}/", explorer.token, "/é/", "*"):
        assert raw(explorer, f"GET {path} HTTP/1.1\r\n{host}").startswith(b"HTTP/1.0 403")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "[::1]:{}", "{}"])
def test_another_host_is_refused(explorer, host):
    assert sent(explorer, "GET", "", host=host.format(explorer.port))[0] == 403
    assert sent(explorer, "GET", "", host=f"localhost:{explorer.port}")[0] == 200


def test_a_request_needs_one_host(explorer):
    path = f"/{explorer.token}/choices"
    for hosts in ("", f"Host: localhost:{explorer.port}\r\nHost: evil.example\r\n"):
        assert raw(explorer, f"GET {path} HTTP/1.1\r\n{hosts}\r\n").startswith(b"HTTP/1.0 403")


@pytest.mark.parametrize(
    "place", ["server.py", "../server.py", "page.html", "choices/", "?", "image"]
)
def test_other_paths_do_not_exist(explorer, place):
    assert sent(explorer, "GET", place)[0] == 404


def test_other_methods_do_not_exist(explorer):
    for method in ("PUT", "DELETE", "HEAD", "OPTIONS"):
        status, headers, _ = sent(explorer, method, "compute")
        assert status == 501
        assert "Content-Security-Policy" in headers
    assert sent(explorer, "POST", "choices", b"{}")[0] == 404


# -- what is bounded ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "-1"}, 400),
        ({"Content-Length": "x"}, 400),
        ({"Content-Length": "1_0"}, 400),
        ({"Content-Length": "100001"}, 413),
        ({"Content-Length": "9" * 30}, 400),
        ({"Transfer-Encoding": "chunked", "Content-Length": "2"}, 411),
    ],
)
def test_lengths_are_needed_and_bounded(explorer, headers, status):
    assert sent(explorer, "POST", "compute", headers=headers)[0] == status


def test_a_request_without_length_is_refused(explorer):
    assert sent(explorer, "POST", "compute")[0] == 411
    large = {"Content-Length": str(server.MAX_IMAGE_BYTES + 1)}
    status, _, body = sent(explorer, "POST", "image", headers=large)
    assert (status, b"32,000,000 at most" in body) == (413, True)


def test_a_request_that_ends_early_is_refused(explorer):
    host = f"Host: localhost:{explorer.port}\r\n"
    start = f"POST /{explorer.token}/compute HTTP/1.1\r\n{host}Content-Length: 9\r\n\r\n{{"
    assert raw(explorer, start).startswith(b"HTTP/1.0 408")
    assert b'{"error": "Bad request' in raw(explorer, b"\x16\x03\x01\x02\r\n\r\n")


def test_a_request_that_trickles_in_is_ended(explorer, monkeypatch):
    monkeypatch.setattr(server, "READ_SECONDS", 0.05)
    host = f"Host: localhost:{explorer.port}\r\n"
    start = f"POST /{explorer.token}/compute HTTP/1.1\r\n{host}"
    for some in ("POST /", start, f"{start}Content-Length: 9\r\n\r\n{{"):
        with socket.create_connection(("127.0.0.1", explorer.port), timeout=30) as connection:
            connection.sendall(some.encode())
            while connection.recv(1000):
                pass


def test_connections_are_bounded():
    with serving() as busy:
        address = ("127.0.0.1", busy.port)
        some = [socket.create_connection(address, 30) for _ in range(server.MAX_CONNECTIONS + 1)]
        assert some[-1].recv(1) == b""
        for connection in some:
            connection.close()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"3", b'{"serial": NaN}', b"\xff", b'{"serial": "1"}', b"[" * 90000]
)
def test_what_is_no_question_is_refused(explorer, body):
    status, _, answer = sent(explorer, "POST", "compute", body)
    assert status == 400
    assert json.loads(answer)["error"]


# -- what is wrong with a question --------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "field", "said"),
    [
        ({"stride": 0}, "stride", "conv2d: stride: got 0, allowed is a whole number of at least 1"),
        ({"stride": 1.5}, "stride", "conv2d: stride: got 1.5, allowed is a whole number"),
        ({"stride": None}, "stride", "stride: allowed is a whole number"),
        ({"stride": [1, 1]}, "stride", "stride: allowed is a whole number"),
        ({"dilation": 0}, "dilation", "conv2d: dilation: got 0"),
        ({"dilation": 4}, "size", "x has 7 samples along axis 1 and padding adds 0, but w spans"),
        ({"padding": -1}, "padding", "conv2d: padding: got -1"),
        ({"padding": "sane"}, "padding", "allowed is 'same', 'same_lower', 'valid'"),
        ({"padding": [[10**9, 0], [0, 0]]}, "padding", "padding: allowed is a whole number"),
        ({"boundary": "reflect", "padding": 1}, "boundary", "'reflect' has two meanings"),
        ({"divisor": 0}, "divisor", "divisor: got 0"),
        ({"bias": None}, "bias", "bias: got nothing, allowed is a number"),
        ({"kernel": [[1, None]]}, "kernel", "kernel: row 0, column 1: got nothing"),
        ({"kernel": [[1, "2"]]}, "kernel", "kernel: row 0, column 1: got '2'"),
        ({"kernel": [[1, 2], [3]]}, "kernel", "row 1 has 1 numbers, another has 2"),
        ({"kernel": [[1e7]]}, "kernel", "allowed is a number from -1,000,000 to 1,000,000"),
        ({"kernel": [[1] * 8]}, "kernel", "1 to 7 rows of 1 to 7 numbers each"),
        ({"kernel": []}, "kernel", "got 0 rows"),
        ({"kernel": 5}, "kernel", "kernel: allowed are"),
    ],
)
def test_a_wrong_layer_is_blamed_on_its_field(explorer, layer, field, said):
    for i in range(2):
        layers = [{"kernel": [[1]]}] * i + [{"kernel": LINE} | layer]
        answer = asked(explorer, 400, layers=layers)
        assert answer["field"] == f"{i}.{field}"
        assert said in answer["error"]


def test_costs_are_bounded(explorer):
    for name in ("stride", "padding", "dilation"):
        for huge in (17, 10**18, 1e300, 10**400):
            answer = asked(explorer, 400, layers=[{"kernel": LINE, name: huge}])
            assert answer["field"] == f"0.{name}"
            assert "16 at most" in answer["error"]


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"backend": "fortran"}, "backend", "conv2d: backend: got 'fortran', allowed is 'cython'"),
        ({"backend": ["numpy"]}, "backend", "conv2d: backend: got ['numpy']"),
        ({"values": [[1, "x"]]}, "input", "input: row 0, column 1: got 'x'"),
        ({"values": [[0] * 33]}, "input", "1 to 32 rows"),
        ({"input": {}}, "input", "input: allowed are"),
        ({"input": {"picture": "none"}}, "input", "no longer there"),
        ({"input": {"picture": []}}, "input", "no longer there"),
        ({"layers": [{"kernel": LINE}] * 3}, "layers", "1 to 2"),
        ({"layers": [3]}, "layers", "allowed are objects"),
        ({"at": [0, 0]}, "at", "layer, row and column"),
    ],
)
def test_a_wrong_question_is_blamed_on_its_field(explorer, more, field, said):
    answer = asked(explorer, 400, **more)
    assert answer["field"] == field
    assert said in answer["error"]


def test_a_missing_backend_is_named(explorer, monkeypatch):
    monkeypatch.setattr(fc.backends, "unavailable", lambda name: "it is Sunday")
    answer = asked(explorer, 400, backend="numba")
    assert (answer["field"], answer["error"][-13:]) == ("backend", " it is Sunday")


def test_a_defect_is_no_answer(explorer, monkeypatch, capsys):
    monkeypatch.setattr(server, "answer", lambda *_: 1 / 0)
    assert "terminal" in asked(explorer, 500)["error"]
    said = ""
    while "ZeroDivisionError" not in said:  # written after the answer
        said += capsys.readouterr().err


# -- many requests ------------------------------------------------------------------------------


def test_the_newest_of_many_requests_wins(explorer, monkeypatch):
    started, go_on = threading.Semaphore(0), threading.Event()
    compute_answer = server.answer

    def slow(*args):
        started.release()
        go_on.wait()
        return compute_answer(*args)

    monkeypatch.setattr(server, "answer", slow)
    with ThreadPoolExecutor(20) as pool:

        def ask(serial, page):
            at = [0, 0, serial % 5]
            body = json.dumps(question(at=at, serial=serial) | {"page": page}).encode()
            return sent(explorer, "POST", "compute", body)

        early = [pool.submit(ask, 1, f"early {i}") for i in range(server.MAX_COMPUTING)]
        for _ in early:
            started.acquire()
        late = [pool.submit(ask, i, "many") for i in range(10)]
        newest = pool.submit(ask, 13, "many")
        while not explorer.newest.superseded("many", 12):
            pass
        go_on.set()
        assert {each.result()[0] for each in early} == {200}
        assert {each.result()[0] for each in late} == {409}
        status, _, answer = newest.result()
    assert (status, json.loads(answer)["cell"]["at"]) == (200, [0, 0, 3])


def test_pages_do_not_supersede_each_other():
    newest = server.Newest()
    newest.note("a", 5)
    newest.note("b", 1)
    newest.note("a", 4)
    assert newest.superseded("a", 4)
    assert not newest.superseded("a", 5)
    assert not newest.superseded("b", 1)
    for i in range(server.MAX_PAGES):
        newest.note(str(i), 1)
    assert not newest.superseded("a", 1)


# -- the command --------------------------------------------------------------------------------


def test_the_command_prints_its_address_and_ends(monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    opened = []
    monkeypatch.setattr(server.Explorer, "serve_forever", interrupt)
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    status, out, err = run("explore", "--no-browser")
    assert (status, err, opened) == (0, "", [])
    assert out.startswith("fastconv explore: http://127.0.0.1:")


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot send Ctrl-C to one process")
def test_ctrl_c_ends_it_while_a_browser_waits():
    words = [sys.executable, "-m", "fastconv", "explore", "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        port = int(process.stdout.readline().split(b":")[3].partition(b"/")[0])
        with socket.create_connection(("127.0.0.1", port), 30):
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


def test_a_port_that_is_taken(explorer):
    assert fails("explore", "--no-browser", "--port", explorer.port).startswith(
        f"--port {explorer.port}: Address already in use"
    )
    for port in ("65536", "-1", "x"):
        said = fails("explore", "--port", port, command="fastconv explore")
        assert "--port" in said


def test_what_can_be_chosen():
    found = compute.choices()
    assert list(found["borders"]) == ["constant", "nearest", "symmetric", "mirror", "wrap"]
    assert "sobel_x" in [kernel["name"] for kernel in found["kernels"]]
    assert not {"motion_blur", "sepia"} & {kernel["name"] for kernel in found["kernels"]}
    for grid in found["grids"].values():
        assert len({len(row) for row in grid}) == 1
