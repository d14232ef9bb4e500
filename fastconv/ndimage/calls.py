"""Calls: arguments are translated once, and equal calls reuse the translation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import config, lower
from ..api.options import How, Options
from ..plan import missing as gaps
from ..plan.choose import key_of, lasting
from ..plan.memo import memo_of_calls
from ..problem import dtypes
from . import arguments, runs
from .arguments import Output
from .passes import Pass, correlation, plans, whole_sums
from .runs import Run

__all__ = ["Call", "filtered"]

MAX_FILTERS = 4096
"""Filters that are cached."""
MAX_REMEMBERED_BYTES = 1 << 12
"""The size of the largest kernel whose filters are cached here; of larger ones, only plans are."""

_filters = memo_of_calls(MAX_FILTERS)


class Call:
    """One call of one function, whose arguments are being translated."""

    def __init__(self, name: str, samples: NDArray, output: Output, options: Options) -> None:
        self.name = name
        self.shape, self.dtype = samples.shape, samples.dtype
        self.rank = samples.ndim
        self.options = options
        self._output = output
        self.lasting = True
        """Whether equal calls give equal results, including warnings."""
        self.stored: np.dtype | None = None
        """The dtype of the result, once it is known."""

    def result(self, complex_sums: bool) -> np.dtype:
        """The dtype of the result."""
        dtype, promoted = arguments.result_dtype(self.name, self._output, self.dtype, complex_sums)
        self.lasting, self.stored = not promoted, dtype
        return dtype

    def constant(self, cval: Any, weights: NDArray | None = None) -> complex:
        """The value of samples beyond the edges."""
        complex_weights = weights is not None and weights.dtype.kind == "c"
        return arguments.constant(self.name, cval, self.dtype.kind == "c", complex_weights)

    def border(self, mode: object) -> str:
        """The name of a border in this package."""
        return arguments.border(self.name, mode)

    def run(
        self,
        passes: Sequence[Pass],
        result: np.dtype,
        cval: complex,
        samples: np.dtype | None = None,
    ) -> Run:
        """The run of some passes over samples of the call's dtype, or of another one."""
        if not passes:
            return runs.copied(result)
        dtype = self.dtype if samples is None else samples
        if result.kind != "c" and dtype.kind == "c":
            raise RuntimeError(f"{self.name}: output must have complex dtype: got {result}")
        sums_complex = dtype.kind == "c" or any(p.weights.dtype.kind == "c" for p in passes)
        for each in dtype, result:
            arguments.check_dtype(self.name, each, sums_complex)
        made = self._planned(dtype, passes, result, cval)
        if "b" in (dtype.kind, result.kind):
            made = runs.on_bytes(made, result)
        return made if self.rank else runs.on_a_line(made)

    def _planned(
        self, dtype: np.dtype, passes: Sequence[Pass], result: np.dtype, cval: complex
    ) -> Run:
        shape = self.shape or (1,)
        return runs.in_turn(plans(self.name, shape, dtype, passes, result, cval, self.options))

    def around_zeros(
        self, step: Pass, result: np.dtype, cval: complex, otherwise: Callable[[], Run]
    ) -> Run:
        """The run of a pass in which samples under a weight of zero must not affect the result.

        If samples are not finite, the run that ``otherwise`` returns is used instead.
        """
        if self.dtype.kind != "f" or step.weights.all():
            return self.run([step], result, cval)
        if "constant" in step.borders and not np.isfinite(cval):
            return otherwise()
        plain = self.run([step], result, cval)
        backend = config.resolve_backend(self.options.backend, self.name)
        return runs.unless_finite(plain, otherwise(), backend)


class MissingCall(Call):
    """One call for arrays with missing samples: all passes are one sum over the valid samples of a
    window, divided by the share of the kernel's weight that lies on them.
    """

    def __init__(
        self,
        name: str,
        samples: NDArray,
        output: Output,
        options: Options,
        rules: lower.Missing,
    ) -> None:
        super().__init__(name, samples, output, options)
        self._rules = rules

    def border(self, mode: object) -> str:
        return "ignore" if mode == "ignore" else super().border(mode)

    def around_zeros(
        self, step: Pass, result: np.dtype, cval: complex, otherwise: Callable[[], Run]
    ) -> Run:
        return self.run([step], result, cval)

    def _planned(
        self, dtype: np.dtype, passes: Sequence[Pass], result: np.dtype, cval: complex
    ) -> Run:
        together = sorted(passes, key=attrgetter("axes"))
        rules = self._rules._replace(fill=lower.fill_value(self.name, self._rules.fill, result))
        w, options = correlation(together, cval)
        options["dtype"] = sums = result if result.kind in "fc" else np.dtype(np.float64)
        nudge = whole_sums(sum([step.weights.size for step in passes]))

        def run(x: NDArray, out: NDArray | None) -> NDArray:
            receiver = out if sums == result else None
            options["out_dtype"] = None if receiver is None else receiver.dtype
            made = gaps.correlate(self.name, x, w, options, rules, *self.options, receiver)
            if sums == result:
                return made
            cast = np.empty(made.shape, result) if out is None else out
            dtypes.cast(cast, np.ma.getdata(made) * nudge)
            return np.ma.array(cast, mask=np.ma.getmask(made)) if rules.masked else cast

        return run


def filtered(
    make: Callable[..., Run],
    name: str,
    input: ArrayLike,
    output: Output,
    weights: ArrayLike | None,
    mode: Any,
    given: tuple[Any, ...],
    how: How,
    missing: tuple[Any, ...] = (),
) -> NDArray:
    """Run the function that ``make(call, mode, *given)`` returns, or ``make(call, weights, mode,
    *given)`` with weights.  Equal calls reuse it.

    ``missing`` has the arguments about missing data.  Only calls for which these are the defaults
    are cached.
    """
    samples = input if type(input) is np.ndarray else np.asarray(input)
    out = None if output is None else arguments.receiver(name, output, samples.shape)
    chosen = config.resolve_backend(how[1], name)
    key: tuple[Any, ...] | None = None
    known: Run | None = None
    if samples is input or not missing or not lower.is_masked(input):
        try:
            key = (
                name,
                samples.shape,
                samples.dtype,
                None if weights is None else key_of(weights),
                key_of(mode),
                key_of(given),
                output if output is None else key_of(output) if out is None else (out.dtype,),
                how,
                chosen,
                missing,
            )
            known = _filters.get(key)
        except TypeError:  # a mask has no hash
            key = None
    if known is None:
        words = (*missing, mode)
        rules = lower.missing(name, input, *words) if missing else None
        about = name, samples, output if out is None else out, Options(*how)
        call = Call(*about) if rules is None else MissingCall(*about, rules)
        known = make(call, *(() if weights is None else (weights,)), mode, *given)
        if out is None and call.stored is not None and not call.stored.isnative:
            known = runs.stored(known, call.stored)
        if key is not None and rules is None and call.lasting and not _is_large(weights):
            _filters.put(lasting(key), known)
    return known(lower.native(samples), out)


def _is_large(weights: ArrayLike | None) -> bool:
    """Whether a kernel is so large that only its plans are cached."""
    return type(weights) is np.ndarray and weights.nbytes > MAX_REMEMBERED_BYTES
