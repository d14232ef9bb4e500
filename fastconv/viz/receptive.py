"""Receptive fields: the samples that an output of stacked layers depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import ArrayLike

from .. import lower
from ..lower.arguments import brief, refuse
from .canvas import BEYOND, CURRENT, FONT, INK, LINE, MUTED, SAMPLE, WINDOW, axes_of
from .maps import draw_image, image_of, value_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ReceptiveField", "StackedLayer", "receptive_field_sizes", "receptive_fields"]

MAX_SAMPLES = 64
"""Samples of an input up to which cells are drawn."""
COLORS = ("#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#0072b2", "#f0e442")
"""Colours of layers, which the colour-blind can distinguish (Okabe & Ito)."""


class StackedLayer(NamedTuple):
    """The parameters of a convolution or pooling layer that determine receptive fields.

    Attributes
    ----------
    kernel : int
        The number of taps of the kernel, or of pooled samples, along one axis.
    stride : int
        The distance between outputs, in samples; 1 by default.
    padding : int
        The number of samples added on both sides; 0 by default.
    dilation : int
        The distance between adjacent taps, in samples; 1 by default.
    name : str
        The name of the layer in pictures.
    extent : int
        Samples from the first tap to the last.
    """

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    name: str = "layer"

    @property
    def extent(self) -> int:
        """Samples from the first tap to the last."""
        return (self.kernel - 1) * self.dilation + 1


class ReceptiveField(NamedTuple):
    """The samples of the input that an output of a layer depends on, along one axis.

    Attributes
    ----------
    layer : StackedLayer
        The layer.
    size : int
        The number of samples from the first to the last.
    jump : int
        The distance between the fields of adjacent outputs, in samples.
    start : int
        The first sample of the field of output 0; negative, if it lies in the padding.
    """

    layer: StackedLayer
    size: int
    jump: int
    start: int

    def span(self, output: int) -> tuple[int, int]:
        """The first and the last sample that an output depends on; they may lie in the padding."""
        first = self.start + output * self.jump
        return first, first + self.size - 1


def receptive_field_sizes(
    layers: Sequence[StackedLayer | Sequence[int] | int],
) -> tuple[ReceptiveField, ...]:
    """Return the size of the receptive field of each layer of a stack.

    Parameters
    ----------
    layers : sequence
        The layers from the first to the last.  Each is a tuple
        ``(kernel, stride, padding, dilation)``, of which all but the first may be omitted; an
        integer, the size of the kernel; or a `StackedLayer`, which also has a name.  Lengths are in
        samples along one axis.  Pooling counts as a layer; elementwise functions, such as ReLU, do
        not.

    Returns
    -------
    tuple of ReceptiveField
        One for each layer: `size` in samples of the input, `jump` from one output to the next, and
        `start`, the first sample that output 0 depends on.

    Raises
    ------
    TypeError, ValueError
        A layer is invalid; the message names it.

    References
    ----------
    Araujo, Norris & Sim 2019, Computing receptive fields of convolutional neural networks,
    https://distill.pub/2019/computing-receptive-fields.

    Examples
    --------
    >>> import fastconv as fc
    >>> for field in fc.viz.receptive_field_sizes([(3, 1, 1), (2, 2), (3, 1, 1)]):
    ...     print(field.size, field.jump, field.start)
    3 1 -1
    4 2 -1
    8 2 -3
    """
    size, jump, start = 1, 1, 0
    found = []
    for layer in _layers(layers, "receptive_field_sizes"):
        size += (layer.extent - 1) * jump
        start -= layer.padding * jump
        jump *= layer.stride
        found.append(ReceptiveField(layer, size, jump, start))
    return tuple(found)


def receptive_fields(
    layers: Sequence[StackedLayer | Sequence[int] | int],
    *,
    size: int | None = None,
    at: int | tuple[int, int] | None = None,
    image: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the receptive field of one output of the last layer, layer by layer.

    Without an image, the picture is a pyramid along one axis, from the samples of the input at the
    bottom to the outputs of the last layer at the top.  With an image, the fields of one output of
    each layer are drawn on it as frames.

    Parameters
    ----------
    layers : sequence
        The layers from the first to the last.  Each is a tuple
        ``(kernel, stride, padding, dilation)``, of which all but the first may be omitted; an
        integer, the size of the kernel; or a `StackedLayer`, which also has a name.  They apply to
        both axes of an image.
    size : int, optional
        The number of samples of the input, at most 64.  By default, the whole field fits.
    at : int or tuple of int, optional
        The output of the last layer; by default, the one in the middle.  ``(row, column)`` with an
        image.
    image : array_like, optional
        ``(H, W)`` or ``(H, W, 3)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure, or that of `ax`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid, or the input is too short or too long; the message says which.

    Examples
    --------
    >>> import fastconv as fc
    >>> conv, pool = fc.viz.StackedLayer(3, padding=1, name="conv"), (2, 2)
    >>> figure = fc.viz.receptive_fields([conv, pool, conv, pool], size=16)
    """
    stack = _layers(layers, "receptive_fields")
    if image is not None:
        return _on_image(stack, image, at, ax)
    length = _default_size(stack) if size is None else lower.integer(size, "receptive_fields: size")
    counts = _counts(stack, length, "receptive_fields: size")
    if length > MAX_SAMPLES:
        allowed = f"up to {MAX_SAMPLES}, so that cells can be seen"
        refuse(ValueError, "receptive_fields: size", f"{length}", allowed)
    top = counts[-1] // 2 if at is None else lower.integer(at, "receptive_fields: at")
    if not 0 <= top < counts[-1]:
        refuse(ValueError, "receptive_fields: at", brief(at), f"0 to {counts[-1] - 1}")
    return _pyramid(stack, counts, top, ax)


# -- geometry -----------------------------------------------------------------------------------


def _layers(given: Any, name: str) -> tuple[StackedLayer, ...]:
    argument = f"{name}: layers"
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        refuse(ValueError, argument, brief(given), "a sequence of at least one layer")
    found = []
    for i, layer in enumerate(given):
        which = f"{argument}[{i}]"
        if not isinstance(layer, StackedLayer):
            parts = [*layer] if isinstance(layer, (tuple, list)) else [layer]
            if not 1 <= len(parts) <= 4:
                allowed = "(kernel, stride, padding, dilation), or less of them"
                refuse(ValueError, which, brief(layer), allowed)
            layer = StackedLayer(*parts)._replace(name=f"layer {i + 1}")
        kernel, stride, padding, dilation, label = layer
        found.append(
            StackedLayer(
                lower.integer(kernel, f"{which}: kernel", least=1),
                lower.integer(stride, f"{which}: stride", least=1),
                lower.integer(padding, f"{which}: padding", least=0),
                lower.integer(dilation, f"{which}: dilation", least=1),
                label,
            )
        )
    return tuple(found)


def _counts(stack: Sequence[StackedLayer], size: int, argument: str) -> list[int]:
    """The samples of the input, and the outputs of each layer."""
    counts = [size]
    for layer in stack:
        room = counts[-1] + 2 * layer.padding - layer.extent
        if room < 0:
            allowed = "more samples: a layer would have no output"
            refuse(ValueError, argument, str(size), allowed)
        counts.append(room // layer.stride + 1)
    return counts


def _default_size(stack: Sequence[StackedLayer]) -> int:
    """Samples for three outputs of the last layer."""
    count = 3
    for layer in reversed(stack):
        count = max((count - 1) * layer.stride + layer.extent - 2 * layer.padding, 1)
    return count


def _reads(stack: Sequence[StackedLayer], top: int) -> list[list[int]]:
    """The samples, and the outputs of each layer, that one output of the last depends on."""
    reads = [[top]]
    for layer in reversed(stack):
        found = {
            output * layer.stride - layer.padding + tap * layer.dilation
            for output in reads[0]
            for tap in range(layer.kernel)
        }
        reads.insert(0, sorted(found))
    return reads


# -- drawing ------------------------------------------------------------------------------------


def _pyramid(stack: Sequence[StackedLayer], counts: list[int], top: int, ax: Axes | None) -> Figure:
    """Rows of outputs, each above the middle of the samples that it depends on."""
    from matplotlib.patches import Polygon, Rectangle

    fields = receptive_field_sizes(stack)
    jumps = [1, *(field.jump for field in fields)]
    centers = [0.0, *(field.start + (field.size - 1) / 2 for field in fields)]
    reads = _reads(stack, top)
    left = min(min(reads[0]), 0) - 1.0
    right = max(max(reads[0]) + 1, counts[0]) + 0.5
    names = ["input", *(_words(layer) for layer in stack)]
    labels = 0.235 * max(len(line) for name in names for line in name.split("\n")) + 0.5
    notes = 5.5
    rows = len(counts)
    step = 1.9
    drawn, ax = axes_of(ax, (right - left + labels + notes) * 0.3, rows * step * 0.3 + 0.3)
    ax.set_axis_off()
    ax.set(xlim=(left - labels, right + notes), ylim=(-0.5, (rows - 1) * step + 1.5))
    ax.set_aspect("equal")

    def place(level: int, output: int) -> float:
        return centers[level] + output * jumps[level]

    for level, (count, needed) in enumerate(zip(counts, reads, strict=True)):
        y = level * step
        for output in sorted({*range(count), *needed}):
            beyond = not 0 <= output < count
            color = (WINDOW if level < rows - 1 else CURRENT) if output in needed else SAMPLE
            if beyond:
                color = BEYOND
            cell = Rectangle((place(level, output), y), 1, 1, fc=color, ec=LINE, lw=0.8, zorder=2)
            if beyond:
                cell.set_linestyle((0, (2, 2)))
            cell.set_gid(f"level {level} output {output}")
            ax.add_patch(cell)
        ax.text(
            left - 0.4,
            y + 0.5,
            names[level],
            ha="right",
            va="center",
            fontsize=8,
            color=INK,
            family=FONT,
            linespacing=1.3,
        )
        note = f"{counts[0]} samples"
        if level:
            field = fields[level - 1]
            note = f"field {field.size}, jump {field.jump}"
        ax.text(
            right + 0.4, y + 0.5, note, ha="left", va="center", fontsize=8, color=MUTED, family=FONT
        )
        if level:
            low, high = min(reads[level - 1]), max(reads[level - 1])
            corners = [
                (place(level - 1, low), y - step + 1),
                (place(level - 1, high) + 1, y - step + 1),
                (place(level, max(needed)) + 1, y),
                (place(level, min(needed)), y),
            ]
            ax.add_patch(Polygon(corners, fc=WINDOW, alpha=0.35, lw=0, zorder=1))
    return drawn


def _words(layer: StackedLayer) -> str:
    """The name of a layer, and its parameters on the next line."""
    usual = StackedLayer(layer.kernel)
    words = [f"{layer.kernel} taps"]
    for word in ("stride", "padding", "dilation"):
        if getattr(layer, word) != getattr(usual, word):
            words.append(f"{word} {getattr(layer, word)}")
    return f"{layer.name}\n{', '.join(words)}"


def _on_image(stack: Sequence[StackedLayer], image: ArrayLike, at: Any, ax: Axes | None) -> Figure:
    """Nested frames: the field of an output of each layer, around the same position."""
    from matplotlib.patches import Rectangle

    picture = image_of(image, "receptive_fields: image")
    height, width = picture.shape[:2]
    counts = [_counts(stack, n, "receptive_fields: image") for n in (height, width)]
    last = [count[-1] for count in counts]
    if at is None:
        place = tuple(count // 2 for count in last)
    else:
        place = lower.position("receptive_fields: at", at, tuple(last), set())
    drawn, ax = axes_of(ax, 8.0, max(5.2 * height / width, 2.0))
    draw_image(ax, picture, *value_range(picture))
    fields = receptive_field_sizes(stack)
    final = fields[-1]
    center = [final.start + p * final.jump + (final.size - 1) / 2 for p in place]
    for i, field in enumerate(fields):
        # The output of this layer whose field lies nearest to the middle of the last one's.
        first = [
            field.start + round((c - field.start - (field.size - 1) / 2) / field.jump) * field.jump
            for c in center
        ]
        label = f"{field.layer.name}: {field.size}×{field.size}, jump {field.jump}"
        color = COLORS[i % len(COLORS)]
        ax.add_patch(
            Rectangle(
                (first[1] - 0.5, first[0] - 0.5),
                field.size,
                field.size,
                fill=False,
                ec=color,
                lw=2,
                label=label,
            )
        )
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8)
    return drawn
