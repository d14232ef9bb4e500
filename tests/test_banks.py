"""Many kernels over one array: each result is that of `correlate`."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_each_result_is_that_of_one_kernel(backend, dtype, boundary):
    x, bank = oracle.samples((9, 11), dtype), oracle.small((4, 3, 2), dtype)
    how = {"boundary": boundary, "cval": 1}
    given = fc.correlate_bank(x, bank, backend=backend, **how)
    assert given.dtype == np.result_type(x, bank)
    for kernel, result in zip(bank, given, strict=True):
        assert_close(result, oracle.correlate(x, kernel, **how).everywhere())


@pytest.mark.parametrize(
    ("shape", "taps", "how"),
    [
        ((20,), (5,), {"stride": 2}),
        ((3, 17), (4,), {"origin": 1, "boundary": "wrap"}),
        ((7, 8, 3), (3, 2), {"axes": (0, 1), "boundary": "mirror"}),
        ((7, 3, 8), (3, 2), {"axes": (2, 0), "mode": "full", "cval": 2.5}),
        ((9, 8), (3, 2), {"stride": (2, 3), "dilation": (2, 1), "mode": "valid"}),
        ((4, 6, 5), (3, 3, 2), {"boundary": ("wrap", "nearest", "symmetric")}),
        ((6, 7), (1, 3), {"boundary": "nearest"}),
        ((2, 3, 5, 6), (2, 3), {"axes": (1, 3)}),
    ],
)
@pytest.mark.parametrize("algorithm", ["auto", "direct"])
def test_ranks_axes_and_modes(backend, shape, taps, how, algorithm):
    x, bank = oracle.samples(shape, "float64"), oracle.samples((3, *taps), "float64", 4)
    given = fc.correlate_bank(x, bank, backend=backend, algorithm=algorithm, **how)
    for kernel, result in zip(bank, given, strict=True):
        assert_close(result, oracle.correlate(x, kernel, **how).everywhere())
    again = x[..., ::-1].copy()[..., ::-1]
    np.testing.assert_array_equal(
        fc.correlate_bank(again, bank, backend=backend, algorithm=algorithm, **how), given
    )


@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize("size", [3, 8, 21])
def test_larger_banks(backend, count, size):
    x, bank = oracle.samples((70, 83), "float32"), oracle.samples((count, size, size), "float32", 2)
    given = fc.correlate_bank(x, bank, boundary="symmetric", backend=backend)
    for kernel, result in zip(bank[:2], given, strict=False):
        assert_close(result, oracle.by_taps(x, kernel, boundary="symmetric"))
    each = [fc.correlate(x, kernel, boundary="symmetric", backend=backend) for kernel in bank]
    np.testing.assert_allclose(given, each, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("algorithm", ["auto", "direct"])
def test_integers_are_exact(backend, algorithm):
    x = oracle.samples((30, 31), "uint16")
    bank = oracle.small((5, 7, 7), "int32") * 1000
    given = fc.correlate_bank(x, bank, boundary="mirror", backend=backend, algorithm=algorithm)
    each = [fc.correlate(x, kernel, boundary="mirror", backend=backend) for kernel in bank]
    np.testing.assert_array_equal(given, each)
    wide = np.array([[1 << 40, 3], [-7, 1 << 41]], np.int64)
    big = np.array([1 << 30, 5, -(1 << 33), 9], np.int64)
    for result, kernel in zip(fc.correlate_bank(big, wide, backend=backend), wide, strict=True):
        assert_close(result, oracle.correlate(big, kernel).everywhere())


def test_factors(backend):
    x = oracle.samples((12, 13), "float64")
    bank = [tuple(oracle.samples((n,), "float64", n + i) for n in (3, 5)) for i in range(3)]
    given = fc.correlate_bank(x, bank, backend=backend, boundary="wrap")
    for factors, result in zip(bank, given, strict=True):
        np.testing.assert_array_equal(
            result, fc.correlate(x, factors, backend=backend, boundary="wrap")
        )
    longer = [(np.ones(n), np.ones(n)) for n in (3, 5)]
    assert fc.correlate_bank(x, longer, backend=backend).shape == (2, 12, 13)
    with pytest.raises(ValueError, match=r"correlate_bank: bank: .*mode='same'"):
        fc.correlate_bank(x, longer, mode="valid", backend=backend)


def test_out(backend):
    x, bank = oracle.samples((8, 9), "float64"), oracle.samples((2, 3, 3), "float64", 3)
    wanted = fc.correlate_bank(x, bank, backend=backend)
    for out in (np.empty((2, 8, 9)), np.empty((8, 9, 2)).transpose(2, 0, 1)):
        assert fc.correlate_bank(x, bank, out=out, backend=backend) is out
        np.testing.assert_allclose(out, wanted, rtol=1e-13, atol=1e-13)
    both = np.stack([x, x])
    fc.correlate_bank(both[1], bank, out=both, backend=backend)
    np.testing.assert_allclose(both, wanted, rtol=1e-13, atol=1e-13)
    rounded = fc.correlate_bank(x, bank, out=np.empty((2, 8, 9), np.int8), backend=backend)
    np.testing.assert_array_equal(rounded, np.rint(wanted))
    assert fc.correlate_bank(x, bank, dtype="float32").dtype == np.float32


@pytest.mark.parametrize(
    ("bank", "how", "kind", "words"),
    [
        (np.ones(3), {}, ValueError, ["correlate_bank: bank", "(3,)", "(n, *taps)"]),
        (np.ones((0, 3, 3)), {}, ValueError, ["bank", "(0, 3, 3)"]),
        ("abc", {}, TypeError, ["bank"]),
        ([(np.ones(3), np.ones(3)), np.ones((3, 3))], {}, TypeError, ["bank", "one kind"]),
        (np.ones((2, 3, 3)), {"axes": (0, 5)}, ValueError, ["correlate_bank: axes"]),
        (np.ones((2, 3, 3)), {"boundary": "reflect"}, ValueError, ["mirror", "symmetric"]),
        (np.ones((2, 3, 3)), {"out": np.zeros((3, 4, 5))}, ValueError, ["out", "(2, 4, 5)"]),
        (np.ones((2, 3, 3)), {"algorithm": "gemm"}, ValueError, ["algorithm"]),
    ],
)
def test_wrong_calls(bank, how, kind, words):
    with pytest.raises(kind) as caught:
        fc.correlate_bank(np.zeros((4, 5)), bank, **how)
    assert all(word in str(caught.value) for word in words), caught.value
