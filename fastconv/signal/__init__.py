"""The convolution functions of `scipy.signal`, with its signatures, on fastconv's engine.

    from fastconv.signal import fftconvolve  # instead of scipy.signal

Each function takes SciPy's arguments in SciPy's order, and `backend`, `threads` and, where there is
no `method`, `algorithm` as keywords of its own.  Shapes, dtypes, centres and errors are SciPy's.
What is different:

- NaN and infinity affect only outputs that they are multiplied for, whatever the algorithm.
  SciPy's transforms spread them over the whole result.
- Sums of integers are exact up to 64 bits before they wrap to the dtype of the result, with
  ``method="fft"``, too, where SciPy rounds them to 53 bits.
- `convolve` and `correlate` with ``method="auto"``, `fftconvolve` and `oaconvolve` take the
  algorithm that is predicted to be the fastest.  Results differ in rounding.
  `choose_conv_method` reports that choice.
- float16, bool and object arrays are accepted in any rank; SciPy refuses some of them.  Extended
  precision and objects are summed plainly, by NumPy, tap by tap; `upfirdn` and `sepfir2d` refuse
  them with a TypeError.
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
