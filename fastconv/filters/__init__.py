"""Image filters: blurs, edge detection, sharpening and colours.

The image comes first, then the parameters of the filter, then the keywords that all filters share.
An image is an array ``(H, W)``.  With `channel_axis`, it has one more axis, and each channel, alpha
included, is filtered separately.  Filters that make sense for signals and volumes accept arrays of
any rank.

Filters that blur or sharpen keep the image's dtype: integers are rounded half to even and saturate.
Derivatives may be negative or large, so those of integer images are float32.  bool counts as uint8.
`out` may have any dtype; the result is converted to it in the same way.
"""

from .color import grayscale, invert, sepia
from .edges import prewitt, roberts, scharr, sobel
from .laplacians import difference_of_gaussians, edge_detect, gaussian_laplace, laplace
from .sharpening import edge_enhance, emboss, sharpen, unsharp_mask
from .smoothing import box, gaussian, motion_blur
from .statistics import Moments, local_moments

__all__ = [
    "Moments",
    "box",
    "difference_of_gaussians",
    "edge_detect",
    "edge_enhance",
    "emboss",
    "gaussian",
    "gaussian_laplace",
    "grayscale",
    "invert",
    "laplace",
    "local_moments",
    "motion_blur",
    "prewitt",
    "roberts",
    "scharr",
    "sepia",
    "sharpen",
    "sobel",
    "unsharp_mask",
]
