"""Calls: arguments are translated once, and equal calls find what was made of them."""

from __future__ import annotations

from copy import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import config
from ..plan.choose import key_of
from ..plan.memo import Memo
from ..plan.plan import Plan
from . import arguments
from .arguments import Output
from .passes import Options, Pass, plans

__all__ = ["Call", "Combination", "Filter", "Guarded", "Run", "filtered"]

MAX_FILTERS = 4096
"""Filters that are remembered."""
MAX_REMEMBERED_WEIGHTS = 512
"""Of the largest kernel whose filters are remembered here; plans remember larger ones."""

_filters: Memo[Any] = Memo(MAX_FILTERS)

Chain = tuple[Plan, ...]
"""Plans that run after each other."""
Combination = Callable[[Sequence[NDArray], Options], None]
"""Makes one result of some, in the place of the first."""


class Call:
    """One call of one function: what a filter is made for."""

    def __init__(self, name: str, samples: NDArray, output: Output, options: Options) -> None:
        self.name = name
        self.shape, self.dtype = samples.shape, samples.dtype
        self.rank = samples.ndim
        self.options = options
        self._output = output
        self.lasting = True
        """Whether equal calls are the same, warnings included."""

    def result(self, complex_sums: bool) -> np.dtype:
        """The dtype of the result."""
        dtype, promoted = arguments.result_dtype(self.name, self._output, self.dtype, complex_sums)
        self.lasting = not promoted
        return dtype

    def constant(self, cval: Any, weights: NDArray | None = None) -> complex:
        """The number beyond the edges."""
        complex_weights = weights is not None and weights.dtype.kind == "c"
        return arguments.constant(self.name, cval, self.dtype.kind == "c", complex_weights)

    def counting(self) -> Call:
        """The same call on bytes."""
        call = copy(self)
        call.dtype = np.dtype(np.uint8)
        return call

    def chain(self, passes: Sequence[Pass], result: np.dtype, cval: complex) -> Chain:
        """The plans for some passes."""
        if result.kind != "c" and self.dtype.kind == "c":
            raise RuntimeError(f"{self.name}: output must have complex dtype: got {result}")
        sums_complex = self.dtype.kind == "c" or any(p.weights.dtype.kind == "c" for p in passes)
        for dtype in self.dtype, result:
            arguments.check_dtype(self.name, dtype, sums_complex)
        return plans(self.name, self.shape, self.dtype, passes, result, cval, self.options)


Run = Callable[[NDArray, NDArray | None], NDArray]
"""From samples and what receives the result, or None, to the result."""


class Filter:
    """Chains of plans, and how their results become one; no chain is a copy."""

    def __init__(
        self,
        call: Call,
        dtype: np.dtype,
        chains: Sequence[Chain],
        combine: Combination | None = None,
    ) -> None:
        self._dtype, self._chains, self._combine = dtype, chains, combine
        self._options = call.options

    def __call__(self, x: NDArray, out: NDArray | None) -> NDArray:
        if x.dtype.kind == "b":
            x = x.view(np.uint8)
        if len(self._chains) == 1:
            return self._run(self._chains[0], x, out)
        if self._combine is None:
            result = x.astype(self._dtype)
        else:
            parts = [self._run(chain, x, None) for chain in self._chains]
            self._combine(parts, self._options)
            result = parts[0]
        if out is None:
            return result
        out[...] = result
        return out

    def _run(self, chain: Chain, x: NDArray, out: NDArray | None) -> NDArray:
        for plan in chain[:-1]:
            x = plan(x)
        if self._dtype.kind != "b":
            return chain[-1](x, out)
        result = chain[-1](x, None if out is None else out.view(np.uint8))
        return result.view(np.bool_) if out is None else out


class Guarded:
    """A filter whose kernel has zeros, which samples that are not finite must not meet."""

    def __init__(self, plain: Run, otherwise: Run) -> None:
        self._plain, self._otherwise = plain, otherwise

    @classmethod
    def of(cls, call: Call, step: Pass, result: np.dtype, cval: Any, otherwise: Run) -> Run:
        """The filter of one pass, and what takes its place where some sample is not finite."""
        plain = Filter(call, result, [call.chain([step], result, cval)])
        if call.dtype.kind not in "fc":
            return plain
        if "constant" in step.borders and not np.isfinite(cval):
            return otherwise
        return cls(plain, otherwise)

    def __call__(self, x: NDArray, out: NDArray | None) -> NDArray:
        with np.errstate(all="ignore"):
            finite = np.isfinite(x.sum()) or np.isfinite(x).all()
        return self._plain(x, out) if finite else self._otherwise(x, out)


def filtered(
    make: Callable[..., Run],
    name: str,
    input: ArrayLike,
    output: Output,
    given: tuple[Any, ...],
    options: Options,
) -> NDArray:
    """Run the filter that ``make`` makes of a call, or the one it made of an equal call before."""
    samples = input if type(input) is np.ndarray else np.asarray(input)
    out = arguments.receiver(name, output, samples.shape)
    algorithm, backend, threads = options
    chosen = config.resolve_backend(backend, name)
    key: tuple[Any, ...] | None
    try:
        key = (
            name,
            samples.shape,
            samples.dtype,
            key_of(output) if out is None else ("array", out.dtype),
            key_of(given),
            algorithm,
            chosen,
            threads,
        )
    except TypeError:
        key = None
    if any(type(value) is np.ndarray and value.size > MAX_REMEMBERED_WEIGHTS for value in given):
        key = None  # its plans are remembered
    known = None if key is None else _filters.get(key)
    if known is None:
        call = Call(name, samples, output if out is None else out, options)
        known = make(call, *given)
        if key is not None and call.lasting:
            _filters.put(key, known)
    return known(samples, out)
