"""Draw ``learning.png``: kernels that learned to tell 0 from 1, and where they find their stroke.

python docs/gallery/learning.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from fastconv import nn
from fastconv.cli import contact_sheet
from fastconv.cli.contact_sheet import NEGATIVE, PAGE, POSITIVE, ZERO, Cell

KERNELS, SHOWN, DIGITS, PIXEL, BETWEEN = 8, 4, 4, 12, 10
TILE = 8 * PIXEL


def learned(images: NDArray, labels: NDArray, rng: np.random.Generator) -> nn.Sequential:
    """A net that tells two digits apart by the strongest answer of each kernel, wherever it is."""
    net = nn.Sequential(
        nn.Conv2d(1, KERNELS, 3, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(6),
        nn.Flatten(),
        nn.Linear(KERNELS, 2, rng=rng),
    )
    descent = nn.SGD(net.parameters, lr=0.05, momentum=0.9, weight_decay=0.005)
    for _ in range(40):
        for batch in np.array_split(rng.permutation(len(images)), 15):
            net.backward(nn.grad.cross_entropy(net(images[batch]), labels[batch]))
            descent.step()
    return net


def picture_of_kernel(weights: NDArray, strongest: float) -> NDArray:
    """Orange where positive, blue where negative, dark where next to nothing."""
    part = np.sqrt(np.abs(weights) / strongest)[..., None]
    hue = np.where(weights[..., None] > 0, POSITIVE, NEGATIVE)
    taps = (ZERO + part * (hue - np.array(ZERO))).astype(np.uint8)
    return enlarged(taps, TILE // 3)


def picture_of_digit(image: NDArray, row: int, column: int) -> NDArray:
    """A digit, with a frame around the 3×3 pixels of the strongest answer."""
    picture = enlarged(np.rint(image[..., None] * np.full(3, 255)).astype(np.uint8), PIXEL)
    top, left, size = row * PIXEL, column * PIXEL, 3 * PIXEL
    inside = picture[top + 2 : top + size - 2, left + 2 : left + size - 2].copy()
    picture[top : top + size, left : left + size] = POSITIVE
    picture[top + 2 : top + size - 2, left + 2 : left + size - 2] = inside
    return picture


def enlarged(picture: NDArray, factor: int) -> NDArray:
    """Each pixel as a square."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def main() -> None:
    """Write the picture beside this file."""
    pixels, labels = load_digits(n_class=2, return_X_y=True)
    images = (pixels.reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(labels))
    held_out, rest = order[: len(order) // 3], order[len(order) // 3 :]
    net = learned(images[rest], labels[rest], rng)

    images, labels = images[held_out], labels[held_out]
    right = int(np.sum(net(images).argmax(axis=1) == labels))
    convolution = net.layers[0]
    kernels = convolution.weight.value[:, 0]
    answers = nn.relu(convolution(images))
    strongest = answers.max(axis=(2, 3))
    gap = np.full((TILE, BETWEEN, 3), [int(PAGE[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
    cells = []
    for k in np.argsort(-np.abs(kernels).max(axis=(1, 2)))[:SHOWN]:
        strip = [picture_of_kernel(kernels[k], np.abs(kernels).max())]
        for n in np.argsort(-strongest[:, k])[:DIGITS]:
            place = np.unravel_index(answers[n, k].argmax(), answers.shape[2:])
            strip += [gap, picture_of_digit(images[n, 0], *place)]
        mean = [strongest[labels == digit, k].mean() for digit in (0, 1)]
        note = f"strongest answer: {mean[0]:.2f} to a 0, {mean[1]:.2f} to a 1, on average"
        cells.append(Cell(f"answers to {np.argmax(mean)}", note, np.concatenate(strip, axis=1)))
    page = contact_sheet.draw(
        "Kernels that learned to tell 0 from 1",
        f"{right} of {len(labels)} held-out digits are read; the strongest {SHOWN} of {KERNELS} "
        "kernels, and the digits with their strongest answers: framed where they are",
        cells,
        columns=2,
    )
    page.quantize(128, method=2).save(Path(__file__).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()
