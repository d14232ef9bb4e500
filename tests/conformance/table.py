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
    only: tuple[str, ...] = ()
    """Classes and functions of these files that are run; all of them if there are none."""
    sampled: tuple[str, ...] = ()
    """Classes of which one test in `SAMPLE` is run, unless all are asked for."""


SAMPLE = 25

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
    "signal": Suite(
        module="scipy.signal",
        ours="fastconv.signal",
        names=(
            "choose_conv_method",
            "convolve",
            "convolve2d",
            "correlate",
            "correlate2d",
            "correlation_lags",
            "fftconvolve",
            "oaconvolve",
            "sepfir2d",
            "upfirdn",
        ),
        tests=(
            "--pyargs",
            "scipy.signal.tests.test_signaltools",
            "scipy.signal.tests.test_upfirdn",
            "scipy.signal.tests.test_bsplines",
        ),
        only=(
            "TestAllFreqConvolves",
            "TestConvolve",
            "TestConvolve2d",
            "TestCorrelate",
            "TestCorrelate2d",
            "TestCorrelateComplex",
            "TestCorrelateReal",
            "TestFFTConvolve",
            "TestOAConvolve",
            "TestSepfir2d",
            "TestUpfirdn",
            "test_choose_conv_method",
            "test_choose_conv_method_2",
            "test_convolve_longdtype_input",
            "test_correlation_lags",
            "test_correlation_lags_invalid_mode",
            "test_output_len_long_input",
        ),
        sampled=("TestOAConvolve",),
    ),
}
