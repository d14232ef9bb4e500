"""The linear filters of `scipy.ndimage`, faster: change the import, and nothing else.

>>> import numpy as np
>>> from fastconv import ndimage
>>> ndimage.gaussian_filter(np.eye(3), sigma=1).round(2)
array([[0.5 , 0.33, 0.17],
       [0.33, 0.34, 0.33],
       [0.17, 0.33, 0.5 ]])

Functions have the signatures of SciPy 1.17 and 1.18, and more keywords: `algorithm`, `backend` and
`threads`, and for missing data `nan`, `mask`, `min_weight` and `fill_value`.  They have its
defaults, dtypes, borders, origins and centres of even kernels, and raise the same types of errors.
`output` may be an array, which may share memory with `input`, or a dtype.  Sums are cast as SciPy
casts them: integers lose their fraction and wrap, after each pass of a filter that has several.

These are all differences that we know.

- Correlations, convolutions, Gaussians and uniform filters skip the masked samples of a masked
  array, and return a masked array; SciPy ignores the mask.  The mode "ignore" is ours.
- Sums are added in another order, and differ by rounding.  float32 and complex64 are summed in
  their own precision, unless the result is wider; SciPy sums in float64 and rounds each sum.
- Integer results are those of SciPy wherever double precision is exact: for integer weights, for
  weights such as 1/4, and for means of a window.  With other weights, a sum of integer samples that
  is whole but for rounding is cast to that number, where SciPy may cast it to the one before: a
  filter with several passes may then be off by a few.
- Sums of 64-bit integers under integer weights are exact; SciPy sums in float64.
- C does not define what a number becomes that is beyond the integers it is cast to.  Results that
  SciPy casts from sums of 2**31 or more (2**63 for results of 32 bits and more), or from NaN, may
  differ.
- `correlate` and `convolve` use all weights; SciPy ignores those of magnitude up to 2.2e-16.  Both
  read no sample under a weight of zero, such as a NaN; for complex numbers, only SciPy does.
- An `output` that shares memory with `input` receives what any other array would.  SciPy's
  `laplace`, `gaussian_laplace`, `gaussian_gradient_magnitude`, the generic functions, and filters
  of complex numbers then read what they have overwritten.
- `gaussian_laplace` and `gaussian_gradient_magnitude` list the keywords `truncate` and `radius`,
  which SciPy takes as further keywords.  The generic functions have no keywords of ours: the
  caller's function does the work.
- With the mode "reflect", kernels may be many times longer than an axis; SciPy's `correlate` and
  `convolve` of several axes then read other samples than `numpy.pad` has.
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
