"""The sliding window as an animation: one frame for each output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from io import BytesIO
from math import prod
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..api import Explanation, explain
from ..api.explanation.call import window_of
from ..lower.arguments import brief, one_of, refuse
from .canvas import pixels
from .scenes import Scene, scene_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Animation", "animate"]

MAX_FRAMES = 256
"""Frames of an animation, at most."""
MAX_SIDE = 24
"""Samples along an axis, including the border, at most."""
MAX_CHANNELS = 4
"""Channels of a layer that fit side by side, at most."""
LAST_FRAMES = 3
"""Duration of the last frame, relative to the others."""
MAX_COLORS = 128
"""Colours of a GIF, out of 256 possible ones."""
FORMATS: dict[str, Literal["gif", "apng"]] = {".gif": "gif", ".png": "apng", ".apng": "apng"}


class Animation:
    """A sliding window, one frame for each output; made by `fastconv.viz.animate`.

    Notebooks display it; `save` writes it to a file.

    Attributes
    ----------
    explanations : tuple of Explanation
        The numbers behind each frame.
    fps : float
        Frames per second.

    Examples
    --------
    >>> import fastconv as fc
    >>> animation = fc.viz.animate([1, 2, 3, 4], [1, 0, -1], boundary="mirror")
    >>> len(animation)
    4
    >>> print(animation.explanations[3].result)
    0
    """

    def __init__(
        self, inputs: NDArray, explanations: tuple[Explanation, ...], title: str, fps: float
    ) -> None:
        self._inputs = inputs
        self.explanations = explanations
        self.fps = fps
        self._title = title

    def __len__(self) -> int:
        return len(self.explanations)

    def figure(self, frame: int) -> Figure:
        """One frame as a figure.

        Parameters
        ----------
        frame : int
            The number of the frame, from 0; negative numbers count from the end.

        Returns
        -------
        matplotlib.figure.Figure
            A new figure.
        """
        count = len(self)
        number = lower.integer(frame, "Animation.figure: frame")
        if not -count <= number < count:
            refuse(ValueError, "Animation.figure: frame", brief(frame), f"{-count} to {count - 1}")
        scene = self._scene()
        scene.show(number % count)
        return scene.figure

    def _scene(self) -> Scene:
        return scene_of(self._inputs, self.explanations, self._title)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """All frames, one after the other.

        Yields
        ------
        ndarray
            An array ``(H, W, 3)`` of uint8, with the same height and width for all frames.
        """
        scene = self._scene()
        for number in range(len(self)):
            scene.show(number)
            yield pixels(scene.figure)

    def save(
        self,
        file: str | os.PathLike[str] | BinaryIO,
        format: Literal["gif", "apng"] | None = None,  # noqa: A002
    ) -> None:
        """Write the animation as a GIF or an animated PNG, which repeats forever.

        Parameters
        ----------
        file : path or binary file
            Where to write it.
        format : {"gif", "apng"}, optional
            By default, the suffix decides: ".gif", or ".png" and ".apng".

        Raises
        ------
        ValueError
            The suffix is unknown, and `format` is not given.
        ImportError
            Matplotlib or Pillow is not installed.

        Notes
        -----
        Equal animations give equal bytes with the same versions of Matplotlib and Pillow.
        """
        if format is None:
            path = file if isinstance(file, (str, os.PathLike)) else getattr(file, "name", "")
            suffix = os.path.splitext(os.fspath(path))[1].lower()
            if suffix not in FORMATS:
                refuse(ValueError, "Animation.save: file", brief(suffix), ", ".join(FORMATS))
            format = FORMATS[suffix]  # noqa: A001
        one_of(format, "Animation.save: format", ("gif", "apng"))
        data = self._gif if format == "gif" else self._apng()
        if isinstance(file, (str, os.PathLike)):
            with open(file, "wb") as opened:
                opened.write(data)
        else:
            file.write(data)

    @cached_property
    def _gif(self) -> bytes:
        """All frames, with the most frequent colours of three frames as a palette."""
        frames = [_packed(frame) for frame in self.frames()]
        few = np.concatenate([frames[0], frames[len(frames) // 2], frames[-1]])
        colors, counts = np.unique(few, return_counts=True)
        palette = _unpacked(colors[np.argsort(-counts, kind="stable")[:MAX_COLORS]])
        images = []
        for frame in frames:
            colors, places = np.unique(frame, return_inverse=True)
            away = np.abs(_unpacked(colors)[:, None].astype(int) - palette).sum(axis=2)
            nearest = away.argmin(axis=1).astype(np.uint8)
            images.append(_pillow().fromarray(nearest[places].reshape(frame.shape)))
            images[-1].putpalette(palette.tobytes())
        return self._encoded(images, "GIF")

    def _apng(self) -> bytes:
        return self._encoded([_pillow().fromarray(frame) for frame in self.frames()], "PNG")

    def _encoded(self, images: list[Any], name: str) -> bytes:
        stay = round(1000 / self.fps)
        file = BytesIO()
        images[0].save(
            file,
            format=name,
            save_all=True,
            append_images=images[1:],
            duration=[*[stay] * (len(images) - 1), LAST_FRAMES * stay],
            loop=0,
        )
        return file.getvalue()

    def _repr_html_(self) -> str:
        import base64

        data = base64.b64encode(self._gif).decode("ascii")
        return f'<img alt="sliding window" src="data:image/gif;base64,{data}">'


def animate(
    x: ArrayLike,
    w: ArrayLike | tuple[NDArray, ...],
    bias: ArrayLike | None = None,
    *,
    call: Literal["correlate", "convolve", "conv1d", "conv2d"] = "correlate",
    channel: int = 0,
    fps: float = 2.0,
    title: str | None = None,
    **options: Any,
) -> Animation:
    """Animate the window sliding over a small signal or image, with products, sum and output.

    Parameters
    ----------
    x : array_like
        A signal or an image of at most 24 samples along an axis, including those of the border.
        For layers, ``(C, L)`` or ``(C, H, W)`` with at most 4 channels.
    w : array_like or tuple of 1-D ndarray
        The kernel, or the filters of a layer.
    bias : array_like, optional
        ``(K,)``: one number for each output channel of a layer, added to the sums.
    call : {"correlate", "convolve", "conv1d", "conv2d"}, optional
        The call to show.
    channel : int, optional
        The output channel of a layer to show.
    fps : float, optional
        Frames per second.  The last frame is shown three times as long.
    title : str, optional
        The title.  By default, the call and its keywords.
    **options
        Keywords of that call, as `fastconv.explain` takes them: `boundary`, `stride`, `padding`,
        `dilation`, `mode` and so on.

    Returns
    -------
    Animation
        At most 256 frames.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid, there would be more than 256 frames, or the numbers would be too
        small to read; the message says which.

    Notes
    -----
    Samples that the border adds have dashed cells.  Samples under the taps are yellow, and an
    orange frame marks the window.  Weights and products are orange where they are positive and blue
    where they are negative.  Outputs turn green as they are computed.

    Drawing takes about a fifth of a second for each frame.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> image = np.arange(25).reshape(5, 5)
    >>> animation = fc.viz.animate(image, fc.kernels.get("laplace"), boundary="nearest")
    >>> len(animation)
    25
    >>> animation.save("laplacian.gif")  # doctest: +SKIP
    """
    one_of(call, "animate: call", ("correlate", "convolve", "conv1d", "conv2d"))
    rate = lower.real(fps, "animate: fps")
    if not 0.01 <= rate <= 100:
        refuse(ValueError, "animate: fps", brief(fps), "0.01 to 100")
    samples = lower.array(x, "animate: x")
    asked = lower.explained("animate", call, samples, w, bias, options)
    _check_size(asked, samples)
    lead: tuple[int, ...] = ()
    if asked.channel is not None:
        filters = asked.problem.out_shape[asked.channel]
        lead = lower.position("animate: channel", channel, (filters,), set())
    explanations = []
    for at in np.ndindex(*[reach.walk.out for reach in asked.reaches]):
        place = [*at]
        if asked.channel is not None:
            place.insert(asked.channel, *lead)
        explanations.append(explain(samples, w, bias, at=place, call=call, **options))
    said = [call, *(f"{name}={value!r}" for name, value in options.items())]
    words = ", ".join(said) if title is None else title
    return Animation(_inputs(asked, samples, explanations[0]), tuple(explanations), words, rate)


def _check_size(asked: lower.Explained, x: NDArray) -> None:
    """Refuse animations that would be illegible."""
    rank = len(asked.reaches)
    if rank > 2 or x.ndim > rank + (asked.channel is not None):
        allowed = "a signal or an image, or one example of a layer: no batch, and no other axes"
        refuse(ValueError, "animate: x", f"shape {x.shape}", allowed)
    if asked.weights.shape[1] > MAX_CHANNELS:
        allowed = f"up to {MAX_CHANNELS}"
        refuse(ValueError, "animate: w", f"{asked.weights.shape[1]} channels", allowed)
    for reach in asked.reaches:
        side = reach.walk.size + max(reach.walk.before, 0) + max(reach.after, 0)
        if side > MAX_SIDE:
            raise ValueError(
                f"animate: {side} samples along axis {reach.axis}, those of the border included; "
                f"allowed is up to {MAX_SIDE}, so that numbers can be read"
            )
    count = prod([reach.walk.out for reach in asked.reaches])
    if not 1 <= count <= MAX_FRAMES:
        raise ValueError(
            f"animate: {count} outputs, with a frame for each; allowed is 1 to {MAX_FRAMES}: "
            "take a smaller x or a larger stride"
        )


def _inputs(asked: lower.Explained, x: NDArray, first: Explanation) -> NDArray:
    """All samples ``(channels, *samples)`` of an example, including the border."""
    whole = [
        replace(
            axis,
            before=max(axis.before, 0),
            taps=axis.size + max(axis.before, 0) + max(axis.after, 0),
            dilation=1,
            position=0,
        )
        for axis in first.axes
    ]
    cval = asked.problem.cval
    return window_of(x, first.at, tuple(whole), asked.channel, first.channels, cval, asked.sums)


def _packed(frame: NDArray) -> NDArray[np.uint32]:
    """Each pixel as one number."""
    red, green, blue = np.moveaxis(frame.astype(np.uint32), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue)


def _unpacked(colors: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The red, green and blue values of packed pixels."""
    return np.stack([colors >> 16, colors >> 8, colors], axis=-1).astype(np.uint8)


def _pillow() -> ModuleType:
    try:
        import PIL.Image
    except ImportError:
        raise ImportError("Pillow is not installed: pip install 'fastconv[plot]'") from None
    return PIL.Image
