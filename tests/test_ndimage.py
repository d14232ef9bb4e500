"""`fastconv.ndimage` against SciPy, which defines it: values, dtypes, errors, signatures."""

from __future__ import annotations

import inspect
import itertools
import warnings
from typing import Any

import numpy as np
import oracle
import pytest

from fastconv import ndimage as ours

SCIPY = pytest.importorskip("scipy.ndimage")

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8", "c8", "c16"]
MODES = [
    *("reflect", "constant", "nearest", "mirror", "wrap"),
    *("grid-mirror", "grid-constant", "grid-wrap"),
]
DENSE = oracle.samples((3, 4), "float64")
ROW = np.array([0.25, -1.5, 2.0, 0.5, 1.0])


def second_difference(module: Any) -> Any:
    """A derivative for the generic functions, by either module."""

    def derivative(x, axis, output, mode, cval, scale=1):
        return module.correlate1d(x, np.array([1, -2, 1]) * scale, axis, output, mode, cval)

    return derivative


CALLS = {
    "correlate": [(DENSE,), (np.arange(6).reshape(3, 2) - 2,), (DENSE + 1j * DENSE[::-1],)],
    "convolve": [(DENSE,), (np.arange(6).reshape(2, 3) - 2,), (DENSE - 1j * DENSE[::-1],)],
    "correlate1d": [(ROW,), ([1, 2, -1, 3],), (ROW * 1j,)],
    "convolve1d": [(ROW[:4],), ([1, 2, -1],), (ROW * (1 + 1j),)],
    "gaussian_filter": [(1,), ([0.8, 0], [1, 0]), (1.5, 2)],
    "gaussian_filter1d": [(1.2,), (0.7, 0, 1)],
    "uniform_filter": [(3,), ([4, 1],), (2,)],
    "uniform_filter1d": [(5,), (2, 0)],
    "sobel": [(), (0,)],
    "prewitt": [(), (0,)],
    "laplace": [()],
    "gaussian_laplace": [(0.9,), ([1, 0.6],)],
    "gaussian_gradient_magnitude": [(0.9,), ([1, 0.6],)],
}
"""Positional arguments after the array, of two axes."""
REAL = [dtype for dtype in DTYPES if "c" not in dtype]


def samples(dtype: str, shape: tuple[int, ...] = (9, 11)) -> np.ndarray:
    """Numbers of either sign, the integers up to 24 bits: their sums have 31 that C can cast."""
    x = oracle.samples(shape, dtype)
    return x >> (8 * x.itemsize - 24) if x.dtype.kind in "iu" and x.itemsize >= 4 else x


def both(name: str, x: np.ndarray, *arguments: Any, **options: Any) -> tuple[Any, Any]:
    """What SciPy returns or raises, and what we do; arrays that receive results are copies."""
    found = []
    for module in (SCIPY, ours):
        mine = dict(options)
        if isinstance(mine.get("output"), np.ndarray):
            mine["output"] = mine["output"].copy()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(getattr(module, name)(x.copy(), *arguments, **mine))
        except Exception as error:
            found.append(error)
    return found[0], found[1]


def assert_same(wanted: Any, got: Any, x: np.ndarray) -> None:
    """Equal integers, floats but for rounding, or errors of one type."""
    if isinstance(wanted, Exception) or isinstance(got, Exception):
        assert isinstance(got, type(wanted)), f"{got!r} is not {wanted!r}"
        return
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    if wanted.dtype.kind in "fc":
        coarse = max(np.finfo(wanted.dtype).eps, np.finfo("f4").eps * (x.dtype.char in "fF"))
        scale = max(np.abs(x.astype("c16")).max() * 40, 1)
        np.testing.assert_allclose(got, wanted, rtol=0, atol=8 * coarse * scale)
        return
    as_bytes = [a.view("u1") if a.dtype == bool else a for a in (got, wanted)]
    np.testing.assert_array_equal(*as_bytes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CALLS)
def test_values_dtypes_borders_and_outputs(name, dtype):
    x = samples(dtype)
    outputs = itertools.cycle([None, "f4", np.dtype("f8"), np.int16, np.zeros(x.shape, "u1"), "c8"])
    for arguments in CALLS[name]:
        for mode in MODES:
            for cval in (0.0, 2.5):
                if cval and "constant" not in mode:
                    continue
                how = {"mode": mode, "cval": cval, "output": next(outputs)}
                wanted, got = both(name, x, *arguments, **how)
                assert_same(wanted, got, x)


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_origins_axes_and_a_border_for_each_axis(dtype):
    x = samples(dtype, (6, 7, 5))
    for axes in (None, 0, (2,), (1, 0), (-1, 0), (2, 0, 1)):
        rank = 3 if axes is None else np.size(axes)
        w = oracle.samples((3, 4, 2)[:rank], "float64")
        modes = ["wrap", "mirror", "nearest"][:rank]
        for origin in (0, -1, [0, -1, 0][:rank]):
            for name in ("correlate", "convolve"):
                assert_same(*both(name, x, w, axes=axes, origin=origin), x)
            assert_same(*both("uniform_filter", x, 3, axes=axes, origin=origin, mode=modes), x)
        for name in ("gaussian_filter", "gaussian_laplace"):
            assert_same(*both(name, x, [0.6] * rank, axes=axes, mode=modes), x)
        assert_same(*both("laplace", x, axes=axes, mode=modes), x)
        if dtype != "u1":
            assert_same(*both("gaussian_gradient_magnitude", x, 0.6, axes=axes, mode=modes), x)
    for n, origin in itertools.product(range(1, 6), range(-3, 4)):
        for name in ("correlate1d", "convolve1d"):
            assert_same(*both(name, x, ROW[:n], axis=1, origin=origin), x)
        assert_same(*both("uniform_filter1d", x, n, axis=1, origin=origin), x)


@pytest.mark.parametrize("dtype", ["u1", "f8"])
def test_kernels_wider_than_the_array(dtype):
    x = samples(dtype, (2, 3))
    w = np.arange(1, 14) % 5 - 1
    for mode in MODES:
        assert_same(*both("correlate1d", x, w, axis=0, mode=mode), x)
        assert_same(*both("correlate", x, np.multiply.outer(w[:7], w), mode=mode), x)
        assert_same(*both("uniform_filter", x, 8, mode=mode), x)


BAD = [
    ("correlate1d", (), {"weights": []}),
    ("correlate1d", ([[1]],), {}),
    ("correlate1d", ([1, 2],), {"mode": "bad"}),
    ("correlate1d", ([1, 2],), {"mode": 4}),
    ("correlate1d", ([1, 2],), {"mode": ["wrap"]}),
    ("correlate1d", ([1, 2],), {"axis": 2}),
    ("correlate1d", ([1, 2],), {"axis": 0.0}),
    ("correlate1d", ([1, 2],), {"origin": 5}),
    ("correlate1d", ([1, 2],), {"cval": "a"}),
    ("correlate1d", ([1, 2],), {"cval": None}),
    ("correlate1d", ([1, 2],), {"cval": 1j}),
    ("correlate1d", ([1, 2j],), {"cval": 1j}),
    ("correlate1d", ([1, 2],), {"output": "bool"}),
    ("correlate1d", ([1, 2],), {"output": "no dtype"}),
    ("correlate1d", ([1, 2],), {"output": complex}),
    ("correlate1d", ([1, 2],), {"output": np.zeros(3)}),
    ("correlate1d", ([1, 2j],), {"output": np.zeros((4, 5))}),
    ("correlate1d", ([1, 2j],), {"output": "f8"}),
    ("correlate", ([1, 2],), {}),
    ("correlate", (np.ones((2, 0)),), {}),
    ("correlate", (np.ones((2, 2)),), {"mode": ["wrap", "wrap"]}),
    ("correlate", (np.ones((2, 2)),), {"axes": (0, 0)}),
    ("correlate", (np.ones((2, 2)),), {"axes": (0, 2)}),
    ("correlate", (np.ones((2, 2)),), {"axes": (0,)}),
    ("correlate", (np.ones(2),), {"axes": 5}),
    ("correlate", (np.ones(2),), {"axes": 0.0}),
    ("correlate", (np.ones((2, 2)),), {"origin": (0, 1)}),
    ("correlate", (np.ones((2, 2)),), {"origin": (0, 0, 0)}),
    ("convolve", (np.ones((3, 3)),), {"origin": 2}),
    ("gaussian_filter", ([1],), {}),
    ("gaussian_filter", ("a",), {}),
    ("gaussian_filter", (1, -1), {}),
    ("gaussian_filter", (1, 1.0), {}),
    ("gaussian_filter", (1,), {"radius": 1.0}),
    ("gaussian_filter", (1,), {"radius": -1}),
    ("gaussian_filter", (1,), {"mode": ["wrap"]}),
    ("gaussian_filter1d", (0,), {}),
    ("gaussian_filter1d", (-1,), {}),
    ("gaussian_laplace", (1,), {"unknown": 3}),
    ("uniform_filter1d", (0,), {}),
    ("uniform_filter1d", (2.0,), {}),
    ("uniform_filter", (3,), {"origin": 2}),
    ("uniform_filter", (3,), {"mode": ["wrap"] * 3}),
    ("sobel", (2,), {}),
    ("laplace", (), {"axes": (0, 5)}),
]


@pytest.mark.parametrize(("name", "arguments", "options"), BAD)
def test_wrong_arguments_raise_what_scipy_raises(name, arguments, options):
    x = samples("f8", (4, 5))
    wanted, got = both(name, x, *arguments, **options)
    assert isinstance(wanted, Exception)
    assert isinstance(got, type(wanted)), f"{got!r} is not {wanted!r}"
    assert str(got).startswith(name) or isinstance(got, (np.exceptions.AxisError, TypeError))


@pytest.mark.parametrize("dtype", ["f2", "O", "U3", "M8[s]"])
def test_dtypes_that_scipy_refuses(dtype):
    x = np.zeros((4, 5)).astype("i8").astype(dtype)
    for name in ("correlate1d", "uniform_filter", "gaussian_filter"):
        arguments = {"correlate1d": ([1, 2],), "uniform_filter": (3,), "gaussian_filter": (1,)}[
            name
        ]
        wanted, got = both(name, x, *arguments)
        assert type(got) is type(wanted)


def test_a_failed_call_leaves_output_untouched():
    out = np.full((4, 5), 7.0)
    for name, arguments, options in BAD:
        if "output" not in options:
            with pytest.raises((ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)):
                getattr(ours, name)(np.ones((4, 5)), *arguments, output=out, **options)
    frozen = np.zeros((4, 5))
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        ours.sobel(np.ones((4, 5)), output=frozen)
    assert (out == 7).all()


@pytest.mark.parametrize("name", ours.__all__)
def test_signatures_are_those_of_scipy_and_more_keywords(name):
    theirs = inspect.signature(getattr(SCIPY, name)).parameters.values()
    mine = inspect.signature(getattr(ours, name)).parameters
    wanted = [p for p in theirs if p.kind is not p.VAR_KEYWORD]
    for expected, parameter in zip(wanted, mine.values(), strict=False):
        assert (parameter.name, parameter.kind) == (expected.name, expected.kind)
        assert parameter.default == expected.default
    more = list(mine)[len(wanted) :]
    assert all(mine[each].kind is inspect.Parameter.KEYWORD_ONLY for each in more)
    assert name.startswith("generic") or more[-3:] == ["algorithm", "backend", "threads"]
