"""The public call: from arguments to the numbers of one output."""

from __future__ import annotations

from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...problem import dtypes
from ...problem.problem import Problem
from ..options import PerAxis
from .explanation import Explanation
from .model import Step, WindowAxis

__all__ = ["explain", "window_of"]


def explain(
    x: ArrayLike,
    w: ArrayLike | tuple[NDArray, ...],
    bias: ArrayLike | None = None,
    *,
    at: PerAxis,
    call: Literal["correlate", "convolve", "conv1d", "conv2d", "conv3d"] = "correlate",
    **options: Any,
) -> Explanation:
    """Explain one output: its window, kernel, products, sum, bias, activation and result.

    Parameters
    ----------
    x : array_like
        The input, as the explained call takes it.
    w : array_like or tuple of 1-D ndarray
        The kernel or, for layers, the filters ``(K, C // groups, *taps)``.
    bias : array_like, optional
        ``(K,)``: one number for each output channel of a layer, added to the sums.
    at : int or sequence of int
        The position of the output in the result, with one number for each axis of the result.
        Positions count from 0.  Negative positions do not count from the end: they lie before the
        result.
    call : {"correlate", "convolve", "conv1d", "conv2d", "conv3d"}, optional
        The call that is explained.
    **options
        The keywords of that call that change its result.  For "correlate" and "convolve": `axes`,
        `mode`, `boundary`, `cval`, `origin`, `stride`, `dilation` and `dtype`; for layers:
        `stride`, `padding`, `dilation`, `groups`, `boundary`, `layout` and `activation`.  Their
        defaults are those of the call.

    Returns
    -------
    Explanation
        Its attributes hold the numbers; ``print`` shows them as text and notebooks as tables.  A
        position beyond the result along an axis that the kernel spans is explained as well:
        `exists` is then False, and the text says why there is no such output.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid, or `at` lies beyond the result along an axis that the kernel does
        not span; the message names it.

    Notes
    -----
    The numbers are computed with NumPy, not by a backend.  Integers are exact.  Floats are summed
    in the precision of the call (float16 in float32), but in another order, so the last digits may
    differ from those of the call.  Only this output is computed.

    Examples
    --------
    >>> import fastconv as fc
    >>> print(fc.explain([1, 2, 3, 4], [1, 0, -1], at=3, boundary="mirror"))
    correlate: out[3] = 0
    <BLANKLINE>
    coordinate  2   3    4
    sample      3   4   (3)
    weight      1   0   -1
    product     3   0   -3
    ( ): beyond the edge
    <BLANKLINE>
    sum of products  0
    result (int64)   0
    <BLANKLINE>
    axis 0: (4 samples + 1 before + 1 after - window of 3) // stride 1 + 1 = 4 outputs
      output 3 begins at 3 * 1 - 1 = 2 and reads 2, 3, 4
      boundary 'mirror': 4 is sample 2
      the stride fits; every sample is read

    A layer, and an output that does not exist:

    >>> import numpy as np
    >>> x, w = np.ones((1, 2, 5, 5)), np.ones((3, 2, 3, 3))
    >>> e = fc.explain(x, w, [0.5, 0.0, 0.0], at=(0, 0, 1, 1), call="conv2d", stride=2)
    >>> print(e.sum, e.bias, e.result)
    18.0 0.5 18.5
    >>> fc.explain(x, w, at=(0, 0, 2, 0), call="conv2d", stride=2).exists
    False
    """
    samples = lower.array(x, "explain: x")
    asked = lower.explained("explain", call, samples, w, bias, options)
    problem = asked.problem
    place = lower.position(
        "explain: at", at, problem.out_shape, {reach.axis for reach in asked.reaches}
    )
    axes = tuple(
        [
            WindowAxis(
                axis=reach.axis,
                size=reach.walk.size,
                taps=reach.walk.taps,
                stride=reach.walk.stride,
                dilation=reach.walk.dilation,
                before=reach.walk.before,
                after=reach.after,
                boundary=reach.walk.boundary,
                outputs=reach.walk.out,
                position=place[reach.axis],
            )
            for reach in asked.reaches
        ]
    )
    k, channels = 0, range(1)
    if asked.channel is not None:
        k, count = place[asked.channel], problem.in_channels
        first = k // problem.out_channels * count
        channels = range(first, first + count)
    kernel = asked.weights[k].astype(asked.sums)
    exists = all(axis.exists for axis in axes)
    window = products = kernel[:0]
    steps: tuple[Step, ...] = ()
    if exists:
        window = window_of(samples, place, axes, asked.channel, channels, problem.cval, asked.sums)
        with np.errstate(all="ignore"):
            products = window * kernel
            steps = _steps(asked, place, products, samples)
    return Explanation(
        call=call,
        at=place,
        x_shape=samples.shape,
        x_dtype=samples.dtype,
        w_shape=asked.w_shape,
        out_shape=problem.out_shape,
        dtype=problem.dtype,
        axes=axes,
        channels=channels,
        channel_axis=asked.channel,
        cval=problem.cval,
        samples=window,
        weights=kernel if exists else kernel[:0],
        products=products,
        steps=steps,
        activation=_rectifier(problem),
    )


def _rectifier(problem: Problem) -> str | None:
    """The activation of a problem."""
    if not problem.relu:
        return None
    return "relu" if problem.ceiling == inf else "relu6"


def window_of(
    x: NDArray,
    at: tuple[int, ...],
    axes: tuple[WindowAxis, ...],
    channel: int | None,
    channels: range,
    cval: complex,
    dtype: np.dtype,
) -> NDArray:
    """The samples ``(channels, *taps)`` that an output reads."""
    spanned = [axis.axis for axis in axes]
    moved = spanned if channel is None else [channel, *spanned]
    batch = [axis for axis in range(x.ndim) if axis not in moved]
    seen = x.transpose(*batch, *moved)[tuple([at[axis] for axis in batch])]
    seen = seen[None] if channel is None else seen[channels.start : channels.stop]
    window = np.full((len(seen), *[axis.taps for axis in axes]), cval, dtype)
    known = [[i for i, source in enumerate(axis.sources) if source is not None] for axis in axes]
    sources = [[source for source in axis.sources if source is not None] for axis in axes]
    if all(known):
        everywhere = range(len(seen))
        window[np.ix_(everywhere, *known)] = seen[np.ix_(everywhere, *sources)]
    return window


def _steps(
    asked: lower.Explained, at: tuple[int, ...], products: NDArray, x: NDArray
) -> tuple[Step, ...]:
    """The steps from the sum of products to the result."""
    problem, bias = asked.problem, asked.bias
    total = products.sum()
    steps = [Step("sum of products", total)]
    if bias is not None:
        assert asked.channel is not None
        offset = bias.astype(asked.sums)[at[asked.channel]]
        total = total + offset
        steps += [Step("bias", offset), Step("sum of products + bias", total)]
    if problem.relu:
        total = np.maximum(np.array([total], asked.sums), 0)[0]
        steps.append(Step("relu: max(0, sum)", total))
    if problem.ceiling < inf:
        total = np.minimum(np.array([total], asked.sums), asked.sums.type(problem.ceiling))[0]
        steps.append(Step(f"relu6: min({problem.ceiling:g}, …)", total))
    # The dtype of the sums, as in the engine, determines how they are rounded.
    wide = problem.safe is not None and dtypes.largest_value(x) > problem.safe
    sums = np.array(total, np.int64 if problem.exact and not wide else asked.sums)
    stored = dtypes.stored(sums, problem.dtype, None)
    steps.append(Step(f"result ({problem.dtype})", stored[()]))
    return tuple(steps)
