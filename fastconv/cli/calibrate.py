"""``fastconv bench --calibrate``: measure the rates of each backend, and keep them.

Rates follow from the times of a few calls on one thread.  A new rate is a field of
:class:`~fastconv.backends.protocol.Rates`, a number in the ``rates`` of each backend, and a line in
:func:`measured` that inverts the algorithm's prediction.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

import fastconv as fc

from .. import backends
from ..algorithms import direct, fft, rates
from ..backends.protocol import Rates
from ..plan.plan import Plan
from ..problem.problem import Problem
from . import imageio, peers

__all__ = ["measured", "reset", "run"]

LARGE = 2048
MEDIUM = 1024
CHANNELS, SMALL = 32, 64
ROUNDS = 15
SECONDS = 3.0


def run(show_status: Callable[[str], None]) -> int:
    """Measure every available backend, print the rates, and keep them for later processes.

    ``show_status`` shows what is being done, until the next text or an empty one.

    Raises
    ------
    ValueError
        ``FASTCONV_CALIBRATION`` is off.
    ImageFileError
        The file cannot be written.
    """
    file = _file()
    found = {}
    print(f"{'backend':<9}" + "".join(f"{name:>12}" for name in Rates._fields))
    for name in backends.ORDER:
        if backends.unavailable(name) is None:
            show_status(f"measuring {name}")
            found[name] = measured(name)
            show_status("")
            print(f"{name:<9}" + "".join(f"{rate:>12.3g}" for rate in found[name]), flush=True)
    os.makedirs(file.parent, exist_ok=True)
    with imageio.replacing(file) as opened:
        opened.write(rates.encode(found).encode())
    print(f"# kept in {file}: new processes choose algorithms by these rates")
    return 0


def reset() -> int:
    """Forget the rates that were measured."""
    file = _file()
    file.unlink(missing_ok=True)
    print(f"# new processes choose algorithms by the built-in rates; {file} is gone")
    return 0


def _file() -> Path:
    file = rates.path()
    if file is None:
        raise ValueError("FASTCONV_CALIBRATION is off, so rates cannot be kept")
    return Path(file)


def measured(backend: str) -> Rates:
    """The rates of a backend, from the best times of a few plans.

    Raises
    ------
    ArithmeticError
        The times contradict each other, because the machine was busy.
    """
    backends.load(backend).warmup()
    plans = {
        "call": _plan(backend, "direct", 8, taps=3),
        "3x3": _plan(backend, "direct", LARGE, taps=3),
        "15x15": _plan(backend, "direct", LARGE, taps=15),
        "15+15": _plan(backend, "separable", MEDIUM, taps=15),
        "9 sparse": _plan(backend, "sparse", MEDIUM, taps=9),
        "31 sparse": _plan(backend, "sparse", MEDIUM, taps=31),
        "transforms": _plan(backend, "fft", MEDIUM, taps=31),
        "box": _plan(backend, "box", LARGE, taps=15),
        "layer": _layer_plan(backend, "direct"),
        "gemm": _layer_plan(backend, "gemm"),
    }
    calls = {
        name: partial(plan, np.ones(_problem(plan).x_shape, np.float32))
        for name, plan in plans.items()
    }
    times = peers.alternate(calls, ROUNDS, SECONDS)
    best = {name: float(row.min()) for name, row in times.items()}
    tap = LARGE * (LARGE + direct.START)
    product = (best["15x15"] - best["3x3"]) / ((15 * 15 - 3 * 3) * tap)
    call = best["call"]
    bytes_moved = 2 * 4 * LARGE**2
    byte = max((best["3x3"] - call - 3 * 3 * tap * product) / bytes_moved, 0.0)
    passes = call + 2 * 8 * MEDIUM**2 * byte
    row_product = (best["15+15"] - passes) / (2 * 15 * MEDIUM**2)
    sparse_product = (best["31 sparse"] - best["9 sparse"]) / ((31 - 9) * MEDIUM**2)
    operations, rows = fft.work(_problem(plans["transforms"]))
    transforms = best["transforms"] - (1 + rows) * call - 2 * 4 * MEDIUM**2 * byte
    # Calls in a row have less overhead than one alone, so the difference may be too small.
    operation = max(transforms, best["transforms"] / 2) / operations
    additions = 2 * (15).bit_length() * LARGE**2
    addition = (best["box"] - call - bytes_moved * byte) / additions
    layer = _problem(plans["layer"])
    samples = prod(layer.x_shape) + prod(layer.out_shape)
    products = 3 * 3 * CHANNELS * prod(layer.out_shape)
    started = call + 3 * 3 * CHANNELS * SMALL * direct.START * product
    summed = (best["layer"] - started - 4 * samples * byte) / products
    contracted = (best["gemm"] - call - 2 * 4 * samples * byte) / products
    found = product, summed, contracted, row_product, sparse_product, operation, addition
    if min(found) <= 0:
        raise ArithmeticError("the machine is too busy to measure anything: try again")
    return Rates(
        product=product,
        summed=summed,
        contracted=contracted,
        byte=byte,
        call=call,
        one_row=row_product / product,
        sparse=sparse_product / product,
        operation=operation,
        addition=addition,
    )


def _problem(plan: Plan) -> Problem:
    return plan._recipe.problem


def _plan(backend: Any, algorithm: Any, size: int, taps: int) -> Plan:
    """A plan for a kernel of taps² on an image of size², all ones in float32, on one thread.

    The kernel for "sparse" is diagonal.
    """
    factor = np.ones(taps, np.float32)
    w: Any = np.diag(factor) if algorithm == "sparse" else np.outer(factor, factor)
    w = (factor, factor) if algorithm == "separable" else w
    return fc.plan_correlate(
        (size, size), np.float32, w, algorithm=algorithm, backend=backend, threads=1
    )


def _layer_plan(backend: Any, algorithm: Any) -> Plan:
    """A plan for a 3×3 layer with equal numbers of channels, in float32, on one thread."""
    w = np.ones((CHANNELS, CHANNELS, 3, 3), np.float32)
    shape = (CHANNELS, SMALL, SMALL)
    return fc.plan_conv2d(
        shape, np.float32, w, padding=1, algorithm=algorithm, backend=backend, threads=1
    )
