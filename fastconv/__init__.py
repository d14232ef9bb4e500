"""Fast convolution for signals, images, volumes and CNN layers, on three interchangeable backends.

>>> import numpy as np
>>> import fastconv as fc
>>> fc.correlate(np.eye(3), np.ones((3, 3)), boundary="mirror")
array([[5., 3., 4.],
       [3., 3., 3.],
       [4., 3., 5.]])
"""

from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from . import algorithms, backends, filters, kernels, nn
from .api import (
    AlgorithmName,
    Boundary,
    Explanation,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    convolve,
    correlate,
    correlate_bank,
    explain,
    plan_conv1d,
    plan_conv2d,
    plan_conv3d,
    plan_conv_transpose1d,
    plan_conv_transpose2d,
    plan_conv_transpose3d,
    plan_convolve,
    plan_correlate,
    translate_boundary,
)
from .config import (
    BackendName,
    BackendUnavailableError,
    available_backends,
    get_backend,
    get_num_threads,
    set_backend,
    set_num_threads,
    show_config,
    use_backend,
    warmup,
)
from .patch import patch, patched, unpatch
from .plan.plan import Plan
from .plan.transposed import TransposedPlan

if TYPE_CHECKING:
    from . import dask, ndimage, signal, viz

__version__ = "0.1.0"

__all__ = [
    "AlgorithmName",
    "BackendName",
    "BackendUnavailableError",
    "Boundary",
    "Explanation",
    "Plan",
    "TransposedPlan",
    "__version__",
    "available_backends",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolve",
    "correlate",
    "correlate_bank",
    "dask",
    "explain",
    "filters",
    "get_backend",
    "get_num_threads",
    "kernels",
    "ndimage",
    "nn",
    "patch",
    "patched",
    "plan_conv1d",
    "plan_conv2d",
    "plan_conv3d",
    "plan_conv_transpose1d",
    "plan_conv_transpose2d",
    "plan_conv_transpose3d",
    "plan_convolve",
    "plan_correlate",
    "set_backend",
    "set_num_threads",
    "show_config",
    "signal",
    "translate_boundary",
    "unpatch",
    "use_backend",
    "viz",
    "warmup",
]

# A signal handler or a finalizer may call fastconv while another call is running, and must not find
# partly imported modules: calls import nothing but Numba, whose backend allows for it.
for _name in algorithms.ORDER:
    algorithms.load(_name)
for _name in backends.ORDER:
    backends.load(_name)
with suppress(ValueError):  # FASTCONV_ISA is wrong, which the first call says
    backends.unavailable("cython")


def __getattr__(name: str) -> ModuleType:
    """Import the modules that few programs need on first access."""
    if name in ("dask", "ndimage", "signal", "viz"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names only."""
    return sorted(__all__)
