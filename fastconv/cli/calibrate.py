"""``fastconv bench --calibrate``: measure the rates of each backend, and keep them.

A rate is what a few calls on one thread show.  A new one is a field of
:class:`~fastconv.backends.protocol.Rates`, a number in each backend's ``RATES``, and a line in
:func:`measured` that undoes the algorithm's prediction.
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
from . import imageio, peers
from ..algorithms import rates
from ..algorithms import direct, fft
from ..backends.protocol import Rates
from ..plan.plan import Plan

__all__ = ["measured", "reset", "run"]

LARGE = 2048
MEDIUM = 1024
CHANNELS, SMALL = 32, 64
ROUNDS = 15
SECONDS = 3.0


def run(show_status: Callable[[str], None]) -> int:
    """Measure every backend that can run, print the rates, and keep them for the planner.

    ``show_status`` tells a waiting person what is being done, until the next text or an empty one.

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
    print(f"# kept in {file}: plans of new processes use these rates")
    return 0


def reset() -> int:
    """Forget the rates that were measured."""
    file = _file()
    file.unlink(missing_ok=True)
    print(f"# plans of new processes use the rates that are built in; {file} is gone")
    return 0


def _file() -> Path:
    file = rates.path()
    if file is None:
        raise ValueError("FASTCONV_CALIBRATION is off, so there is no file to keep rates in")
    return Path(file)


def measured(backend: str) -> Rates:
    """The rates of a backend, from the best times of a few plans.

    Raises
    ------
    ArithmeticError
        The times contradict each other, for the machine was busy.
    """
    backends.load(backend).warmup()
    plans = {
        "call": _plan(backend, "direct", 8, taps=3),
        "3x3": _plan(backend, "direct", LARGE, taps=3),
        "15x15": _plan(backend, "direct", LARGE, taps=15),
        "15+15": _plan(backend, "separable", MEDIUM, taps=15),
        "9 listed": _plan(backend, "sparse", MEDIUM, taps=9),
        "31 listed": _plan(backend, "sparse", MEDIUM, taps=31),
        "transforms": _plan(backend, "fft", MEDIUM, taps=31),
        "box": _plan(backend, "box", LARGE, taps=15),
        "layer": _layer_plan(backend, "direct"),
        "gemm": _layer_plan(backend, "gemm"),
    }
    calls = {
        name: partial(plan, np.ones(plan.problem.x_shape, np.float32))
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
    listed_product = (best["31 listed"] - best["9 listed"]) / ((31 - 9) * MEDIUM**2)
    operations, rows = fft.work(plans["transforms"].problem)
    transforms = best["transforms"] - (1 + rows) * call - 2 * 4 * MEDIUM**2 * byte
    # Those calls come in a row, and take less than one that comes alone.
    operation = max(transforms, best["transforms"] / 2) / operations
    additions = 2 * (15).bit_length() * LARGE**2
    addition = (best["box"] - call - bytes_moved * byte) / additions
    layer = plans["layer"].problem
    samples = prod(layer.x_shape) + prod(layer.out_shape)
    products = 3 * 3 * CHANNELS * prod(layer.out_shape)
    started = call + 3 * 3 * CHANNELS * SMALL * direct.START * product
    summed = (best["layer"] - started - 4 * samples * byte) / products
    contracted = (best["gemm"] - call - 2 * 4 * samples * byte) / products
    found = product, summed, contracted, row_product, listed_product, operation, addition
    if min(found) <= 0:
        raise ArithmeticError("the machine is too busy to measure anything: try again")
    return Rates(
        product=product,
        summed=summed,
        contracted=contracted,
        byte=byte,
        call=call,
        one_row=row_product / product,
        sparse=listed_product / product,
        operation=operation,
        addition=addition,
    )


def _plan(backend: Any, algorithm: Any, size: int, taps: int) -> Plan:
    """A plan for a kernel of taps² on an image of size², all ones in float32, on one thread.

    The kernel of "sparse" has its diagonal alone.
    """
    factor = np.ones(taps, np.float32)
    w: Any = np.diag(factor) if algorithm == "sparse" else np.outer(factor, factor)
    w = (factor, factor) if algorithm == "separable" else w
    return fc.plan_correlate(
        (size, size), np.float32, w, algorithm=algorithm, backend=backend, threads=1
    )


def _layer_plan(backend: Any, algorithm: Any) -> Plan:
    """A plan for a layer of 3×3 kernels from channels to as many, in float32, on one thread."""
    w = np.ones((CHANNELS, CHANNELS, 3, 3), np.float32)
    shape = (CHANNELS, SMALL, SMALL)
    return fc.plan_conv2d(
        shape, np.float32, w, padding=1, algorithm=algorithm, backend=backend, threads=1
    )
