"""What is replaced by what, and which suite then has to pass: a row for each drop-in module."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SUITES", "Suite"]


class Suite(NamedTuple):
    """A module whose functions are replaced, and the tests that call them."""

    module: str
    """Of the library: its attributes are replaced before any test is imported."""
    ours: str
    """The module of fastconv that has functions of the same names."""
    names: tuple[str, ...]
    tests: tuple[str, ...]
    """Arguments of pytest that select the suite."""


SUITES = {
    "ndimage": Suite(
        module="scipy.ndimage",
        ours="fastconv.ndimage",
        names=(
            "convolve",
            "convolve1d",
            "correlate",
            "correlate1d",
            "gaussian_filter",
            "gaussian_filter1d",
            "gaussian_gradient_magnitude",
            "gaussian_laplace",
            "generic_gradient_magnitude",
            "generic_laplace",
            "laplace",
            "prewitt",
            "sobel",
            "uniform_filter",
            "uniform_filter1d",
        ),
        tests=("--pyargs", "scipy.ndimage.tests.test_filters"),
    ),
}
