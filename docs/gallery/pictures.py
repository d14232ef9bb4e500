"""Draw the pictures of `fastconv.viz` that the gallery shows: python docs/gallery/pictures.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

import fastconv as fc
from fastconv import viz
from fastconv.viz import StackedLayer

HERE = Path(__file__).parent
KERNELS = (
    *("sobel_x", "laplace", "sharpen", "emboss", "gaussian_blur", "ridge"),
    *("line_vertical", "line_diagonal_up"),
)
LINES = ("line_vertical", "line_horizontal", "line_diagonal_down", "line_diagonal_up")


def sliding_window() -> None:
    """An edge, and the kernel that finds it."""
    image = np.array([[7, 7, 7, 1, 1, 1]] * 2 + [[7, 7, 1, 1, 1, 1]] * 2 + [[7, 1, 1, 1, 1, 1]])
    animation = viz.animate(image, fc.kernels.get("sobel_x").astype(int), boundary="nearest", fps=3)
    animation.save(HERE / "sliding-window.gif")


def small_png(figure: object, name: str) -> None:
    """Save a figure with 256 colours."""
    path = HERE / name
    figure.savefig(path)
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=0)
    few.save(path, optimize=True)


def feature_maps() -> None:
    """What four line detectors see in a photograph, after ReLU."""
    photo = fc.filters.grayscale(data.astronaut()[:240, 96:336] / 255).astype("float32")
    w = np.stack([fc.kernels.get(name) for name in LINES])[:, None].astype("float32")
    maps = fc.conv2d(photo[None], w, padding=1, boundary="nearest", activation="relu")
    names = [name.replace("_", " ") for name in LINES]
    figure = viz.feature_maps([photo, *maps], titles=["photograph", *names], columns=5)
    small_png(figure, "feature-maps.png")


def receptive_fields() -> None:
    """A small network, from one output down to the samples that it depends on."""
    layers = [
        StackedLayer(3, padding=1, name="conv 1"),
        StackedLayer(2, stride=2, name="pool 1"),
        StackedLayer(3, padding=1, name="conv 2"),
        StackedLayer(2, stride=2, name="pool 2"),
        StackedLayer(3, padding=1, name="conv 3"),
    ]
    small_png(viz.receptive_fields(layers, size=32, at=4), "receptive-field.png")


if __name__ == "__main__":
    sliding_window()
    small_png(viz.kernels(KERNELS, columns=4), "kernels.png")
    feature_maps()
    receptive_fields()
