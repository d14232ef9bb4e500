"""What public calls promise of their arguments, each promise once broken: constants that nobody
reads, empty arrays, rounding, names in messages, huge numbers, error states, byte orders, threads.
"""

from __future__ import annotations

import inspect
import re
from fractions import Fraction

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv import backends, filters
from fastconv.filters import factors
from fastconv.problem.boundary import index_map
from fastconv.run import threads as parallel

IMAGE = np.arange(20, dtype=np.uint8).reshape(4, 5)
GRAD = fc.nn.grad
SIGNALS, TAPS = np.ones((1, 4, 6, 7)), np.ones((8, 4, 3, 3))


# -- a constant that no output reads -------------------------------------------------------------


@pytest.mark.parametrize("cval", [np.nan, np.inf, 1e300, -3, 0.5, 10**400])
def test_a_constant_counts_only_where_it_is_read(cval):
    wanted = filters.box(IMAGE, 3, boundary="mirror")
    np.testing.assert_array_equal(filters.box(IMAGE, 3, boundary="mirror", cval=cval), wanted)
    whole = np.ones((3, 3), np.int8)
    for how in ({"boundary": "mirror"}, {"mode": "valid"}):
        got = fc.correlate(IMAGE, whole, cval=cval, **how)
        np.testing.assert_array_equal(got, fc.correlate(IMAGE, whole, **how))
    with pytest.raises((ValueError, TypeError), match="cval"):
        fc.correlate(IMAGE, whole, boundary=("mirror", "constant"), cval=cval)


@pytest.mark.parametrize("cval", ["0", None, 1j])
def test_a_constant_is_always_a_real_number_for_real_images(cval):
    for image in (IMAGE, IMAGE * 1.0):
        with pytest.raises(TypeError, match="cval"):
            filters.gaussian(image, 1, boundary="mirror", cval=cval)


# -- nothing in, nothing out ---------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 16])
def test_the_weights_of_an_empty_batch_have_no_gradient(groups, backend):
    x, gy = np.zeros((0, 16, 6, 7)), np.zeros((0, 16, 4, 5))
    got = GRAD.conv2d_weight(x, (16, 16 // groups, 3, 3), gy, groups=groups, backend=backend)
    np.testing.assert_array_equal(got, np.zeros((16, 16 // groups, 3, 3)))


@pytest.mark.parametrize("boundary", ["constant", "nearest", "symmetric", "mirror", "wrap"])
@pytest.mark.parametrize("empty", [(1, 4, 0, 7), (1, 4, 6, 0), (0, 4, 6, 7), (1, 4, 0, 0)])
def test_an_empty_input_has_an_empty_gradient(empty, boundary, backend):
    gy = np.zeros((empty[0], 5, *empty[2:]))
    how = {"padding": "same", "boundary": boundary, "backend": backend}
    assert GRAD.conv2d_input(empty, np.ones((5, 4, 3, 3)), gy, **how).shape == empty


def test_an_empty_batch_may_have_an_empty_result(backend):
    x, w = np.zeros((0, 4, 6, 7)), np.ones((4, 5, 3, 3))
    assert fc.conv_transpose2d(x, w, backend=backend).shape == (0, 5, 8, 9)
    assert fc.conv_transpose2d(x, w, padding=4, backend=backend).shape == (0, 5, 0, 1)
    with pytest.raises(ValueError, match="0 samples"):
        fc.conv_transpose2d(np.zeros((1, 4, 6, 7)), w, padding=4, backend=backend)


# -- results that are stored as integers ---------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint64"])
@pytest.mark.parametrize("bias", [np.float16([2.5, 3.5]), np.array([True, False])], ids=str)
def test_any_bias_fits_any_integers(bias, dtype, backend):
    out = np.zeros((1, 2, 5), dtype)
    got = fc.conv_transpose1d(
        np.ones((1, 1, 2)), np.ones((1, 2, 1)), bias, stride=4, out=out, backend=backend
    )
    offsets = bias.astype(float)
    wanted = np.rint([[offset + (at % 4 == 0) for at in range(5)] for offset in offsets])
    np.testing.assert_array_equal(got[0], wanted)


@pytest.mark.parametrize("dtype", ["uint16", "int64"])
@pytest.mark.parametrize("filtered", [filters.invert, filters.sepia, filters.grayscale])
def test_colours_of_half_precision_fit_any_integers(filtered, dtype):
    image = np.full((2, 3, 4), 60000, np.float16)
    how = {"channel_axis": -1}
    wanted = filtered(image.astype(np.float32), **how)
    got = filtered(image, out=np.empty(wanted.shape, dtype), **how)
    limits = np.iinfo(dtype)
    np.testing.assert_allclose(got, np.clip(wanted, limits.min, limits.max), atol=32)


# -- messages name the call ----------------------------------------------------------------------


RGB = np.zeros((4, 5, 3))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("sepia", lambda **how: filters.sepia(RGB, **how)),
        ("grayscale", lambda **how: filters.grayscale(RGB, **how)),
        ("gaussian", lambda **how: filters.gaussian(IMAGE, 1, **how)),
        ("sobel", lambda **how: filters.sobel(IMAGE, **how)),
        ("correlate", lambda **how: fc.correlate(IMAGE, np.ones((3, 3)), **how)),
        ("convolve", lambda **how: fc.convolve(IMAGE, np.ones((3, 3)), **how)),
        ("conv2d", lambda **how: fc.conv2d(SIGNALS, TAPS, **how)),
        ("conv_transpose2d", lambda **how: fc.conv_transpose2d(SIGNALS, TAPS[:4], **how)),
    ],
)
def test_messages_name_the_call(name, call):
    for wrong in ("magic", 1):
        with pytest.raises((TypeError, ValueError), match=f"^{name}: algorithm"):
            call(algorithm=wrong)
    refused = "winograd" if name in ("gaussian", "sobel", "correlate", "convolve") else "box"
    with pytest.raises(ValueError, match=f"^{name}: algorithm='{refused}' cannot do this"):
        call(algorithm=refused)
    with pytest.raises(ValueError, match=f"^{name}: threads"):
        call(threads=0)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("correlate", lambda **how: fc.correlate(IMAGE, np.ones((3, 3)), **how)),
        ("sepia", lambda **how: filters.sepia(RGB, **how)),
        ("conv2d", lambda **how: fc.conv2d(SIGNALS, TAPS, **how)),
        ("conv_transpose2d", lambda **how: fc.conv_transpose2d(SIGNALS, TAPS[:4], **how)),
        (
            "conv2d_weight",
            lambda **how: GRAD.conv2d_weight(SIGNALS, TAPS.shape, np.ones((1, 8, 4, 5)), **how),
        ),
    ],
)
def test_a_wrong_backend_is_refused_in_the_name_of_the_call(name, call, monkeypatch):
    for wrong in ("cuda", 1):
        with pytest.raises((TypeError, ValueError), match=f"^{name}: backend"):
            call(backend=wrong)
    monkeypatch.setattr(backends, "unavailable", lambda name: "it is gone")
    with pytest.raises(fc.BackendUnavailableError, match=f"^{name}: backend 'numba'.*it is gone"):
        call(backend="numba")


HUGE = 10**30
X, W = np.zeros((4, 6)), np.zeros((3, 3))
BACK = np.zeros((4, 5, 3, 3))


@pytest.mark.parametrize(
    "call",
    [
        lambda: fc.correlate(X, W, dilation=HUGE),
        lambda: fc.correlate(X, W, dilation=2**62),
        lambda: fc.correlate(X, W, dilation=HUGE, mode="full"),
        lambda: fc.correlate(X, W, dilation=HUGE, mode="valid"),
        lambda: fc.conv2d(SIGNALS, TAPS, dilation=HUGE),
        lambda: fc.conv2d(SIGNALS, TAPS, padding=2**63),
        lambda: fc.conv2d(SIGNALS, TAPS, padding=HUGE, dilation=HUGE),
        lambda: fc.conv2d(SIGNALS, TAPS, padding=2**63, stride=2**63),
        lambda: fc.conv2d(SIGNALS, TAPS, groups=HUGE),
        lambda: fc.conv_transpose2d(SIGNALS, BACK, padding=2**63),
        lambda: fc.conv_transpose2d(SIGNALS, BACK, dilation=HUGE),
        lambda: fc.conv_transpose2d(SIGNALS, BACK, dilation=HUGE, padding=HUGE),
        lambda: fc.conv_transpose2d(SIGNALS, BACK, stride=HUGE),
        lambda: fc.nn.max_pool2d(SIGNALS, 2, dilation=HUGE),
        lambda: fc.nn.max_pool2d(SIGNALS, 2, dilation=HUGE, padding=HUGE // 2),
        lambda: fc.nn.avg_pool2d(SIGNALS, HUGE, padding=HUGE // 2),
        lambda: GRAD.max_pool2d(SIGNALS, SIGNALS, 2, dilation=HUGE, padding=HUGE // 2),
        lambda: filters.box(X, HUGE),
        lambda: filters.gaussian(X, 1e300),
        lambda: filters.gaussian(X, 1, radius=HUGE),
        lambda: filters.motion_blur(X, HUGE),
        lambda: filters.unsharp_mask(X, 1e300),
    ],
    ids=lambda call: re.search(r"lambda: (.*?),?$", inspect.getsource(call).strip())[1],
)
def test_huge_numbers_are_refused_in_words(call):
    with pytest.raises(ValueError, match=r"^[\w.]+: .{20}") as caught:
        call()
    assert len(str(caught.value)) < 300


def test_steps_that_are_never_taken_may_be_huge(backend):
    how = {"stride": HUGE, "dilation": HUGE, "backend": backend}
    assert fc.correlate([[2.0]], [[3.0]], **how).tolist() == [[6]]
    assert fc.correlate(X + 1, [[3.0]], **how).tolist() == [[3]]
    assert fc.correlate(X, W, threads=HUGE).shape == X.shape


# -- NumPy's error state -------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(filters.__all__) - {"Moments"}))
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
def test_filters_do_not_care_for_the_error_state(name, dtype):
    arguments = {
        "gaussian": (3,), "box": (3,), "motion_blur": (5, 30), "gaussian_laplace": (2,),
        "difference_of_gaussians": (1,), "unsharp_mask": (3, 0.1), "sharpen": (1e-30,),
        "local_moments": (3,),
    }  # fmt: skip
    shape = (9, 8, 3) if name in ("sepia", "grayscale", "invert") else (9, 8)
    how = {"channel_axis": -1} if len(shape) == 3 else {}
    image = oracle.samples(shape, dtype)
    if "float" in dtype:
        image *= np.finfo(dtype).smallest_subnormal * 3
    wanted = getattr(filters, name)(image, *arguments.get(name, ()), **how)
    with np.errstate(all="raise"):
        got = getattr(filters, name)(image, *arguments.get(name, ()), **how)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_may_become_too_small_to_hold(dtype):
    with np.errstate(all="raise"):
        got = filters.gaussian(np.ones(9, dtype), 1, radius=100)
        filters.gaussian(np.ones(9, dtype), 1.01, radius=60, order=2)
    np.testing.assert_allclose(got, 1, rtol=1e-6)


# -- means of 64-bit integers --------------------------------------------------------------------


def exact_mean(x, w, axis, boundary, cval=0):
    """Along an axis, in fractions, under weights that sum up to one."""
    lines, n = np.moveaxis(x, axis, -1), w.size
    weights = [Fraction(weight) for weight in w.tolist()]
    index = index_map(boundary, -(n // 2), lines.shape[-1] + n - n // 2 - 1, lines.shape[-1])
    out = np.empty(lines.shape, object)
    for *line, at in np.ndindex(lines.shape):
        read = [index[at + tap] for tap in range(n)]
        samples = [lines[(*line, i)] if i >= 0 else Fraction(cval) for i in read]
        out[(*line, at)] = sum(map(lambda a, b: a * b, weights, samples), Fraction()) / sum(weights)
    return np.moveaxis(out, -1, axis)


def wide_samples(dtype, kind, shape):
    limits, rng = np.iinfo(dtype), np.random.default_rng(3)
    match kind:
        case "any":
            return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        case "ends":
            return rng.choice(np.array([limits.min, limits.max], dtype), shape)
        case "largest":
            return np.full(shape, limits.max, dtype)
        case "smallest":
            return np.full(shape, limits.min, dtype)
    return (2**60 + rng.integers(0, 1000, shape)).astype(dtype)


def largest_error(got, wanted):
    errors = [abs(int(a) - b) for a, b in zip(got.ravel(), wanted.ravel(), strict=True)]
    return float(max(errors))


@pytest.mark.parametrize("kind", ["any", "ends", "largest", "smallest", "alike"])
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_means_of_large_integers_are_exact(dtype, kind, backend):
    x = wide_samples(dtype, kind, (7, 11))
    bells = [factors.gaussian(sigma, 0, int(4 * sigma + 0.5)) for sigma in (0.6, 2.5)]
    boxes = [np.full(n, 1 / n) for n in (4, 3)]
    for boundary, cval in (("mirror", 0), ("constant", 0.25), ("constant", 2**62)):
        how = {"boundary": boundary, "cval": cval, "backend": backend}
        for got, weights in (
            (filters.gaussian(x, (0.6, 2.5), **how), bells),
            (filters.box(x, (4, 3), **how), boxes),
        ):
            first = exact_mean(x.astype(object), weights[0], 0, boundary, cval)
            wanted = exact_mean(first, weights[1], 1, boundary, cval)
            assert got.dtype == dtype
            assert largest_error(got, wanted) <= 0.51


def test_a_mean_of_large_integers_takes_any_out_and_leaves_axes_alone(backend):
    x = wide_samples("int64", "any", (6, 5, 3))
    got = filters.gaussian(x, (1, 0), channel_axis=2, backend=backend)
    wanted = exact_mean(x.astype(object), factors.gaussian(1.0, 0, 4), 0, "symmetric")
    assert largest_error(got, wanted) <= 0.51
    np.testing.assert_array_equal(filters.gaussian(x, 0, channel_axis=2), x)
    assert filters.gaussian(x, (1, 0), channel_axis=2, out=x, backend=backend) is x
    np.testing.assert_array_equal(x, got)
    line = wide_samples("uint64", "any", (5, 9))
    got = filters.motion_blur(line, 5, backend=backend)
    wanted = exact_mean(line.astype(object), np.full(5, 0.2), 1, "symmetric")
    assert largest_error(got, wanted) <= 0.51


# -- byte orders and memory ----------------------------------------------------------------------


def spelled(array, how):
    """The same numbers in memory that is spelled, ordered or aligned in another way."""
    match how:
        case "explicit":
            order = "<" if array.dtype.newbyteorder("<") == array.dtype else ">"
            return array.view(array.dtype.newbyteorder(order))
        case "swapped":
            return array.astype(array.dtype.newbyteorder("S"))
        case "metadata":
            return array.view(np.dtype(array.dtype, metadata={"unit": "m"}))
        case "record":
            record = np.zeros(array.shape, [("pad", "u1"), ("it", array.dtype)])
            record["it"] = array
            return record["it"]
    return array


SPELLINGS = ["explicit", "swapped", "metadata", "record"]


@pytest.mark.parametrize("how", SPELLINGS)
@pytest.mark.parametrize("dtype", ["int16", "int64", "float32", "float64", "complex64"])
def test_numbers_are_the_same_in_any_spelling(how, dtype, backend):
    image, w = oracle.samples((9, 8), dtype), oracle.small((3, 3), dtype)
    at = {"backend": backend}
    for _ in range(3):
        calls = [
            (lambda x, w: fc.correlate(x, w, boundary="mirror", **at), (image, w)),
            (lambda x, w: fc.correlate(x, (w[0].copy(), w[1].copy()), **at), (image, w)),
            (lambda x, w: fc.plan_correlate(x.shape, x.dtype, w, **at)(x), (image, w)),
            (lambda x, w: fc.conv2d(x[None], w[None, None], w[0, :1], **at), (image, w)),
            (lambda x, w: fc.conv_transpose2d(x[None], w[None, None], **at), (image, w)),
            (lambda x, w: filters.gaussian(x, 1, **at), (image, w)),
        ]
        for call, arguments in calls:
            wanted = call(*arguments)
            got = call(*(spelled(array, how) for array in arguments))
            np.testing.assert_array_equal(got, wanted)
            assert got.dtype == wanted.dtype
            assert got.dtype.isnative


@pytest.mark.parametrize("how", SPELLINGS)
def test_results_go_to_any_spelling(how, backend):
    image = oracle.samples((9, 8), "float32")
    for call in (
        lambda **to: fc.correlate(image, np.ones((3, 3), "f4"), backend=backend, **to),
        lambda **to: filters.unsharp_mask(image, 1, backend=backend, **to),
        lambda **to: filters.sobel(image, backend=backend, **to),
        lambda **to: filters.invert(image, **to),
    ):
        out = spelled(np.zeros((9, 8), "float32"), how)
        assert call(out=out) is out
        np.testing.assert_array_equal(out, call())


def test_a_plan_takes_arrays_of_any_byte_order(backend):
    x = oracle.samples((9, 8), "float64")
    for dtype in ("<f8", ">f8", "f8"):
        plan = fc.plan_correlate(x.shape, dtype, np.ones((3, 3)), backend=backend)
        for order in "<>=":
            np.testing.assert_array_equal(plan(x.astype(x.dtype.newbyteorder(order))), plan(x))
        assert plan(x).dtype.isnative


# -- results in memory that is read --------------------------------------------------------------


def overlapping(name, room):
    """An image of 8×9×3 numbers, and room for a result of its shape that begins elsewhere."""
    image, out = room[:216].reshape(8, 9, 3), room[5:221].reshape(8, 9, 3)
    return image, out[..., 0] if name == "grayscale" else out


@pytest.mark.parametrize(
    "name", ["gaussian", "sobel", "unsharp_mask", "invert", "sepia", "grayscale"]
)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_result_of_a_filter_may_overlap_the_image(name, dtype):
    filtered, how = getattr(filters, name), {"channel_axis": -1}
    arguments = (1,) if name == "gaussian" else ()
    room = oracle.samples((230,), dtype)
    image, out = overlapping(name, room)
    wanted = filtered(image.copy(), *arguments, out=np.empty_like(out), **how)
    assert filtered(image, *arguments, out=out, **how) is out
    np.testing.assert_array_equal(out, wanted)


def test_the_result_of_a_call_may_overlap_all_that_it_reads(backend):
    room = oracle.samples((100,), "float32")
    for _ in range(3):
        x, w, out = room[:50], room[40:43], room[2:52]
        wanted = fc.correlate(x.copy(), w.copy(), backend=backend)
        np.testing.assert_array_equal(fc.correlate(x, w, out=out, backend=backend), wanted)
        layer, taps, bias = room[:48].reshape(1, 4, 12), room[40:88].reshape(4, 4, 3), room[3:7]
        arrays = [array.copy() for array in (layer, taps, bias)]
        wanted = fc.conv1d(*arrays, padding=1, backend=backend)
        out = room[1:49].reshape(1, 4, 12)
        fc.conv1d(layer, taps, bias, padding=1, out=out, backend=backend)
        np.testing.assert_array_equal(out, wanted)


# -- threads -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "count"),
    [("1", 1), ("3,2,1", 3), (" 5 ", 5), ("0", None), ("-2", None), ("many", None), ("", None)],
)
def test_openmps_variable_limits_threads(variable, count, own_choice):
    own_choice.setenv("OMP_NUM_THREADS", variable)
    assert fc.get_num_threads() == (count or parallel.available_cpus())
    own_choice.setenv("FASTCONV_NUM_THREADS", "7")
    assert fc.get_num_threads() == 7
    fc.set_num_threads(2)
    assert fc.get_num_threads() == 2


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


V1, V2 = "4:cpu,cpuacct:/docker/box\n3:memory:/docker/box\n", "0::/docker/box\n"
MAX = {"cpu__max": "max 100000\n"}
V1_MAX = {"cpu__cfs_quota_us": "-1\n", "cpu__cfs_period_us": "100000\n"}


@pytest.mark.parametrize(
    ("groups", "folders", "quota"),
    [
        (V2, {"docker/box": {"cpu__max": "150000 100000\n"}, "docker": MAX}, 1.5),
        (V2, {"docker/box": MAX, "docker": {"cpu__max": "50000 100000\n"}}, 0.5),
        (V2, {"": {"cpu__max": "200000 100000\n"}}, 2),  # a container sees its own group only
        (V2, {"docker/box": MAX}, None),
        (V2, {}, None),
        (V1, {"cpu/docker/box": {**V1_MAX, "cpu__cfs_quota_us": "250000\n"}}, 2.5),
        (V1, {"cpu": {**V1_MAX, "cpu__cfs_quota_us": "100000\n"}}, 1),
        (V1, {"cpu/docker/box": V1_MAX}, None),
        (V1, {"": {"cpu__max": "100000 100000\n"}}, None),
        (V2 + V1, {"cpu": {**V1_MAX, "cpu__cfs_quota_us": "300000\n"}}, 3),
        ("", {"": {"cpu__max": "100000 100000\n"}}, None),
    ],
)
def test_quotas_of_containers_are_read(groups, folders, quota, tmp_path):
    (tmp_path / "cgroup").write_text(groups)
    for folder, files in folders.items():
        write(tmp_path / "fs" / folder, **files)
    assert parallel.cpu_quota(str(tmp_path / "cgroup"), str(tmp_path / "fs")) == quota


def test_a_system_without_control_groups_has_no_quota(tmp_path):
    assert parallel.cpu_quota(str(tmp_path / "none"), str(tmp_path)) is None


@pytest.mark.parametrize(("quota", "count"), [(0.5, 1), (1.5, 2), (1e9, None), (None, None)])
def test_a_quota_limits_threads(quota, count, own_choice):
    own_choice.setattr(parallel, "_own_quota", lambda: None)
    cpus = fc.get_num_threads()
    own_choice.setattr(parallel, "_own_quota", lambda: quota)
    assert fc.get_num_threads() == min(count or cpus, cpus)
