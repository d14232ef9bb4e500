"""Filters of other libraries, where they are installed, give the same numbers or multiples."""

from __future__ import annotations

import math

import numpy as np
import oracle
import pytest

from fastconv import filters

NDIMAGE = {"constant": "constant", "nearest": "nearest", "symmetric": "reflect"}
NDIMAGE |= {"mirror": "mirror", "wrap": "wrap"}
SHAPES = [(17,), (9, 12), (6, 7, 8)]


def close(actual, wanted, terms=100, scale=0.0):
    """Equal but for rounding, to the largest number or to ``scale`` where sums cancel."""
    largest = max(np.abs(wanted).max(), scale)
    atol = terms * np.finfo(actual.dtype).eps * largest
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=atol)


@pytest.fixture(scope="module")
def skimage():
    return pytest.importorskip("skimage.filters")


# -- SciPy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", NDIMAGE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ndimage_gaussian(shape, boundary, ndimage, backend):
    x = oracle.samples(shape, "float64")
    rank = len(shape)
    for sigma in (0.3, 1, 2.5, [0, 1.5, 0.7][:rank], 6):
        for order in (0, 1, 2, 5, [1, 0, 2][:rank]):
            for extent in ({}, {"truncate": 2.5}, {"radius": 3}, {"radius": [1, 2, 3][:rank]}):
                # SciPy extends what each pass has made of the image, fastconv the image itself
                how = {"order": order, "cval": 0.5 if order == 0 else 0.0, **extent}
                wanted = ndimage.gaussian_filter(x, sigma, mode=NDIMAGE[boundary], **how)
                got = filters.gaussian(x, sigma, boundary=boundary, backend=backend, **how)
                close(got, wanted, 100, np.abs(x).max())


@pytest.mark.parametrize("boundary", NDIMAGE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ndimage_of_fixed_kernels(shape, boundary, ndimage, backend):
    x = oracle.samples(shape, "float64")
    theirs = {"mode": NDIMAGE[boundary]}
    ours = {"boundary": boundary, "backend": backend}
    for size in (1, 2, 3, 4, 5, 20, [2, 3, 4][: len(shape)]):
        close(filters.box(x, size, **ours), ndimage.uniform_filter(x, size, **theirs))
    for axis in range(-len(shape), len(shape)):
        for name in ("sobel", "prewitt"):
            wanted = getattr(ndimage, name)(x, axis, **theirs)
            close(getattr(filters, name)(x, axis=axis, **ours), wanted)
    close(filters.laplace(x, **ours), ndimage.laplace(x, **theirs))
    for sigma in (0.5, 2, [1, 0.5, 2][: len(shape)]):
        wanted = ndimage.gaussian_laplace(x, sigma, **theirs)
        close(filters.gaussian_laplace(x, sigma, **ours), wanted, 100, np.abs(x).max())


# -- scikit-image ---------------------------------------------------------------------------------


def test_skimage_gradients_are_normalised(skimage, backend):
    x = oracle.samples((12, 15), "float64")
    sums = {"sobel": 4, "prewitt": 3, "scharr": 16}
    for name, total in sums.items():
        theirs, ours = getattr(skimage, name), getattr(filters, name)
        close(ours(x, backend=backend) / (total * math.sqrt(2)), theirs(x))
        for axis in (0, 1):
            close(ours(x, axis=axis, backend=backend) / total, theirs(x, axis=axis))
    cross = filters.roberts(x, backend=backend) / math.sqrt(2)
    close(cross[1:, 1:], skimage.roberts(x)[:-1, :-1])  # its pixel is the upper left of the four


def test_skimage_differences_and_unsharp_masks(skimage, backend):
    x = np.random.default_rng(0).random((12, 15, 3)) + 1  # its unsharp mask clips, but for these
    for low, high in ((0.5, None), (1, 3)):
        wanted = skimage.difference_of_gaussians(x, low, high, mode="reflect", channel_axis=2)
        close(
            filters.difference_of_gaussians(x, low, high, channel_axis=2, backend=backend), wanted
        )
    wanted = skimage.unsharp_mask(x, 1.5, 0.7, preserve_range=True, channel_axis=2)
    got = filters.unsharp_mask(x, 1.5, 0.7, channel_axis=2, boundary="symmetric", backend=backend)
    close(got, wanted)
    close(
        filters.gaussian(x, 2, channel_axis=2),
        skimage.gaussian(x, 2, mode="reflect", channel_axis=2),
    )


# -- OpenCV ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_opencv(dtype, cv2, backend):
    x = oracle.samples((23, 31), dtype)
    depth = cv2.CV_64F if dtype == "float64" else cv2.CV_32F
    border = cv2.BORDER_REFLECT
    how = {"backend": backend}
    for axis, step in ((0, (0, 1)), (1, (1, 0))):
        got = filters.sobel(x, axis=axis, **how)
        close(got, cv2.Sobel(x, depth, *step, borderType=border))
        got = filters.scharr(x, axis=axis, **how)
        close(got, cv2.Scharr(x, depth, *step, borderType=border))
    close(filters.laplace(x, **how), cv2.Laplacian(x, depth, ksize=1, borderType=border))
    one = 1.01 if dtype == "uint8" else 1e-5
    for k in (3, 4, 7):
        np.testing.assert_allclose(
            filters.box(x, k, **how).astype(float), cv2.blur(x, (k, k), borderType=border), atol=one
        )
    blurred = cv2.GaussianBlur(x, (13, 13), 1.5, borderType=border)
    np.testing.assert_allclose(filters.gaussian(x, 1.5, **how).astype(float), blurred, atol=one)


def test_opencv_grey(cv2):
    photo = oracle.samples((23, 31, 3), "uint8")
    grey = filters.grayscale(photo).astype(int)
    np.testing.assert_allclose(grey, cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), atol=1)
