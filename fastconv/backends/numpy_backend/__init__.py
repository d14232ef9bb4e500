"""The NumPy backend, written to be read: each kernel in array operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..protocol import Backend, Rates
from .blur import blur
from .box import box
from .copy import cast, pad, store
from .correlate import correlate
from .depthwise import depthwise
from .fourier import filter_columns, transform
from .gemm import PANEL, gemm, pointwise, weight_gradient
from .magnitude import magnitude
from .missing import below, deduct, divide, drop
from .sparse import correlate_sparse
from .sums import accumulate, at_most, epilogue, in_range
from .winograd import winograd_outputs, winograd_samples, winograd_weights

if TYPE_CHECKING:
    from ...run.program import Program

__all__ = ["NumpyBackend", "backend"]


class NumpyBackend(Backend):
    """Windows of the input, contracted with the weights by NumPy."""

    name = "numpy"
    rates = Rates(
        product=7.5e-10,
        summed=1.9e-10,
        contracted=1.9e-10,
        byte=0.0,
        call=1.4e-4,
        one_row=0.65,
        sparse=0.55,
        operation=2.5e-10,
        addition=5.1e-10,
    )
    min_interior_bytes = 1 << 19
    min_tile_macs = 1 << 22
    hand_over_seconds = 5e-5
    sums_in_order = False

    def unavailable(self) -> None:
        return None

    def describe(self) -> str:
        return f"NumPy {np.__version__}"

    def warmup(self) -> None:
        pass

    def program(self, weights: int) -> Program:
        from ...run.program import Program

        return Program(self, weights)

    def register_tile(self, dtype: np.dtype) -> None:
        return None

    def panel(self, dtype: np.dtype) -> int:
        return PANEL

    correlate = staticmethod(correlate)
    correlate_sparse = staticmethod(correlate_sparse)
    box = staticmethod(box)
    blur = staticmethod(blur)
    gemm = staticmethod(gemm)
    pointwise = staticmethod(pointwise)
    depthwise = staticmethod(depthwise)
    weight_gradient = staticmethod(weight_gradient)
    winograd_weights = staticmethod(winograd_weights)
    winograd_samples = staticmethod(winograd_samples)
    winograd_outputs = staticmethod(winograd_outputs)
    transform = staticmethod(transform)
    filter_columns = staticmethod(filter_columns)
    epilogue = staticmethod(epilogue)
    in_range = staticmethod(in_range)
    accumulate = staticmethod(accumulate)
    at_most = staticmethod(at_most)
    magnitude = staticmethod(magnitude)
    drop = staticmethod(drop)
    deduct = staticmethod(deduct)
    divide = staticmethod(divide)
    below = staticmethod(below)
    pad = staticmethod(pad)
    store = staticmethod(store)
    cast = staticmethod(cast)


backend = NumpyBackend()
