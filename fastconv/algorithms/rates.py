"""The speed of each backend: measured on this machine, or built in.

``fastconv bench --calibrate`` measures the rates and saves them in a file (:func:`path`), together
with the processor and the version of fastconv for which they are valid.  The first prediction of a
process reads the file.  If it belongs to another processor or version, or cannot be read, it is
ignored, and :func:`describe` gives the reason.  The environment variable ``FASTCONV_CALIBRATION``
names another file, or is ``off``.

Rates decide which algorithm ``"auto"`` runs, so they may change the last bits of a result.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from .. import backends
from ..backends.protocol import Rates

__all__ = ["decode", "describe", "encode", "of", "path", "processor"]

OFF = "off"


class _Calibration(NamedTuple):
    rates: Mapping[str, Rates]
    origin: str


def of(backend: str) -> Rates:
    """The rates of a backend: those measured on this machine, or else the built-in ones."""
    return _calibration().rates.get(backend) or backends.load(backend).rates


def describe() -> str:
    """A description of where the rates come from, for people."""
    return _calibration().origin


def path() -> str | None:
    """The file of measured rates, or None if they are switched off."""
    setting = os.environ.get("FASTCONV_CALIBRATION")
    if setting:
        return None if setting == OFF else setting
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
    elif sys.platform == "darwin":
        folder = os.path.expanduser("~/Library/Caches")
    else:
        folder = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(folder, "fastconv", "calibration.json")


@cache
def _calibration() -> _Calibration:
    file = path()
    if file is None:
        return _Calibration({}, "built in (FASTCONV_CALIBRATION is off)")
    try:
        with open(file, encoding="utf-8") as opened:
            rates, date = decode(opened.read())
    except FileNotFoundError:
        return _Calibration({}, "built in (fastconv bench --calibrate measures them here)")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return _Calibration({}, f"built in ({file} is ignored: {reason})")
    return _Calibration(rates, f"measured here on {date}")


def encode(rates: Mapping[str, Rates]) -> str:
    """The text of a calibration file with rates measured on this machine today."""
    import datetime
    import json

    import numpy

    facts = {
        "date": str(datetime.date.today()),
        **_circumstances(),
        "numpy": numpy.__version__,
        "rates": {backend: row._asdict() for backend, row in rates.items()},
    }
    return json.dumps(facts, indent=2) + "\n"


def decode(text: str) -> tuple[dict[str, Rates], str]:
    """The rates of each backend and their date, from the text of a calibration file.

    Raises
    ------
    ValueError
        The text holds no rates, or those of another machine or version.
    """
    import json

    try:
        facts = json.loads(text)
        for name, value in _circumstances().items():
            if facts[name] != value:
                raise ValueError(f"its {name} is {facts[name]}, not {value}")
        rates = {backend: _checked(row) for backend, row in facts["rates"].items()}
        return rates, str(facts["date"])
    except (AttributeError, KeyError, RecursionError, TypeError) as error:
        raise ValueError(f"it holds no rates ({type(error).__name__}: {error})") from None


def _checked(row: dict[str, Any]) -> Rates:
    rates = Rates(**row)
    if not all(type(rate) is float and 0 <= rate < math.inf for rate in rates):
        raise ValueError(f"rates must be numbers of at least 0.0, not {tuple(rates)}")
    return rates


def _circumstances() -> dict[str, str]:
    """The machine and version for which measured rates are valid."""
    from .. import __version__

    return {"fastconv": __version__, "processor": processor()}


def processor() -> str:
    """The name of this machine's processor, with family and model if the system reports them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first, *_ = file.read().split("\n\n")
    except OSError:
        first = ""
    facts = {}
    for line in first.splitlines():
        name, _, value = line.partition(":")
        facts[name.strip()] = value.strip()
    names = ("model name", "cpu family", "model", "CPU implementer", "CPU part")
    found = [facts[name] if name == "model name" else f"{name} {facts[name]}"
             for name in names if name in facts]  # fmt: skip
    if found:
        return ", ".join(found)
    import platform

    return platform.processor() or platform.machine()
