"""The number rules: the dtype of a result, what is exact, how sums are stored, where NaN goes."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from test_correlate import COMPLEX, DTYPES, FLOATS, INTEGERS
from tolerance import assert_close

import fastconv as fc

pytestmark = pytest.mark.compiled


def promoted(*dtypes):
    return np.result_type(*(np.uint8 if d == "bool" else d for d in dtypes))


@pytest.mark.parametrize("w_dtype", DTYPES)
@pytest.mark.parametrize("x_dtype", DTYPES)
def test_every_pair_of_dtypes(x_dtype, w_dtype, backend):
    x, w = oracle.samples((4, 5), x_dtype), oracle.small((2, 3), w_dtype)
    got = fc.correlate(x, w, boundary="nearest", backend=backend)
    assert got.dtype == promoted(x_dtype, w_dtype)
    assert_close(got, oracle.correlate(x, w, boundary="nearest").everywhere())


@pytest.mark.parametrize("wanted", DTYPES[1:])
@pytest.mark.parametrize("x_dtype", ["bool", "uint8", "int64", "float16", "float64"])
def test_dtype_and_out_say_what_is_stored(x_dtype, wanted, backend):
    x = oracle.samples((4, 5), x_dtype)
    if "float" in x_dtype:
        x = np.round(4 * x) / 4  # sums without rounding, and ties
    w = np.array([[1, -2, 3]], np.int8)
    got = fc.correlate(x, w, dtype=wanted, backend=backend)
    assert got.dtype == wanted
    assert_close(got, oracle.correlate(x, w).everywhere())
    out = np.empty_like(got)
    fc.correlate(x, w, out=out, backend=backend)
    np.testing.assert_array_equal(out, got)


def limits(dtype):
    return np.iinfo(dtype).min, np.iinfo(dtype).max


# -- integers: exact, rounded half to even, saturated -------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
def test_sums_saturate_at_both_ends(dtype, backend):
    low, high = limits(dtype)
    x = np.array([high, high, 0, low, low], dtype)
    assert fc.correlate(x, np.array([1, 1], dtype), mode="valid", backend=backend).tolist() == [
        high, high, low, max(2 * low, low),
    ]  # fmt: skip
    assert fc.correlate(x, np.array([3], dtype), backend=backend).tolist() == [
        high,
        high,
        0,
        low,
        low,
    ]
    if low < 0:
        got = fc.correlate(x, np.array([-1], dtype), backend=backend).tolist()
        assert got == [-high, -high, 0, high, high]


@pytest.mark.parametrize("narrow", INTEGERS)
@pytest.mark.parametrize("factor", [100, -100])
def test_wide_sums_saturate_in_narrow_results(narrow, factor, backend):
    x = np.array([2**40, -(2**40), 1, 0], np.int64)
    low, high = limits(narrow)
    got = fc.correlate(x, np.array([factor], np.int64), dtype=narrow, backend=backend)
    assert got.tolist() == [min(max(v * factor, low), high) for v in x.tolist()]


@pytest.mark.parametrize("x_dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("narrow", INTEGERS)
def test_floats_round_half_to_even(narrow, x_dtype, backend):
    x = np.array(
        [0.5, 1.5, 2.5, 3.5, -0.5, -1.5, 2.25, 126.5, 127.5, 300, -300, 6e4, -6e4], x_dtype
    )
    wanted = oracle.correlate(x, [1.0]).everywhere()
    got = fc.correlate(x, np.ones(1, x_dtype), dtype=narrow, backend=backend)
    assert_close(got, wanted)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_infinities_saturate_and_nan_is_zero(dtype, backend):
    x = np.array([np.inf, -np.inf, np.nan, 1e300, -1e300, 1])
    low, high = limits(dtype)
    got = fc.correlate(x, [1.0], dtype=dtype, backend=backend)
    assert got.tolist() == [high, low, 0, high, low, 1]


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_no_bit_of_64_is_lost(dtype, backend):
    x = np.array([2**62 + 1, 2**62 - 1, 2**53 + 1, 1, 3], dtype)
    got = fc.correlate(x, np.array([1], dtype), backend=backend)
    assert got.tolist() == x.tolist()
    got = fc.correlate(x, np.array([1, 1], dtype), mode="valid", backend=backend)
    assert got.tolist() == [min(2**63, limits(dtype)[1]), 2**62 + 2**53, 2**53 + 2, 4]


@pytest.mark.parametrize(
    ("dtype", "largest", "weight"),
    [("uint16", 2**16 - 1, 2**8 + 1), ("uint32", 2**32 - 1, 2**21 + 1)],
)
def test_sums_just_beyond_a_significand_are_exact(dtype, largest, weight, backend):
    """Odd products a little above 2²⁴ and 2⁵³, which float32 and float64 round to even ones."""
    x = np.array([largest, largest - 2, 1], dtype)
    got = fc.correlate(x, np.array([weight], np.int32), dtype=np.int64, backend=backend)
    assert got.tolist() == [value * weight for value in x.tolist()]


@pytest.mark.parametrize("algorithm", ["direct", "separable"])
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_sums_beyond_64_bits_saturate_and_never_wrap(dtype, algorithm, backend):
    low, high = limits(dtype)
    x = np.array([[high, high, low], [high, low, low], [1, 2, 3]], dtype)
    factors = np.array([2, 5], dtype), np.array([7, 3], dtype)
    w = factors if algorithm == "separable" else np.outer(*factors)
    got = fc.correlate(x, w, algorithm=algorithm, backend=backend)
    assert_close(got, oracle.correlate(x, w).everywhere())


def test_terms_beyond_64_bits_may_cancel(backend):
    x = np.array([2**63 - 1, 2**63 - 2], np.int64)
    got = fc.correlate(x, np.array([4, -4], np.int64), mode="valid", backend=backend)
    assert got.tolist() == [4]


def test_largest_unsigned_times_largest_unsigned(backend):
    x = np.full(3, 2**64 - 1, np.uint64)
    assert fc.correlate(x, x[:1], backend=backend).tolist() == [2**64 - 1] * 3


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32"])
def test_many_large_terms_are_exact(dtype, backend):
    x, w = oracle.samples((40, 41), dtype), oracle.samples((9, 9), dtype, 3)
    got = fc.correlate(x, w, dtype=np.int64, backend=backend)
    points = oracle.spread(x.shape, 60)
    wanted = oracle.correlate(x, w).at(points)
    assert_close(got[tuple(np.transpose(points))], wanted)


def test_bool_counts(backend):
    x = np.array([True, True, False, True])
    assert fc.correlate(x, np.array([True, True, True]), backend=backend).tolist() == [2, 2, 2, 1]
    full = fc.correlate(
        np.ones((20, 20), bool), np.ones((20, 20), bool), mode="valid", backend=backend
    )
    assert full.tolist() == [[255]]
    assert full.dtype == np.uint8


def test_a_constant_border_holds_the_dtype_of_x(backend):
    x = np.array([250, 1], np.uint8)
    assert fc.correlate(x, np.array([1, 0], np.uint8), cval=200, backend=backend).tolist() == [
        200,
        250,
    ]


# -- floats: range, NaN and infinity, the smallest numbers --------------------------------------


def test_half_precision_is_computed_in_single(backend):
    x = np.full(4000, 1, np.float16)
    assert fc.correlate(x, x, mode="valid", backend=backend).tolist() == [4000]
    x = np.array([60000, 60000, -60000], np.float16)
    got = fc.correlate(x, np.ones(3, np.float16), mode="valid", backend=backend)
    assert got.tolist() == [60000]
    assert fc.correlate(x, np.float16([2]), backend=backend).tolist() == [np.inf, np.inf, -np.inf]


def test_double_sums_of_single_inputs(backend):
    x = np.float32([1, 2.0**-30])
    got = fc.correlate(x, np.float32([1, 1]), mode="valid", dtype=np.float64, backend=backend)
    assert got.tolist() == [1 + 2.0**-30]


@pytest.mark.parametrize("algorithm", ["direct", "separable"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX])
def test_bad_samples_stay_in_their_footprint(dtype, bad, algorithm, backend):
    x = oracle.samples((9, 40), dtype)
    x[4, 20] = bad
    factors = np.ones(3, dtype), np.ones(5, dtype)
    w = factors if algorithm == "separable" else np.outer(*factors)
    got = fc.correlate(x, w, boundary="mirror", algorithm=algorithm, backend=backend)
    wrong = ~np.isfinite(got)
    assert np.all(wrong[3:6, 18:23])
    assert wrong.sum() == 15
    assert np.isnan(got).sum() == (15 if np.isnan(bad) or dtype in COMPLEX else 0)


@pytest.mark.parametrize("shape", [(9, 40), (300, 301)])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_zero_weight_does_not_hide_a_bad_sample(bad, shape, backend):
    x = np.zeros(shape, np.float32)
    x[4, 20] = bad
    w = np.float32([[1, 0, -1], [0, 0, 0], [2, 0, -2]])
    got = fc.correlate(x, w, boundary="wrap", backend=backend)
    np.testing.assert_array_equal(got, oracle.by_taps(x, w, boundary="wrap").values)
    assert np.isnan(got).sum() == (9 if np.isnan(bad) else 5)


@pytest.mark.parametrize("x_dtype", ["float32", "float64"])
def test_bad_weights_reach_everything(x_dtype, backend):
    x = np.zeros((5, 6), x_dtype)
    w = np.ones((3, 3), x_dtype)
    w[0, 0] = np.nan
    assert np.all(np.isnan(fc.correlate(x, w, backend=backend)))


def test_a_bad_constant_reaches_the_border_only(backend):
    got = fc.correlate(np.ones((5, 6)), np.ones((3, 3)), cval=np.nan, backend=backend)
    assert np.all(got[1:-1, 1:-1] == 9)
    assert np.isnan(got).sum() == 30 - 12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_subnormals_are_not_flushed(dtype, backend):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.full(40, 3 * tiny, dtype)
    got = fc.correlate(x, np.array([1, 1], dtype), mode="valid", backend=backend)
    assert np.all(got == 6 * tiny)


def test_underflow_to_half_precision_is_gradual(backend):
    x = np.float16([6e-8, 2.0**-14])
    assert fc.correlate(x, np.float16([1]), backend=backend).tolist() == x.tolist()
    got = fc.correlate(x, np.float16([0.5]), backend=backend)
    assert got.tolist() == [0, 2.0**-15]


def test_negative_zero_is_zero(backend):
    got = fc.correlate(np.array([-0.0, 1.0]), [1.0], backend=backend)
    assert got.tolist() == [0.0, 1.0]


def test_complex_kernels_are_not_conjugated(backend):
    x, w = np.array([1 + 2j, 3 - 1j]), np.array([2 - 1j])
    assert fc.correlate(x, w, backend=backend).tolist() == [4 + 3j, 5 - 5j]
    assert fc.convolve(x, w, backend=backend).tolist() == [4 + 3j, 5 - 5j]
    assert fc.correlate(x.real, w, backend=backend).tolist() == [2 - 1j, 6 - 3j]
    assert fc.correlate(x, w.real, backend=backend).tolist() == [2 + 4j, 6 - 2j]
    assert fc.correlate(x, [1.0, 0.0], cval=1j, backend=backend).tolist() == [1j, 1 + 2j]


SILENT = {
    "a constant out of range": (np.ones(3, "f4"), np.ones(3, "f4"), {"cval": 1e300}),
    "a complex one": (np.ones(3, "c8"), np.ones(3, "c8"), {"cval": 1e300 + 1e-300j}),
    "half from tiny": (np.float16([6e-8, 1]), np.float16([0.5]), {}),
    "half from huge": (np.float16([6e4, np.nan]), np.float16([5e4, -np.inf]), {}),
    "single from huge": (np.full(50, 3e38, "f4"), np.float32([2, 3]), {}),
    "single from tiny": (np.full(50, 1e-38, "f4"), np.float32([1e-5, 1e-3]), {}),
    "narrowed": (np.array([1e300, 1e-300, np.nan]), [1.0], {"dtype": "f4"}),
    "rounded": (np.array([1e300, -np.inf, np.nan]), [1.0], {"dtype": "i8"}),
    "from integers": (np.array([2**62, 1]), [2**62, 7], {"dtype": "f2"}),
    "cancelling": (np.array([np.inf, np.inf]), [1.0, -1.0], {}),
}


@pytest.mark.parametrize("state", ["warn", "raise"])
@pytest.mark.parametrize("case", SILENT)
def test_floating_point_flags_are_nobodys_business(case, state, backend):
    """Compiled kernels cannot warn, so nobody does, whatever the caller's `np.errstate`."""
    x, w, how = SILENT[case]
    with np.errstate(all="ignore"):
        wanted = fc.correlate(x, w, backend=backend, **how)
    with np.errstate(all=state):
        got = fc.correlate(x, w, backend=backend, **how)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    ("x", "w", "how"),
    [
        (np.array([1e300, 1e-300, 1j]), [1.0], {"dtype": "c8"}),
        (np.ones((2, 2), "f4"), (np.float32([1e30]),) * 2, {"algorithm": "direct"}),
        (np.ones((2, 2), "f4"), (np.float32([1e-30]),) * 2, {"algorithm": "direct"}),
    ],
)
def test_the_same_where_flags_still_show(x, w, how):
    with np.errstate(all="raise"):
        fc.correlate(x, w, backend="numpy", **how)


def test_a_constant_beyond_the_range_is_infinite(backend):
    got = fc.correlate(np.ones(2, "f4"), np.ones(3, "f4"), cval=-1e300, backend=backend)
    assert got.tolist() == [-np.inf, -np.inf]


# -- exact, whatever the operands are called -----------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "w", "cval", "wanted"),
    [
        ("i8", [4, 4, 4], 2**62, 2**63 - 1),
        ("i8", [1, 1, 1], -(2**63), -(2**63)),
        ("u8", [1, 1], 2**64 - 1, 2**64 - 1),
        ("i8", [1, 1, 1], 2**62 - 1, 2**63 - 1),
        ("i2", [2**62], 1, 2**62),
    ],
)
def test_large_constants_beyond_the_edge_are_exact(dtype, w, cval, wanted, backend):
    x, w = np.array([1], dtype), np.array(w, dtype if dtype != "i2" else "i8")
    assert fc.correlate(x, w, cval=cval, backend=backend).tolist() == [wanted]


def test_unsigned_and_signed_integers_are_exact_together(backend):
    big = 2**53 + 1  # which float64, their common dtype, cannot hold
    x = np.array([big], "u8")
    for w in ([1], np.array([1], "i1")):
        for dtype in ("u8", "i8"):
            assert fc.correlate(x, w, dtype=dtype, backend=backend).tolist() == [big]
    assert fc.correlate(x, [1], backend=backend).dtype == np.float64
    out = np.zeros((1, 1), "i8")
    one = np.ones((1, 1, 1), "i8")
    fc.conv1d(x[None].astype("i8"), one, np.array([1], "u8"), out=out, backend=backend)
    assert out.tolist() == [[big + 1]]
