"""Arrays as pictures: feature maps, kernels with their numbers, an image before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import kernels as named
from .. import lower
from ..lower.arguments import brief, refuse
from .canvas import FONT, INK, LINE, MUTED, PAPER, axes_of, figure, font_size, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["before_after", "draw_image", "feature_maps", "image_of", "kernels", "value_range"]

MAX_PANELS = 100
"""Pictures in a figure, at most."""
MAX_NUMBERED = 11
"""Rows and columns of the largest kernel whose weights are written into its cells."""
PANEL, CELL = 1.9, 0.5
"""Inches of a picture in a grid, and of a cell with a number in it."""
MAX_WIDTH = 9.6
"""Inches of a row of pictures, unless the caller chooses their number."""
SATURATED = 0.01
"""The fraction of the samples of a map that may exceed the range of the colours."""
SIGNED = ("#0b5ea8", "#7fb2dd", "#ffffff", "#f5ad55", "#b35c00")
"""From negative to positive numbers: blue to orange, which the colour-blind can tell apart."""


def feature_maps(
    maps: ArrayLike,
    *,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    shared: bool = False,
) -> Figure:
    """Feature maps as a grid of pictures.

    Maps without negative numbers are grey, from black for the smallest number to white for the
    largest.  Others are blue where they are negative, white at 0 and orange where they are
    positive.  The largest hundredth of the numbers is drawn in the last colour.  The whole range is
    written below each map.

    Parameters
    ----------
    maps : array_like
        ``(K, H, W)``, or ``(1, K, H, W)`` as layers return it for one image; ``(H, W)`` is one map.
    titles : sequence of str, optional
        A title for each map.  By default, the maps are numbered.
    columns : int, optional
        The number of maps in a row.  By default, the grid is approximately square.
    shared : bool, optional
        Use one range for all maps, so that they can be compared.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid, or there are more than 100 maps; the message says which.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> image = np.random.default_rng(0).random((1, 1, 28, 28), "float32")
    >>> w = np.stack([fc.kernels.get("sobel_x"), fc.kernels.get("sobel_y")])[:, None]
    >>> maps = fc.conv2d(image, w, padding=1, activation="relu")
    >>> figure = fc.viz.feature_maps(maps, titles=["across", "down"])
    >>> figure.savefig("maps.png")  # doctest: +SKIP
    """
    values = _real(maps, "feature_maps: maps")
    if values.ndim == 4 and len(values) == 1:
        values = values[0]
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or values.size == 0:
        allowed = "(K, H, W), (1, K, H, W) or (H, W), without an empty axis"
        refuse(ValueError, "feature_maps: maps", f"shape {values.shape}", allowed)
    count = len(values)
    _check_count(count, "feature_maps: maps")
    names = [f"map {k}" for k in range(count)] if titles is None else list(titles)
    if len(names) != count:
        refuse(ValueError, "feature_maps: titles", f"{len(names)} titles", f"{count}")
    wide = values.shape[2] / values.shape[1]
    drawn, panels = _panels(count, columns, "feature_maps: columns", wide)
    for ax, picture, name in zip(panels, values, names, strict=True):
        low, high = value_range(values if shared else picture)
        draw_image(ax, picture, low, high)
        ax.set_title(name, fontsize=9, color=INK, family=FONT)
        label = f"{short(_least(picture))} … {short(_most(picture))}"
        ax.set_xlabel(label, fontsize=8, color=MUTED, family=FONT)
    return drawn


def kernels(
    w: ArrayLike | Sequence[str] | Mapping[str, ArrayLike],
    *,
    columns: int | None = None,
    shared: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Kernels as heat maps, with their weights as numbers.

    Positive weights are orange, negative ones blue, and zeros white.

    Parameters
    ----------
    w : array_like, sequence of str or mapping
        One kernel ``(kh, kw)`` or ``(k,)``; several kernels ``(K, kh, kw)``; the filters of a layer
        ``(K, C, kh, kw)``, drawn with a row for each filter and a column for each channel; names of
        `fastconv.kernels`; or a mapping from titles to kernels.
    columns : int, optional
        The number of kernels in a row.  The filters of a layer always have C.
    shared : bool, optional
        Use one range of colours for all kernels, so that they can be compared.
    ax : matplotlib.axes.Axes, optional
        Where to draw a single kernel.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure, or that of `ax`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid, or there are more than 100 kernels; the message says which.

    Notes
    -----
    Weights are written into the cells of kernels with at most 11 rows and columns.

    Examples
    --------
    >>> import fastconv as fc
    >>> figure = fc.viz.kernels(["sobel_x", "laplace", "sharpen"])
    >>> len(figure.axes)
    3
    """
    pictures, across = _kernels(w)
    count = len(pictures)
    _check_count(count, "kernels: w")
    if ax is not None and count > 1:
        refuse(ValueError, "kernels: ax", f"one for {count} kernels", "one for a single kernel")
    limit = max(_limit(kernel) for kernel in pictures.values())
    if ax is None:
        tall = max(kernel.shape[0] / kernel.shape[1] for kernel in pictures.values())
        most_taps = min(max(max(kernel.shape) for kernel in pictures.values()), MAX_NUMBERED)
        side = max(PANEL, CELL * most_taps)
        drawn, panels = _panels(
            count, across if columns is None else columns, "kernels: columns", 1 / tall, side
        )
    else:
        drawn, panels = axes_of(ax, PANEL, PANEL)[0], [ax]
    size = min(_letter_size(kernel) for kernel in pictures.values())
    for panel, (name, kernel) in zip(panels, pictures.items(), strict=True):
        most = limit if shared else _limit(kernel)
        draw_image(panel, kernel, -most, most)
        _write_weights(panel, kernel, most, size)
        panel.set_title(name, fontsize=9, color=INK, family=FONT)
    return drawn


def before_after(
    before: ArrayLike,
    after: ArrayLike,
    *,
    kernel: ArrayLike | None = None,
    titles: tuple[str, str] = ("before", "after"),
) -> Figure:
    """An image before and after a filter, side by side, optionally with the kernel between them.

    Parameters
    ----------
    before : array_like
        An image ``(H, W)`` or ``(H, W, 3)``.  Colours are uint8, or floats from 0 to 1, which are
        clipped.  Grey images are drawn as `feature_maps` draws them.
    after : array_like
        The filtered image, which may have another size.
    kernel : array_like, optional
        The kernel ``(kh, kw)``, drawn between the images.
    titles : tuple of str, optional
        The titles of the two images.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> image = np.random.default_rng(0).random((32, 48))
    >>> blurred = fc.filters.gaussian(image, 2)
    >>> figure = fc.viz.before_after(image, blurred, titles=("noise", "sigma 2"))
    """
    first = image_of(before, "before_after: before")
    second = image_of(after, "before_after: after")
    if len(titles) != 2:
        refuse(ValueError, "before_after: titles", brief(titles), "two titles")
    shape = first.shape[1] / first.shape[0]
    height = 3.2
    width = max(min(shape, 2.5), 0.5) * height
    between = 1.6 if kernel is not None else 0.0
    drawn = figure(2 * width + between + 0.3, height + 0.4)
    drawn.set_layout_engine("constrained")
    ratios = [width, between, width] if between else [width, width]
    panels = drawn.subplots(1, len(ratios), width_ratios=ratios)
    for ax, picture, title in zip((panels[0], panels[-1]), (first, second), titles, strict=True):
        draw_image(ax, picture, *value_range(picture))
        ax.set_title(title, fontsize=10, color=INK, family=FONT)
    if kernel is not None:
        kernels(np.atleast_2d(_real(kernel, "before_after: kernel")), ax=panels[1])
        panels[1].set_title("kernel", fontsize=9, color=MUTED, family=FONT)
    return drawn


# -- arguments ----------------------------------------------------------------------------------


def _real(value: ArrayLike, argument: str) -> NDArray:
    return lower.real_numbers(value, argument)


def image_of(value: ArrayLike, argument: str) -> NDArray:
    """A grey image ``(H, W)``, or a colour image ``(H, W, 3)`` as Matplotlib draws it."""
    picture = _real(value, argument)
    colored = picture.ndim == 3 and picture.shape[2] == 3
    if not (picture.ndim == 2 or colored) or picture.size == 0:
        refuse(ValueError, argument, f"shape {picture.shape}", "(H, W) or (H, W, 3)")
    if colored and picture.dtype != np.uint8:
        picture = np.clip(picture.astype(float), 0, 1)
    return picture


def _check_count(count: int, argument: str) -> None:
    if not 1 <= count <= MAX_PANELS:
        refuse(ValueError, argument, f"{count} pictures", f"1 to {MAX_PANELS}")


def _kernels(w: Any) -> tuple[dict[str, NDArray], int | None]:
    """Kernels by title, and the number in a row, if it is given."""
    if isinstance(w, str):
        w = [w]
    if isinstance(w, Mapping):
        found = {str(name): _real(kernel, f"kernels: w[{name!r}]") for name, kernel in w.items()}
    elif isinstance(w, Sequence) and w and all(isinstance(name, str) for name in w):
        found = {name: named.get(name) for name in w}
    else:
        values = _real(w, "kernels: w")
        if values.ndim == 4 and values.size:
            filters, channels = values.shape[:2]
            titles = {
                f"filter {k}" + (f", channel {c}" if channels > 1 else ""): values[k, c]
                for k in range(filters)
                for c in range(channels)
            }
            return titles, channels if channels > 1 else None
        several = values.ndim == 3
        found = {f"kernel {k}": each for k, each in enumerate(values)} if several else {"": values}
    for name, kernel in found.items():
        if kernel.ndim not in (1, 2) or kernel.size == 0:
            allowed = "kernels with one or two axes"
            refuse(ValueError, "kernels: w", f"shape {kernel.shape} {name}".strip(), allowed)
    return {name: np.atleast_2d(kernel) for name, kernel in found.items()}, None


# -- drawing ------------------------------------------------------------------------------------


def _panels(
    count: int, columns: int | None, argument: str, wide: float, side: float = PANEL
) -> tuple[Figure, list[Axes]]:
    """A figure with a grid of empty axes, each ``wide`` times as wide as it is high."""
    width, height = (side, side / wide) if wide >= 1 else (side * wide, side)
    if columns is None:
        across = min(count, max(int(MAX_WIDTH / width), 1))
        across = -(-count // -(-count // across))  # rows of the same length, if possible
    else:
        across = min(lower.integer(columns, argument, least=1), count)
    down = -(-count // across)
    drawn = figure(across * (max(width, 1.1) + 0.15) + 0.1, down * (max(height, 0.5) + 0.45) + 0.1)
    drawn.set_layout_engine("constrained")
    panels = drawn.subplots(down, across, squeeze=False).ravel()
    for ax in panels[count:]:
        ax.remove()
    return drawn, list(panels[:count])


def draw_image(ax: Axes, picture: NDArray, low: float, high: float) -> None:
    """An image without ticks: grey, or blue and orange around 0 if ``low`` is negative."""
    from matplotlib.colors import LinearSegmentedColormap

    colors: Any = "gray"
    if low < 0:
        colors = LinearSegmentedColormap.from_list("signed", SIGNED)
    values = picture if picture.dtype == np.uint8 else picture.astype(float)
    ax.imshow(values, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set(color=LINE, linewidth=0.8)


def _letter_size(kernel: NDArray) -> float:
    """The size at which all weights fit their cells."""
    points = 72 * max(PANEL / max(kernel.shape), CELL)
    return font_size([short(weight) for weight in kernel.ravel()], points, 10)


def _write_weights(ax: Axes, kernel: NDArray, most: float, size: float) -> None:
    rows, columns = kernel.shape
    if max(rows, columns) > MAX_NUMBERED:
        return
    for (row, column), weight in np.ndenumerate(kernel):
        dark = abs(float(weight)) > 0.75 * most and weight != 0
        ax.text(
            column,
            row,
            short(weight),
            ha="center",
            va="center",
            fontsize=size,
            color=PAPER if dark else INK,
            family=FONT,
        )
    ax.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
    ax.grid(which="minor", color=LINE, linewidth=0.6)
    ax.tick_params(which="both", length=0, labelbottom=False, labelleft=False)


def value_range(values: NDArray) -> tuple[float, float]:
    """The range of the colours, which is symmetric around 0 if there are negative numbers.

    A few samples may exceed it, since samples at the border of an image are often extreme.
    """
    finite = _finite(values).astype(float)
    if finite.min() < 0:
        limit = float(np.quantile(np.abs(finite), 1 - SATURATED)) or float(np.abs(finite).max())
        return -limit, limit
    low, high = float(finite.min()), float(np.quantile(finite, 1 - SATURATED))
    high = high if high > low else float(finite.max())
    return (low, high) if high > low else (min(low, 0.0), max(high, 1.0))


def _limit(values: NDArray) -> float:
    return max(-_least(values), _most(values)) or 1.0


def _finite(values: NDArray) -> NDArray:
    finite = values[np.isfinite(values)]
    return finite if finite.size else np.zeros(1)


def _least(values: NDArray) -> float:
    return float(_finite(values).min())


def _most(values: NDArray) -> float:
    return float(_finite(values).max())
