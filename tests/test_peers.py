"""Other libraries, where they are installed, say the same: names, centres, borders and layers."""

from __future__ import annotations

from itertools import product

import numpy as np
import oracle
import pytest

import fastconv as fc

# fastconv's name: that of scipy.ndimage, scipy.signal, NumPy's pad, OpenCV and torch
NDIMAGE = {"constant": "constant", "nearest": "nearest", "symmetric": "reflect"}
NDIMAGE |= {"mirror": "mirror", "wrap": "wrap"}
SIGNAL = {"constant": "fill", "symmetric": "symm", "wrap": "wrap"}
OPENCV = {"constant": "CONSTANT", "nearest": "REPLICATE", "symmetric": "REFLECT"}
OPENCV |= {"mirror": "REFLECT_101"}
TORCH = {"constant": "zeros", "nearest": "replicate", "mirror": "reflect", "wrap": "circular"}

SHAPES = [((9,), (3,)), ((4,), (7,)), ((6, 7), (3, 5)), ((5, 6), (2, 4)), ((4, 5, 3), (3, 2, 3))]


def close(actual, wanted, terms, dtype="float64"):
    """Two sums of `terms` products of about unit size."""
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=20 * terms * np.finfo(dtype).eps)


@pytest.fixture(scope="module")
def signal():
    return pytest.importorskip("scipy.signal")


@pytest.mark.parametrize("boundary", NDIMAGE)
@pytest.mark.parametrize(("shape", "taps"), SHAPES, ids=str)
def test_ndimage_correlate(shape, taps, boundary, ndimage, backend):
    x, w = oracle.samples(shape, float), oracle.samples(taps, float, 1)
    for origin in {0, -(min(taps) // 2), (min(taps) - 1) // 2}:
        wanted = ndimage.correlate(x, w, mode=NDIMAGE[boundary], cval=2.0, origin=origin)
        got = fc.correlate(x, w, boundary=boundary, cval=2.0, origin=origin, backend=backend)
        close(got, wanted, w.size)


@pytest.mark.parametrize("boundary", NDIMAGE)
@pytest.mark.parametrize(("shape", "taps"), SHAPES, ids=str)
def test_ndimage_convolve(shape, taps, boundary, ndimage, backend):
    """Its even kernels stand one sample further, which an origin makes up for."""
    x, w = oracle.samples(shape, float), oracle.samples(taps, float, 1)
    wanted = ndimage.convolve(x, w, mode=NDIMAGE[boundary], cval=2.0)
    origin = [1 - k % 2 for k in taps]
    got = fc.convolve(x, w, boundary=boundary, cval=2.0, origin=origin, backend=backend)
    close(got, wanted, w.size)


@pytest.mark.parametrize("mode", ["same", "valid", "full"])
@pytest.mark.parametrize(("n", "k"), [(9, 3), (9, 4), (8, 8), (5, 1)])
def test_numpy_convolve_and_correlate(n, k, mode, backend):
    x, w = oracle.samples((n,), float), oracle.samples((k,), float, 1)
    close(fc.convolve(x, w, mode=mode, backend=backend), np.convolve(x, w, mode), k)
    close(fc.correlate(x, w, mode=mode, backend=backend), np.correlate(x, w, mode), k)


@pytest.mark.parametrize("mode", ["same", "valid", "full"])
@pytest.mark.parametrize(("shape", "taps"), SHAPES, ids=str)
def test_signal_convolve(shape, taps, mode, signal, backend):
    if mode == "valid":
        shape = tuple(max(n, k) for n, k in zip(shape, taps, strict=True))
    x, w = oracle.samples(shape, "c16"), oracle.samples(taps, "c16", 1)
    close(fc.convolve(x, w, mode=mode, backend=backend), signal.convolve(x, w, mode), 4 * w.size)


@pytest.mark.parametrize("mode", ["same", "valid", "full"])
@pytest.mark.parametrize("boundary", SIGNAL)
@pytest.mark.parametrize("taps", [(3, 3), (2, 5), (4, 4)])
def test_signal_convolve2d(taps, boundary, mode, signal, backend):
    x, w = oracle.samples((8, 9), float), oracle.samples(taps, float, 1)
    wanted = signal.convolve2d(x, w, mode, SIGNAL[boundary], 3.0)
    got = fc.convolve(x, w, mode=mode, boundary=boundary, cval=3.0, backend=backend)
    close(got, wanted, 5 * w.size)


@pytest.mark.parametrize("boundary", OPENCV)
@pytest.mark.parametrize("taps", [(3, 3), (5, 1), (2, 4), (7, 7)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_opencv_filter2d(dtype, taps, boundary, cv2, backend):
    x, w = oracle.samples((23, 31), dtype), oracle.samples(taps, dtype, 1)
    border = getattr(cv2, f"BORDER_{OPENCV[boundary]}")
    wanted = cv2.filter2D(x, -1, w, borderType=border)
    close(fc.correlate(x, w, boundary=boundary, backend=backend), wanted, w.size, dtype)


def test_opencv_rounds_and_saturates_alike(cv2, backend):
    x = oracle.samples((40, 41, 3), "uint8")
    w = np.array([[-1, 2, -1], [0, 4.5, 0], [-1, -2, -1]], np.float32)
    wanted = cv2.filter2D(x, -1, w, borderType=cv2.BORDER_REFLECT_101)
    got = fc.correlate(x, w, axes=(0, 1), boundary="mirror", dtype="uint8", backend=backend)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [
        *product((1, 2), (0, 1), (1,), (1, 2)),
        (3, 2, 2, 4),
        (1, "same", 2, 1),
        (1, "valid", 1, 1),
    ],
)
def test_torch_layers(rank, stride, padding, dilation, groups, torch, backend):
    x = oracle.samples((2, 4, 9, 8, 7)[: rank + 2], "float32")
    w = oracle.samples((8, 4 // groups, 3, 2, 3)[: rank + 2], "float32", 1)
    bias = oracle.samples((8,), "float32", 2)
    layer = getattr(torch.nn.functional, f"conv{rank}d")
    options = (stride, padding, dilation, groups)
    wanted = layer(*map(torch.from_numpy, (x, w, bias)), *options).numpy()
    got = getattr(fc, f"conv{rank}d")(x, w, bias, *options, backend=backend)
    close(got, wanted, w[0].size, "float32")


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("stride", "padding", "output_padding", "groups", "dilation"),
    [(1, 0, 0, 1, 1), (1, 2, 0, 2, 1), (2, 1, 1, 1, 1), (3, 0, 2, 4, 2), (2, 1, 2, 1, 3)],
)
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_torch_transposed_layers(
    dtype, rank, stride, padding, output_padding, groups, dilation, torch, backend
):
    x = oracle.samples((2, 4, 6, 5, 4)[: rank + 2], dtype)
    w = oracle.samples((4, 8 // groups, 3, 2, 3)[: rank + 2], dtype, 1)
    bias = oracle.samples((8,), dtype, 2)
    layer = getattr(torch.nn.functional, f"conv_transpose{rank}d")
    options = (stride, padding, output_padding, groups, dilation)
    wanted = layer(*map(torch.from_numpy, (x, w, bias)), *options).numpy()
    got = getattr(fc, f"conv_transpose{rank}d")(x, w, bias, *options, backend=backend)
    close(got, wanted, 4 * w[:, 0].size, "float32")


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, 0, 1, 1), (1, 1, 1, 2), (2, 1, 1, 1), (3, 2, 2, 4), (2, 0, 3, 1)],
)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_torch_gradients(dtype, rank, stride, padding, dilation, groups, torch, backend):
    """Those of PyTorch's own differentiation, and for real numbers of ``torch.nn.grad``."""
    x = oracle.samples((2, 4, 9, 8, 7)[: rank + 2], dtype)
    w = oracle.samples((8, 4 // groups, 3, 2, 3)[: rank + 2], dtype, 1)
    bias = oracle.samples((8,), dtype, 2)
    options = (stride, padding, dilation, groups)
    leaves = [torch.from_numpy(a).requires_grad_() for a in (x, w, bias)]
    y = getattr(torch.nn.functional, f"conv{rank}d")(*leaves, *options)
    gy = oracle.samples(y.shape, dtype, 3)
    y.backward(torch.from_numpy(gy))
    ours = [getattr(fc.nn.grad, f"conv{rank}d_{of}") for of in ("input", "weight", "bias")]
    got = (
        ours[0](x.shape, w, gy, *options, backend=backend),
        ours[1](x, w.shape, gy, *options, backend=backend),
        ours[2](gy),
    )
    for mine, its in zip(got, leaves, strict=True):
        close(mine, its.grad.numpy(), 4 * gy.size)
    if dtype == "float64":
        wanted = getattr(torch.nn.grad, f"conv{rank}d_input")(
            x.shape, torch.from_numpy(w), torch.from_numpy(gy), *options
        )
        close(got[0], wanted.numpy(), w[:, 0].size)
        wanted = getattr(torch.nn.grad, f"conv{rank}d_weight")(
            torch.from_numpy(x), w.shape, torch.from_numpy(gy), *options
        )
        close(got[1], wanted.numpy(), gy[:, 0].size)


@pytest.mark.parametrize("boundary", TORCH)
def test_torch_gradients_of_padding_modes(boundary, torch, backend):
    x, w = oracle.samples((2, 3, 8, 9), float), oracle.samples((4, 3, 3, 5), float, 1)
    layer = torch.nn.Conv2d(
        3, 4, (3, 5), 2, (2, 3), bias=False, padding_mode=TORCH[boundary], dtype=torch.float64
    )
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(w))
    samples = torch.from_numpy(x).requires_grad_()
    y = layer(samples)
    gy = oracle.samples(y.shape, float, 3)
    y.backward(torch.from_numpy(gy))
    how = {"stride": 2, "padding": (2, 3), "boundary": boundary, "backend": backend}
    close(fc.nn.grad.conv2d_input(x.shape, w, gy, **how), samples.grad.numpy(), 4 * w[:, 0].size)
    wanted = layer.weight.grad.numpy()
    close(fc.nn.grad.conv2d_weight(x, w.shape, gy, **how), wanted, gy[:, 0].size)


@pytest.mark.parametrize("boundary", TORCH)
def test_torch_padding_modes(boundary, torch, backend):
    x, w = oracle.samples((2, 3, 8, 9), "float32"), oracle.samples((4, 3, 3, 5), "float32", 1)
    layer = torch.nn.Conv2d(3, 4, (3, 5), 2, (1, 2), bias=False, padding_mode=TORCH[boundary])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(w))
        wanted = layer(torch.from_numpy(x)).numpy()
    got = fc.conv2d(x, w, stride=2, padding=(1, 2), boundary=boundary, backend=backend)
    close(got, wanted, w[0].size, "float32")


def test_a_difference_is_noticed():
    x = oracle.samples((9,), float)
    with pytest.raises(AssertionError):
        close(fc.correlate(x, [1.0, 2.0, 4.0]), np.convolve(x, [1.0, 2.0, 4.0], "same"), 3)
