"""Built-in rates of the compiled kernels, by instruction set.

v3: measured like all built-in rates (:class:`~fastconv.backends.protocol.Rates`), with products
after decision 50.  v2 and generic: from their ratios to v3 in interleaved calibrations on the same
processor, 2026-11-30.  v4: an AMD EPYC (Zen 5), 2026-11-20, from times of 2048² images (direct
11×11 4.75 ms, FFT 6.2 ms) and of matrix products (250 GFLOP/s); other rates are scaled from v3.
"""

from __future__ import annotations

from ..protocol import Rates

__all__ = ["RATES"]

_V3 = Rates(
    product=2.1e-11,
    summed=3.8e-11,
    contracted=2.17e-11,
    byte=1.6e-11,
    call=6e-6,
    one_row=1.45,
    sparse=2.2,
    operation=2.25e-11,
    addition=1.3e-10,
)
_V2 = Rates(
    product=7.7e-11,
    summed=1.08e-10,
    contracted=5.5e-11,
    byte=1.6e-11,
    call=6e-6,
    one_row=0.98,
    sparse=1.3,
    operation=4e-11,
    addition=2.1e-10,
)

RATES = {
    "x86-64-v4": _V3._replace(
        product=9.4e-12, summed=1.7e-11, contracted=8e-12, operation=7e-12, addition=6e-11
    ),
    "x86-64-v3": _V3,
    "x86-64-v2": _V2,
    "baseline": _V2,
    "generic": Rates(
        product=7.1e-10,
        summed=8.7e-10,
        contracted=8e-10,
        byte=1.4e-10,
        call=1e-4,
        one_row=0.78,
        sparse=1.04,
        operation=9.7e-10,
        addition=2e-9,
    ),
}
"""Built-in rates of each instruction set.  The baseline of other architectures has vectors of 16
bytes, as v2 has."""
