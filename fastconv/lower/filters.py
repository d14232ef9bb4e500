"""Checks of the arguments of ``fastconv.filters``: images, channel axes and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import isfinite, prod
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arguments import brief, integer, listed, refuse
from .arrays import array, check_receiver

__all__ = [
    "UNSPECIFIED",
    "ChannelAxis",
    "Image",
    "check_windows",
    "derived_axis",
    "image",
    "one_window",
    "real",
    "real_samples",
    "reals",
    "receiver",
    "rgb",
    "taps",
]

MAX_TAPS = 1 << 31
"""Taps along an axis of a kernel that a filter generates, at most."""
MAX_EXTENDED, MAX_TIMES = 1 << 28, 4
"""Samples of an image with its border, at most: in total, or relative to those of the image,
whichever is more."""


class Unspecified(Enum):
    """The default of an argument for which None has a meaning of its own."""

    UNSPECIFIED = "unspecified"

    def __repr__(self) -> str:
        return "<unspecified>"


UNSPECIFIED = Unspecified.UNSPECIFIED
ChannelAxis = int | None | Unspecified


class Image(NamedTuple):
    """The samples and axes of an image."""

    samples: NDArray
    """The samples, with bool as uint8."""
    axes: tuple[int, ...]
    """All axes but that of the channels."""
    channel: int | None
    """The channel axis, or None."""


def image(name: str, value: ArrayLike, channel_axis: object, rank: int | None = None) -> Image:
    """An image with at least one axis, or exactly ``rank``, besides that of its channels."""
    samples = array(value, f"{name}: image")
    if samples.dtype.kind == "b":
        samples = samples.view(np.uint8)
    if channel_axis is UNSPECIFIED:
        if rank is None and samples.ndim == 3 and samples.shape[-1] in (3, 4):
            raise ValueError(
                f"{name}: image has shape {samples.shape}; pass channel_axis=-1 if it is a "
                "photograph, channel_axis=None if it is a volume"
            )
        channel_axis = None
    channel, axes = None, tuple(range(samples.ndim))
    if channel_axis is not None:
        channel = _axis(channel_axis, f"{name}: channel_axis", samples.ndim)
        axes = (*axes[:channel], *axes[channel + 1 :])
    if not axes or (rank is not None and len(axes) != rank):
        least = "at least one axis" if rank is None else f"{rank} axes"
        allowed = f"{least}, and channel_axis= for one more"
        came = f"shape {samples.shape} with channel_axis={channel_axis}"
        refuse(ValueError, f"{name}: image", came, allowed)
    return Image(samples, axes, channel)


def rgb(name: str, value: ArrayLike, channel_axis: object) -> tuple[NDArray, int]:
    """A 2-D image with three channels, or four with alpha; and its channel axis."""
    integer(channel_axis, f"{name}: channel_axis")
    samples, _, channel = image(name, value, channel_axis, rank=2)
    assert channel is not None
    if samples.shape[channel] not in (3, 4):
        came = f"{samples.shape[channel]} channels along channel_axis={channel_axis}"
        refuse(ValueError, f"{name}: image", came, "3 (RGB) or 4 (RGBA)")
    return samples, channel


def real_samples(name: str, samples: NDArray, where: str = "") -> None:
    """Refuse complex samples."""
    if samples.dtype.kind == "c":
        refuse(TypeError, f"{name}: image", f"dtype {samples.dtype}", f"real numbers{where}")


def derived_axis(name: str, value: object, walked: Image) -> int:
    """The axis of a derivative, counted from the front."""
    axis = _axis(value, f"{name}: axis", walked.samples.ndim)
    if axis == walked.channel:
        refuse(ValueError, f"{name}: axis", brief(value), "any axis but channel_axis")
    return axis


def receiver(name: str, samples: NDArray, out: NDArray, shape: tuple[int, ...]) -> None:
    """Refuse an ``out`` that cannot take the result."""
    is_complex = samples.dtype.kind == "c"
    check_receiver(f"{name}: out", out, shape, is_complex)


def _axis(value: object, argument: str, rank: int) -> int:
    axis = integer(value, argument)
    if not -rank <= axis < rank:
        allowed = f"{-rank} to {rank - 1} for an image with {rank} axes" if rank else "None"
        refuse(ValueError, argument, brief(value), allowed)
    return axis % rank


def real(value: object, argument: str, least: float | None = None) -> float:
    """A finite real number."""
    allowed = "a finite number" + ("" if least is None else f" of at least {least:g}")
    value = listed(value)
    if not isinstance(value, Real):
        refuse(TypeError, argument, brief(value), allowed)
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number) or (least is not None and number < least):
        refuse(ValueError, argument, brief(value), allowed)
    return number


def reals(value: object, count: int, argument: str, least: float) -> list[float]:
    """One finite real number for each axis, from one for all or one for each."""
    value = listed(value)
    if not isinstance(value, tuple | list):
        return [real(value, argument, least)] * count
    if len(value) != count:
        refuse(ValueError, argument, brief(value), f"one number or {count}, one for each axis")
    return [real(item, argument, least) for item in value]


def one_window(name: str, size: object, sigma: object) -> None:
    """Refuse a window that is given as both a box and a Gaussian, or as neither."""
    if (size is None) == (sigma is None):
        came = f"size={brief(size)} and sigma={brief(sigma)}"
        refuse(ValueError, f"{name}: size", came, "one of them: a box, or a Gaussian")


def taps(value: float, argument: str) -> int:
    """A number of taps, or half of one, of a generated kernel, rounded down."""
    if value > MAX_TAPS:
        refuse(ValueError, argument, f"a kernel of {brief(value)} taps", f"at most {MAX_TAPS}")
    return int(value)


def check_windows(argument: str, lengths: Sequence[int], taps: Sequence[int]) -> None:
    """Refuse windows so large that the image with its border would fill the memory."""
    extended = prod([length + n for length, n in zip(lengths, taps, strict=True)])
    if extended > max(MAX_EXTENDED, MAX_TIMES * prod(lengths)):
        came = f"a window of {tuple(taps)} samples around those of an image of {tuple(lengths)}"
        allowed = f"images and windows of up to {MAX_EXTENDED} samples together"
        refuse(ValueError, argument, came, allowed)
