"""Nothing reads or writes beyond its arrays: they lie flush against pages that kill who does.

Every algorithm, on the compiled backends, with each instruction set of this machine; each of these
in one interpreter, which names its cases, so that the last one named is the one it died of.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import require
from interpreter import survives
from questions import QUESTIONS, Question

import fastconv as fc

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs mprotect"),
    pytest.mark.compiled,
]
LAYOUTS = ("C", "channels", "gaps")
TAILS = (1, 2, 3, 5, 7, 9, 15, 17, 31, 33)


def instruction_sets() -> list[str]:
    """Those of the Cython backend that this machine runs, and that were built."""
    if "cython" not in fc.available_backends():
        return []
    from fastconv.backends.cython_backend import _probe

    names = (*_probe.supported(), "baseline")
    package = "fastconv.backends.cython_backend"
    return [*(name for name in names if find_spec(f"{package}._kernels_{name}")), "generic"]


def tails() -> Iterator[Question]:
    """Rows, planes and channels that end within a vector."""
    both = ("f4", "f8")
    for n in TAILS:
        yield Question("image", "correlate", (n,), ((3,),), {"boundary": "mirror"}, 0, both)
        yield Question("image", "correlate", (n + 2,), ((3,),), {"mode": "valid"}, 0, both)
        for algorithm in ("direct", "separable", "fft"):
            taps = ((3,), (5,)) if algorithm == "separable" else ((3, 5),)
            how = {"boundary": "nearest"}
            yield Question("image", "correlate", (n, n + 4), taps, how, 0, both, (algorithm,))
        yield Question("image", "correlate", (3, n), ((3, 3),), {}, 0, (*both, "i4"), ("box",))
        yield Question("image", "correlate", (3, n), ((3, 3),), {}, 0, (*both, "i4"), ("sparse",))
        layer = {"padding": 1}
        summed = ("winograd", "gemm", "direct")
        for channels, filters in ((16, 15 + n), (15 + n, 16)):
            x, w = (1, channels, 5, 6), (filters, channels, 3, 3)
            yield Question("layer", "conv2d", x, (w,), layer, filters, ("f4",), summed)
        x, w = (1, 16, 4, n), (17, 16, 3, 3)
        yield Question("layer", "conv2d", x, (w,), layer, 17, ("f4",), summed)
        x, w = (1, 3, 4, n), (n, 3, 3, 2)
        yield Question("layer", "conv2d", x, (w,), layer, n, both, ("gemm", "direct"))
        x, w = (1, 3, 2, n), (n, 3, 1, 1)
        yield Question("layer", "conv2d", x, (w,), {}, n, both, ("pointwise", "gemm"))
        x, w = (1, n + 8, 4, 5), (n + 8, 1, 3, 3)
        how = layer | {"groups": n + 8}
        yield Question("layer", "conv2d", x, (w,), how, n + 8, both, ("depthwise",))
        x, w = (1, 4, 3, n), (4, n, 2, 2)
        yield Question("transposed", "conv_transpose2d", x, (w,), {"stride": 2}, n, both)
        x, upper = (1, n, 4, 5), (1, 3, 3, 4)
        more = {"size": (3, n, 2, 2)}
        yield Question("weight", "conv2d_weight", x, (upper,), {}, 0, both, **more)
        bytes_ = ("u1:i1:i2", "i1:i1:f4", "u1:i2:u1")
        for x in ((3, n + 2), (n + 2, 5)):
            yield Question("image", "correlate", x, ((3, 3),), {"mode": "valid"}, 0, bytes_)
        how = {"axes": (0, 1), "boundary": "wrap"}
        yield Question("image", "correlate", (4, n, 3), ((2, 5),), how, 0, bytes_, ("direct",))
        yield Question("filter", "box", (4, n), (), {"size": 3}, 0, ("u1", "f4"))
        yield Question("filter", "gaussian", (4, n), (), {"sigma": 1.0}, 0, ("u1", "f4"))
        yield Question("filter", "gaussian", (n + 4, 70), (), {"sigma": 0.6}, 0, ("u1",))


def flush(backend: str, plant: str = "") -> None:
    """Ask everything, with all arrays flush against the end or the beginning of memory."""
    from guard import copied, empty

    if plant:
        planted(plant)
    rng = np.random.default_rng(0)
    number = 0
    for question in (*QUESTIONS, *tails()):
        for kind in question.dtypes:
            for algorithm in question.algorithms:
                for call in range(4):
                    number += 1
                    end, layout = call % 2 == 0, LAYOUTS[number // 2 % len(LAYOUTS)]
                    print(f"{question.name} {kind} {algorithm} {layout} {end=}", flush=True)
                    values = question.draw(rng, kind, algorithm)
                    answer = question.ask(*values.values(), kind, algorithm)
                    arrays = {
                        name: [copied(array, end, layout) for array in group]
                        for name, group in values.items()
                    }
                    out = empty(answer.shape, answer.dtype, end, layout)
                    threads = 1 + number % 2
                    got = question.call(arrays, algorithm, out, backend, threads, answer.dtype)
                    assert got is out
                    answer.check(got)


def planted(plant: str) -> None:
    """Let `correlate` touch one item too many."""
    correlate = fc.correlate

    def beyond(x, w, *, out, **how):
        made = correlate(x, w, out=out, **how)
        if x.ndim == 1 and x.strides == (x.itemsize,):
            touched = out if plant == "write" else x
            step = -1 if plant == "before" else touched.shape[0]
            item = np.lib.stride_tricks.as_strided(touched[:1], (2,), (step * touched.itemsize,))
            if plant == "write":
                item[1] = 0
            else:
                float(item[1].real)
        return made

    fc.correlate = beyond


@pytest.mark.parametrize("isa", ["v4", "v3", "v2", "baseline", "generic"])
def test_nothing_reads_beyond_its_arrays_in_cython(isa):
    require("cython")
    if isa not in instruction_sets():
        pytest.skip(f"this machine or build has no {isa}")
    survives(flush, "cython", seconds=240, FASTCONV_ISA=isa)


def test_nothing_reads_beyond_its_arrays_in_numba():
    require("numba")
    survives(flush, "numba", seconds=500)


@pytest.mark.parametrize("plant", ["behind", "before", "write"])
def test_a_touch_beyond_is_found(plant):
    with pytest.raises(AssertionError, match=r"exit status (-11|1)\n(.*\n)*.*correlate") as found:
        survives(flush, "numpy", plant)
    told = str(found.value)
    assert "exit status -11" in told or "AddressSanitizer" in told
    assert "returned" not in told


def test_instruction_sets_are_those_that_can_be_forced():
    if os.environ.get("FASTCONV_ISA"):
        pytest.skip("one is forced")
    assert "cython" not in fc.available_backends() or "generic" in instruction_sets()
