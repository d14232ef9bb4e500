"""Chromium without a window, driven over a pipe by the DevTools protocol.

`FASTCONV_REQUIRE_BROWSER=1` turns a missing browser from a skip into an error.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-sandbox"),
    *("--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--mute-audio"),
)


def require_browser() -> str:
    """The path of a browser; else a skip, or an error in CI."""
    found = os.name == "posix" and next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        reason = "no Chromium is installed (or this is Windows, where its pipe is not driven)"
        if os.environ.get("FASTCONV_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Browser:
    """One tab."""

    def __init__(self, commands: int, replies: int) -> None:
        self._commands, self._replies = commands, replies
        self._received = b""
        self._count = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        """What pages wrote to the console, or failed to load."""
        self.loaded: list[float] = []
        """When the page has loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Send a command of the protocol, and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._read()
            if reply.get("id") == self._count:
                assert "error" not in reply, (method, reply["error"])
                return reply["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            some = os.read(self._replies, 1 << 16)
            assert some, "the browser has ended"
            self._received += some
        message, _, self._received = self._received.partition(b"\0")
        reply = json.loads(message)
        if reply.get("method") == "Page.loadEventFired":
            self.loaded.append(reply["params"]["timestamp"])
        if reply.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(reply["params"]))
        if reply.get("method") == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps(reply["params"]["args"]))
        return reply

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    def resize(self, width: int, height: int, dark: bool = False, scale: int = 1) -> None:
        """Set the size of the window, and the colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        """Go to a page, and wait until it has loaded."""
        self.loaded.clear()
        self.call("Page.navigate", url=url)
        while not self.loaded:
            self._read()

    def key(self, name: str) -> None:
        """Press and release a key, such as "ArrowLeft" or "a"."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": name} if len(name) == 1 and kind == "keyDown" else {}
            code = {"Tab": 9, "Enter": 13}.get(name, 0)
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code, **text
            )

    def mouse(self, x: float, y: float, *kinds: str) -> None:
        """Move the mouse there and, unless told otherwise, click."""
        for kind in kinds or ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in the file field that a selector finds."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        field = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=field, files=[str(path)])

    def close(self) -> None:
        """End the browser."""
        self._session = None
        self.call("Browser.close")

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write a PNG file of the window, or of the whole page."""
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser whose profile lies in ``folder``."""
    import fcntl  # not on Windows

    path = require_browser()
    ours_in, out = os.pipe()
    into, ours_out = os.pipe()
    # The browser reads commands from descriptor 3 and writes replies to 4: ours stay clear of them.
    theirs = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (into, out)]
    shell = f'exec 3<&{theirs[0]} 4>&{theirs[1]} "$@"'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", path, *OPTIONS, f"--user-data-dir={folder}", "about:blank"],
        pass_fds=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for each in (into, out, *theirs):
        os.close(each)
    try:
        tab = Browser(ours_out, ours_in)
        yield tab
        tab.close()
    finally:
        process.kill()
        process.wait()
        os.close(ours_in)
        os.close(ours_out)
