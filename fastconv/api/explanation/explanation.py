"""An explanation: the arithmetic of one output, and the ways to show it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .model import Arithmetic, WindowAxis
from .text import text

__all__ = ["Explanation"]


class Explanation(Arithmetic):
    """One output of a convolution, step by step; made by `fastconv.explain`.

    ``print(explanation)`` shows it as text, notebooks show it as tables, and `to_dict` gives plain
    data.  Large windows are shown in part; the attributes hold all of them.

    Attributes
    ----------
    call : str
        The name of the call: "correlate", "convolve", "conv1d", "conv2d" or "conv3d".
    at : tuple of int
        The position of the output in the result.
    exists : bool
        Whether the result has this position.  If not, there are no numbers: the arrays are empty,
        and `sum`, `bias` and `result` are None.
    x_shape, w_shape, out_shape : tuple of int
        The shapes of the input, of the kernel and of the result.
    x_dtype, dtype : dtype
        The dtypes of the input and of the result.
    axes : tuple of WindowAxis
        The axes that the kernel spans, in the order of the axes of the kernel: positions that the
        window covers, the samples that the border supplies, and what the stride leaves out.
    channels : range
        The channels of `x` that the output depends on; ``range(1)`` for "correlate" and "convolve".
    channel_axis : int or None
        The axis of the channels of a layer.
    cval : scalar
        The value beyond the edges where the boundary is "constant".
    samples, weights, products : ndarray
        ``(channels, *taps)``: the samples of the window, the kernel as it is applied to them
        (flipped for "convolve"), and their products.
    sum : scalar
        The sum of all products.
    bias : scalar or None
        The bias that is added to the sum.
    activation : str or None
        The name of the activation function that is then applied.
    result : scalar
        The output, rounded, saturated or converted to lower precision as the dtype of the result
        requires.
    taps : tuple of Tap
        All taps, one by one.
    steps : tuple of Step
        The sum and the steps from it to the result, each with a name and a value.

    Examples
    --------
    >>> import fastconv as fc
    >>> e = fc.explain([1, 2, 3, 4], [1, 0, -1], at=0, boundary="nearest")
    >>> print(e.samples.tolist(), e.weights.tolist(), e.result)
    [[1, 1, 2]] [[1, 0, -1]] -1
    >>> e.axes[0].coordinates, e.axes[0].sources
    ((-1, 0, 1), (0, 0, 1))
    """

    def __str__(self) -> str:
        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from .html import html  # and the standard library's html

        return html(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain data, ready for JSON.

        Returns
        -------
        dict
            The attributes, by name, as numbers, strings, lists and dictionaries.  Numbers that JSON
            cannot represent (complex, infinite, NaN) are strings.
        """
        return {
            "call": self.call,
            "at": list(self.at),
            "exists": self.exists,
            "x_shape": list(self.x_shape),
            "w_shape": list(self.w_shape),
            "out_shape": list(self.out_shape),
            "dtype": str(self.dtype),
            "axes": [_axis_as_dict(axis) for axis in self.axes],
            "taps": [
                {name: plain(value) for name, value in tap._asdict().items()} for tap in self.taps
            ],
            "steps": [{"name": step.name, "value": plain(step.value)} for step in self.steps],
            "sum": plain(self.sum),
            "bias": plain(self.bias),
            "activation": self.activation,
            "result": plain(self.result),
            "text": str(self),
        }


def _axis_as_dict(axis: WindowAxis) -> dict[str, Any]:
    names = (
        *("axis", "size", "taps", "stride", "dilation", "before", "after", "boundary", "outputs"),
        *("position", "extent", "start", "exists", "coordinates", "sources", "left_over", "unread"),
    )
    return {name: plain(getattr(axis, name)) for name in names}


def plain(value: Any) -> Any:
    """A value that JSON can represent."""
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    unknown = isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value))
    return str(value) if unknown else value
