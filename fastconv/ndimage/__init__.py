"""The linear filters of `scipy.ndimage`, faster: change the import, and nothing else.

>>> import numpy as np
>>> from fastconv import ndimage
>>> ndimage.gaussian_filter(np.eye(3), sigma=1).round(2)
array([[0.5 , 0.33, 0.17],
       [0.33, 0.34, 0.33],
       [0.17, 0.33, 0.5 ]])

The functions have the signatures of SciPy 1.17 and 1.18, and additional keywords: `algorithm`,
`backend` and `threads`, and `nan`, `mask`, `min_weight` and `fill_value` for missing data.
Defaults, dtypes, borders, origins, centres of even kernels and the types of errors are SciPy's.
`output` may be a dtype, or an array, which may share memory with `input`.  Sums are cast as in
SciPy: integers lose their fraction and wrap, after each pass of a filter that has several.  All
known differences are listed here.

- Correlations, convolutions, Gaussians and uniform filters skip the masked samples of a masked
  array, and return a masked array; SciPy ignores the mask.  The mode "ignore" does not exist in
  SciPy.
- Sums are added in another order, and differ by rounding.  float32 and complex64 are summed in
  their own precision, unless the result is wider; SciPy sums in float64 and rounds each sum.
- Integer results are SciPy's wherever double precision is exact: for integer weights, for weights
  such as 1/4, and for means of a window.  With other weights, the sum of integer samples may be an
  integer except for rounding.  It is cast to that integer here, while SciPy may cast it to the one
  below; after several passes, results may differ by a few.
- Sums of 64-bit integers under integer weights are exact; SciPy sums in float64.
- C does not define the cast of a number outside the range of the integer type.  Results that SciPy
  casts from NaN, or from sums of 2**31 or more (2**63 for results of 32 bits and more), may differ.
- `correlate` and `convolve` use all weights; SciPy ignores those of magnitude up to 2.2e-16.
  Neither library reads samples, such as NaN, under a weight of zero; for complex arrays, only SciPy
  skips them.
- An `output` that shares memory with `input` receives the same result as any other array.  SciPy's
  `laplace`, `gaussian_laplace`, `gaussian_gradient_magnitude`, the generic functions, and filters
  of complex numbers read samples that they have already overwritten.
- `gaussian_laplace` and `gaussian_gradient_magnitude` have explicit keywords `truncate` and
  `radius`, which SciPy takes among ``**kwargs``.  The generic functions have none of the additional
  keywords, because the caller's function does the work.
- With the mode "reflect", kernels may be many times longer than an axis; SciPy's `correlate` and
  `convolve` of several axes then read samples that differ from those of `numpy.pad`.
- Gradient magnitudes of floats do not overflow where their squares do.
- Overflow gives no warnings.
"""

from .correlation import convolve, convolve1d, correlate, correlate1d
from .derivatives import (
    gaussian_gradient_magnitude,
    gaussian_laplace,
    laplace,
    prewitt,
    sobel,
)
from .gaussian import gaussian_filter, gaussian_filter1d
from .generic import generic_gradient_magnitude, generic_laplace
from .uniform import uniform_filter, uniform_filter1d

__all__ = [
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
]
