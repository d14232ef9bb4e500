"""The convolution functions of `scipy.signal`, with its signatures, on fastconv's engine.

    from fastconv.signal import fftconvolve  # instead of scipy.signal

Each function takes SciPy's arguments in SciPy's order.  Additional keywords are `backend`,
`threads` and, in functions without `method`, `algorithm`.  Shapes, dtypes, centres and errors are
SciPy's.  The differences are:

- NaN and infinity affect only outputs whose sum contains them, with every algorithm.  SciPy's
  transforms spread them over the whole result.
- Sums of integers are exact up to 64 bits before they wrap to the dtype of the result, even with
  ``method="fft"``, where SciPy rounds them to 53 bits.
- `convolve` and `correlate` with ``method="auto"``, `fftconvolve` and `oaconvolve` choose the
  algorithm with the shortest predicted time, so results may differ in rounding.
  `choose_conv_method` reports that choice.
- float16, bool and object arrays are accepted in any rank; SciPy refuses some of them.  Extended
  precision and objects are summed tap by tap in NumPy, which is slow; `upfirdn` and `sepfir2d`
  refuse them with a TypeError.
- Empty images, filters longer than the image (`sepfir2d`) and signals of one sample (`upfirdn`)
  give a defined result or a ValueError, where SciPy reads beyond the array or crashes.
- Arrays of libraries other than NumPy are converted to NumPy arrays.
"""

from .convolve import (
    choose_conv_method,
    convolve,
    correlate,
    correlation_lags,
    fftconvolve,
    oaconvolve,
)
from .images import convolve2d, correlate2d, sepfir2d
from .rates import upfirdn

__all__ = [
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
]
