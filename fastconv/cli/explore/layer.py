"""One convolution of the page, as the library calls it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastconv as fc

__all__ = ["Layer", "explanation", "written"]

MAX_WRITTEN = 16
"""Rows or columns of an input whose numbers are written down."""


@dataclass(frozen=True)
class Layer:
    """A kernel and its options."""

    kernel: NDArray[np.float64]
    """``(rows, columns)``, as it was typed."""
    divisor: float
    flip: bool
    """Whether it is turned by 180 degrees: a convolution in the sense of mathematics."""
    bias: float
    options: dict[str, Any]
    """The keywords of `fastconv.conv2d`."""

    @property
    def _laid(self) -> NDArray[np.float64]:
        """The kernel as it is laid over the input."""
        return self.kernel[::-1, ::-1] if self.flip else self.kernel

    @property
    def weights(self) -> NDArray[np.float64]:
        """The filters of `fastconv.conv2d`."""
        return (self._laid / self.divisor)[None, None]

    @property
    def fractions(self) -> list[list[str]] | None:
        """The weights as fractions, if they were typed so."""
        if self.divisor == 1:
            return None
        below = f"/{_shortest(self.divisor)}"
        rows = self._laid.tolist()
        return [[_shortest(weight) + below * (weight != 0) for weight in row] for row in rows]

    @property
    def biases(self) -> NDArray[np.float64]:
        """One for the only filter."""
        return np.array([self.bias])

    @property
    def signed(self) -> bool:
        """Whether the weights sum to zero: the layer measures differences, of either sign."""
        return bool(abs(self.kernel.sum()) <= 1e-6 * np.abs(self.kernel).sum())


def explanation(layer: Layer, x: NDArray[np.float64], row: int, column: int) -> fc.Explanation:
    """The explanation of one output of a layer."""
    return fc.explain(
        x[None],
        layer.weights,
        layer.biases,
        at=(0, row, column),
        call="conv2d",
        **layer.options,
    )


def written(x: NDArray[np.float64], layers: Sequence[Layer], backend: str | None) -> str:
    """A Python program that computes the same."""
    lines = ["import numpy as np", "import fastconv as fc", ""]
    if max(x.shape) <= MAX_WRITTEN:
        lines += _assigned("x", x)
    else:
        lines.append(f"x = ...  # a grey image as float64, {x.shape[0]} rows of {x.shape[1]}")
    name = "x"
    for i, layer in enumerate(layers, 1):
        number = str(i) if len(layers) > 1 else ""
        lines += _assigned(f"w{number}", layer.kernel, layer.divisor)
        kernel = f"w{number}[::-1, ::-1]" if layer.flip else f"w{number}"
        words = [f"{name}[None]", f"{kernel}[None, None]"]
        if layer.bias:
            words.append(f"bias=[{layer.bias:.17g}]")
        words += [
            f"{option}={value!r}"
            for option, value in layer.options.items()
            if (option, value) not in DEFAULTS
        ]
        if backend is not None:
            words.append(f"backend={backend!r}")
        lines.append(f"y{number} = fc.conv2d({', '.join(words)})[0]")
        name = f"y{number}"
    return "\n".join([*lines, f"print({name})", ""])


DEFAULTS = [("stride", 1), ("padding", "valid"), ("dilation", 1), ("boundary", "constant")]


def _assigned(name: str, grid: NDArray[np.float64], divisor: float = 1.0) -> list[str]:
    """The lines that assign a grid of numbers to a name."""
    start, indent = f"{name} = np.array([", " " * (len(name) + 13)
    rows = [f"[{', '.join(map(_shortest, row))}]" for row in grid.tolist()]
    over = "" if divisor == 1 else f" / {_shortest(divisor)}"
    return (start + f",\n{indent}".join(rows) + f"], float){over}").splitlines()


def _shortest(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)
