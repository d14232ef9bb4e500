"""Image filters: blurs, edges, crisper pictures, colours.

The image comes first, then what the filter needs, then keywords that all share.  An image is an
array ``(H, W)``; with ``channel_axis=`` it has one axis more, and each channel is filtered for
itself (alpha, too).  The filters that make sense for signals and volumes take any number of axes.

Filters that blur or sharpen keep the image's dtype: whole numbers are rounded half to even and
saturate.  Derivatives have signs and large values: those of integer images are float32.  bool
counts as uint8.  `out` may have any dtype; the result is rounded to it.
"""

from .color import grayscale, invert, sepia
from .gradients import edge_enhance, prewitt, roberts, scharr, sobel
from .laplacians import difference_of_gaussians, edge_detect, gaussian_laplace, laplace
from .sharpening import emboss, sharpen, unsharp_mask
from .smoothing import box, gaussian, motion_blur

__all__ = [
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
    "motion_blur",
    "prewitt",
    "roberts",
    "scharr",
    "sepia",
    "sharpen",
    "sobel",
    "unsharp_mask",
]
