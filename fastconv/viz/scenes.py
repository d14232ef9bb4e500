"""The contents of animation frames: input, window, kernel, products, output.

A scene is drawn once; `Scene.show` changes what differs from frame to frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import Explanation
from .canvas import (
    BEYOND,
    CURRENT,
    FONT,
    INK,
    MUTED,
    OUTPUT,
    OUTPUT_EDGE,
    SAMPLE,
    WINDOW,
    WINDOW_BEYOND,
    WINDOW_EDGE,
    Grid,
    blank_axes,
    figure,
    font_size,
    short,
    sign_color,
)

__all__ = ["Scene", "scene_of"]

CELL = 0.46
"""The size of a cell in inches."""
GAP = 1.5
"""Cells between grids, with space for an operator."""
MARGIN, HEAD, FOOT = 0.7, 1.4, 1.6
"""Cells around all grids, above them for the title, and below them for the sum."""
NAME = 0.9
"""Cells above a grid, for its name."""
LABELS = 2.8
"""Cells left of the rows of a signal, for their names."""
MAX_LETTERS = 64
"""Letters of a sum that is written out, at most."""
LETTER = 0.22
"""The width of a letter in a line of text, in cells."""


class Scene(ABC):
    """A figure that shows one of several outputs."""

    def __init__(self, inputs: NDArray, explanations: Sequence[Explanation], title: str) -> None:
        self.inputs = inputs
        """``(channels, *samples)``, including the border."""
        self.explanations = explanations
        self.axes = explanations[0].axes
        self.before = [max(axis.before, 0) for axis in self.axes]
        self.outputs = tuple([axis.outputs for axis in self.axes])
        self.captions = [_caption(e) for e in explanations]
        text = max(map(len, (title, *self.captions)))
        width, height = self.size()
        full = max(width, LETTER * text) + 2 * MARGIN
        self.figure = figure(full * CELL, (height + HEAD + FOOT) * CELL)
        self.ax = blank_axes(self.figure, full, height + HEAD + FOOT)
        self.write(full / 2, 0.65, title, color=INK, fontsize=11)
        self.caption = self.write(full / 2, height + HEAD + 0.9, "", color=INK, fontsize=11)
        self.samples: list[Grid] = []
        self.weights: list[Grid] = []
        self.products: list[Grid] = []
        """The products of each channel."""
        self.window: list[Any] = []
        """The outline of the window on each channel."""
        self.build((full - width) / 2, HEAD, height)

    @abstractmethod
    def size(self) -> tuple[float, float]:
        """Width and height of all grids, in cells."""

    @abstractmethod
    def build(self, left: float, top: float, height: float) -> None:
        """Draw all grids."""

    @abstractmethod
    def show_window(self, e: Explanation) -> None:
        """Show the window of one output, and its products."""

    @abstractmethod
    def show_outputs(self, number: int) -> None:
        """Show the outputs up to one."""

    def show(self, number: int) -> None:
        """Show one frame."""
        self.caption.set_text(self.captions[number])
        self.show_window(self.explanations[number])
        self.show_outputs(number)

    def write(self, x: float, y: float, text: str, **how: Any) -> Any:
        """Text around a point."""
        how = {"ha": "center", "va": "center", "color": MUTED, "fontsize": 10, **how}
        return self.ax.text(x, y, text, family=FONT, **how)

    def grid(self, name: str, left: float, top: float, shape: Sequence[int], values: Any) -> Grid:
        """A grid whose cells are wide enough for some values."""
        size = font_size([short(value) for value in np.ravel(values)], 72 * CELL)
        rows, columns = shape
        return Grid(self.ax, name, left, top, rows, columns, size)

    def frame(self, left: float, top: float, columns: float, rows: float) -> None:
        """The outline of a window, to be moved."""
        from matplotlib.patches import Rectangle

        outline = Rectangle((left, top), columns, rows, fill=False, ec=WINDOW_EDGE, lw=2.4)
        outline.set_zorder(4)
        self.window.append(self.ax.add_patch(outline))

    def rows(self) -> tuple[tuple[str, list[Grid], NDArray], ...]:
        """The grids of a channel: their names, where to keep them, and all that they will hold."""
        first = self.explanations[0]
        kernel = "kernel, flipped" if first.call == "convolve" else "kernel"
        products = np.stack([e.products for e in self.explanations])
        return (
            ("input", self.samples, self.inputs),
            (kernel, self.weights, first.weights),
            ("products", self.products, products),
        )

    def number(self, channel: int) -> str:
        """The number of a channel, or an empty string if there is only one."""
        return "" if len(self.inputs) == 1 else f" {self.explanations[0].channels[channel]}"

    def input_cells(self, grid: Grid, channel: int, e: Explanation) -> None:
        """The samples of a channel, those under the kernel in yellow."""
        samples = np.atleast_2d(self.inputs[channel])
        beyond = np.ones(self.inputs.shape[1:], bool)
        inside = tuple([slice(b, b + a.size) for b, a in zip(self.before, self.axes, strict=True)])
        beyond[inside] = False
        read = np.zeros_like(beyond)
        read[np.ix_(*self.places(e))] = True
        beyond, read = np.atleast_2d(beyond, read)
        for at in np.ndindex(samples.shape):
            out = bool(beyond[at])
            fills = (WINDOW_BEYOND, BEYOND) if out else (WINDOW, SAMPLE)
            fill = fills[0] if read[at] else fills[1]
            grid.show(at, short(samples[at]), fill, dashed=out, faint=out)

    def places(self, e: Explanation) -> list[list[int]]:
        """The positions of taps among the samples, including the border."""
        return [
            [i + b for i in axis.coordinates] for axis, b in zip(e.axes, self.before, strict=True)
        ]


class Image(Scene):
    """Grids side by side; the channels of a layer are stacked."""

    def size(self) -> tuple[float, float]:
        rows, columns = self.inputs.shape[1:]
        self.taps = [axis.taps for axis in self.axes]
        self.widths = [max(n, 2) for n in (columns, self.taps[1], self.taps[1], self.outputs[1])]
        self.block = max(rows, self.taps[0]) + NAME + 0.4
        width = sum(self.widths) + GAP * (len(self.widths) - 1)
        return width, max(len(self.inputs) * self.block, self.outputs[0] + NAME)

    def build(self, left: float, top: float, height: float) -> None:
        lefts = [left + sum(self.widths[:i]) + i * GAP for i in range(len(self.widths))]
        columns = list(zip(lefts, self.widths, strict=True))
        center = top + (height + NAME) / 2
        for channel in range(len(self.inputs)):
            middle = center + (channel - (len(self.inputs) - 1) / 2) * self.block
            number = self.number(channel)
            for (word, grids, values), column in zip(self.rows(), columns, strict=False):
                shape = values.shape[-2:]
                name = f"{word}{number}"
                title = name if word == "input" else word
                grids.append(self.centered(name, title, column, middle, shape, values))
            for sign, x in zip("×=", lefts[1:], strict=False):
                self.write(x - GAP / 2, middle, sign, fontsize=16)
            samples = self.samples[channel]
            self.frame(samples.left, samples.top, self.axes[1].extent, self.axes[0].extent)
        results = [e.result for e in self.explanations]
        self.results = self.centered("output", "output", columns[-1], center, self.outputs, results)
        self.write(lefts[-1] - GAP / 2, center - 0.45, "sum")
        self.write(lefts[-1] - GAP / 2, center + 0.1, "→", fontsize=16)

    def centered(
        self,
        name: str,
        title: str,
        column: tuple[float, float],
        middle: float,
        shape: Sequence[int],
        values: Any,
    ) -> Grid:
        """A grid in the middle of a column, with a title above."""
        left, width = column
        rows, columns = shape
        top = middle - rows / 2
        self.write(left + width / 2, top - 0.45, title)
        return self.grid(name, left + (width - columns) / 2, top, shape, values)

    def show_window(self, e: Explanation) -> None:
        rows, columns = self.places(e)
        for channel, grid in enumerate(self.samples):
            self.input_cells(grid, channel, e)
            self.window[channel].set_xy((grid.left + columns[0], grid.top + rows[0]))
            for at in np.ndindex(*self.taps):
                weight, product = e.weights[channel][at], e.products[channel][at]
                self.weights[channel].show(at, short(weight), sign_color(weight))
                self.products[channel].show(at, short(product), sign_color(product))

    def show_outputs(self, number: int) -> None:
        for i, (e, at) in enumerate(zip(self.explanations, np.ndindex(*self.outputs), strict=True)):
            show_output(self.results, at, e, i - number)


class Signal(Scene):
    """Rows below each other: the kernel slides along the input, over the outputs it makes."""

    def size(self) -> tuple[float, float]:
        (self.count,) = self.inputs.shape[1:]
        (axis,) = self.axes
        self.block = 3 + 0.9
        last = self._output_place(axis.outputs - 1) + 1
        self.start = min(self._output_place(0), 0)
        width = LABELS + max(self.count, last) - self.start
        return width, len(self.inputs) * self.block + 1

    def _output_place(self, output: int) -> float:
        """An output lies below the middle of its window."""
        (axis,) = self.axes
        first = output * axis.stride - axis.before + self.before[0]
        return first + (axis.extent - 1) / 2

    def build(self, left: float, top: float, height: float) -> None:
        x = left + LABELS - self.start
        (axis,) = self.axes
        for channel in range(len(self.inputs)):
            y = top + channel * self.block
            number = self.number(channel)
            for row, (word, grids, values) in enumerate(self.rows()):
                grids.append(self.grid(f"{word}{number}", x, y + row, (1, self.count), values))
                title = f"{word}{number}" if word == "input" else word
                self.write(left + LABELS - 0.35, y + row + 0.5, title, ha="right")
            self.frame(x, y, axis.extent, 3)
        y = top + len(self.inputs) * self.block
        results = [e.result for e in self.explanations]
        self.results = [
            self.grid(f"output {i}", x + self._output_place(i), y, (1, 1), results)
            for i in range(axis.outputs)
        ]
        self.write(left + LABELS - 0.35, y + 0.5, "output", ha="right")

    def show_window(self, e: Explanation) -> None:
        (columns,) = self.places(e)
        for channel, grid in enumerate(self.samples):
            self.input_cells(grid, channel, e)
            self.window[channel].set_xy((grid.left + columns[0], grid.top))
            for column in range(self.count):
                shown = column in columns
                tap = columns.index(column) if shown else 0
                for cells, value in (
                    (self.weights[channel], e.weights[channel][tap]),
                    (self.products[channel], e.products[channel][tap]),
                ):
                    cells.show((0, column), short(value), sign_color(value), visible=shown)

    def show_outputs(self, number: int) -> None:
        for i, (grid, e) in enumerate(zip(self.results, self.explanations, strict=True)):
            show_output(grid, (0, 0), e, i - number)


def show_output(grid: Grid, at: tuple[int, ...], e: Explanation, later: int) -> None:
    """An output that was computed before, is being computed (0), or comes later."""
    if later > 0:
        grid.show(at)
    elif later < 0:
        grid.show(at, short(e.result), OUTPUT)
    else:
        grid.show(at, short(e.result), CURRENT, edge=OUTPUT_EDGE)


def scene_of(inputs: NDArray, explanations: Sequence[Explanation], title: str) -> Scene:
    """The scene for a signal or an image."""
    kind = Signal if inputs.ndim == 2 else Image
    return kind(inputs, explanations, title)


def _caption(e: Explanation) -> str:
    """The sum, and the steps from it to the result."""
    products = [short(p) for p in e.products.ravel().tolist()]
    told = [p for p in products if p != "0"] or ["0"]
    terms = " + ".join(told).replace("+ -", "- ")
    if len(terms) > MAX_LETTERS or e.products.dtype.kind == "c":
        terms = f"sum of {len(products)} products"
    where = ", ".join(map(str, e.at))
    words = f"output[{where}]  =  {terms}"
    if e.bias is not None:
        words += f"  + bias {short(e.bias)}"
    total = next(s.value for s in reversed(e.steps[:-1]) if not s.name.startswith("relu"))
    if len(told) > 1 or e.bias is not None or terms != short(total):
        words += f"  =  {short(total)}"
    if e.activation is not None:
        words += f",  {e.activation}: {short(e.steps[-2].value)}"
    if short(e.result) != short(e.steps[-2].value):
        words += f",  as {e.dtype}: {short(e.result)}"
    return words
