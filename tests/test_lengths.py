"""Lengths of vectors from their components, by every backend."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import backends

pytestmark = pytest.mark.compiled

LARGE = {"float32": 1e30, "float64": 1e300}
SMALL = {"float32": 1e-30, "float64": 1e-300}


def lengths(backend, x, y):
    out = np.empty_like(x)
    backends.load(backend).magnitude(out, (x, y))
    return out


def exact(*parts):
    """By the wider numbers of `numpy.longdouble`."""
    return np.sqrt(sum(np.square(part.astype(np.longdouble)) for part in parts))


def close(got, wanted):
    eps = np.finfo(got.dtype).eps
    return bool(np.all(np.abs(got - wanted) <= 2 * eps * wanted))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 1023, 1024, 1025, 5000])
@pytest.mark.parametrize("kind", ["usual", "large", "small", "mixed", "zeros", "flat parts"])
def test_lengths(kind, n, dtype, backend):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(2, n)).astype(dtype)
    if kind in ("large", "small"):
        x, y = (
            part * part.dtype.type((LARGE if kind == "large" else SMALL)[dtype]) for part in (x, y)
        )
    elif kind == "mixed":
        x *= np.asarray(10.0, dtype) ** rng.integers(-30, 30, n).astype(dtype)
    elif kind == "zeros":
        x[:], y[:] = 0.0, -0.0
    elif kind == "flat parts":
        x[: n // 2] = y[: n // 2] = 0
    assert close(lengths(backend, x, y), exact(x, y))


def test_a_wrong_length_is_seen(backend):
    x, y = np.random.default_rng(0).normal(size=(2, 3000))
    got = lengths(backend, x, y)
    got[1500] *= 1 + 1e-14
    assert not close(got, exact(x, y))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_where_it_is(value, dtype, backend):
    x, y = np.random.default_rng(1).normal(size=(2, 3000)).astype(dtype)
    for place in (0, 1030, 2999):
        some = x.copy()
        some[place] = value
        got, others = lengths(backend, some, y), np.arange(3000) != place
        assert np.isnan(got[place]) if np.isnan(value) else got[place] == np.inf
        assert close(got[others], exact(x, y)[others])


@pytest.mark.parametrize("n", [1, 6, 17, 1024, 1030])
def test_infinity_counts_more_than_what_is_no_number(n, backend):
    x, y = np.ones((2, n), np.float32)
    for place in range(max(n - 9, 0), n):
        some, other = x.copy(), y.copy()
        some[place], other[place] = np.nan, np.inf
        assert lengths(backend, some, other)[place] == np.inf


@pytest.mark.parametrize("which", [0, 1])
def test_it_may_take_the_place_of_a_component(which, backend):
    parts = [*np.random.default_rng(2).normal(size=(2, 40, 77)).astype(np.float32)]
    wanted = lengths(backend, *parts)
    backends.load(backend).magnitude(parts[which], parts)
    np.testing.assert_array_equal(parts[which], wanted)


@pytest.mark.parametrize("step", [-1, 2])
def test_components_of_any_strides_and_number(step, backend):
    parts = np.random.default_rng(3).normal(size=(3, 300)).astype(np.float32)[:, ::step]
    for some in (parts[:2], parts):
        out = np.empty_like(parts[0])
        backends.load(backend).magnitude(out, tuple(some))
        assert close(out, exact(*some))
