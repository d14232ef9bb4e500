"""Winograd's convolution: its matrices, applied to all tiles at once."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..geometry.winograd import OUTPUTS, SAMPLES, TILES, WEIGHTS

__all__ = ["winograd_outputs", "winograd_samples", "winograd_weights"]


@np.errstate(all="ignore")
def winograd_weights(values: NDArray, w: NDArray) -> None:
    down, across = _matrices(WEIGHTS, values.shape[2])
    rows, cols = down.shape[1], across.shape[1]
    missing = [(0, -w.shape[4] % rows), (0, -w.shape[5] % cols)]
    padded = np.pad(w, [(0, 0)] * 4 + missing)
    blocks = padded.reshape(*w.shape[:4], padded.shape[4] // rows, rows, -1, cols).swapaxes(5, 6)
    both = np.kron(down, across).astype(np.float32)
    transformed = blocks.reshape(*w.shape[:4], -1, rows * cols) @ both.T
    values[...] = transformed.transpose(0, 1, 5, 4, 3, 2)


@np.errstate(all="ignore")
def winograd_samples(tiles: NDArray, x: NDArray) -> None:
    down, across = _matrices(SAMPLES, len(tiles))
    sides = len(down), len(across)
    (m, n), (rows, cols) = TILES[len(tiles)], tiles.shape[3:5]
    padded = np.zeros((*x.shape[:3], rows * m + sides[0] - m, cols * n + sides[1] - n), x.dtype)
    inside = x[..., : padded.shape[3], : padded.shape[4]]
    padded[..., : inside.shape[3], : inside.shape[4]] = inside
    windows = sliding_window_view(padded, sides, axis=(3, 4))[:, :, :, ::m, ::n]
    values = down @ windows @ across.T
    tiles[...] = values.transpose(5, 6, 1, 0, 3, 4, 2).reshape(tiles.shape)


@np.errstate(all="ignore")
def winograd_outputs(out: NDArray, tiles: NDArray, bias: NDArray, relu: bool) -> bool:
    down, across = _matrices(OUTPUTS, len(tiles))
    values = tiles.reshape(down.shape[1], across.shape[1], *tiles.shape[1:])
    # (G, B, down, across, channels, outputs down, outputs across)
    sums = down @ np.moveaxis(values, (0, 1), (-2, -1)) @ across.T
    batch, rows, cols = out.shape[0], *out.shape[3:]
    planes = sums.transpose(1, 0, 4, 2, 5, 3, 6).reshape(
        batch, *bias.shape, sums.shape[2] * len(down), -1
    )
    np.add(planes[..., :rows, :cols], bias[..., None, None], out=out)
    finite = bool(np.isfinite(out).all())
    if relu:
        np.maximum(out, 0, out=out)
    return finite


def _matrices(matrices: dict[int, NDArray], points: int) -> tuple[NDArray, NDArray]:
    """The matrices, down and across, for tiles with ``points`` points; 1 along lines."""
    down, across = TILES[points]
    one = np.ones((1, 1), np.float32)
    return matrices[down], matrices[across] if across > 1 else one
