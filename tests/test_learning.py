"""Learning works: kernels that start at random learn to read real handwritten digits.

The digits are those that come with scikit-learn: 1797 of 8×8 pixels, from many hands.  A third of
them is never learned from, and the nets are judged by those.
"""

from __future__ import annotations

import numpy as np
import pytest

import fastconv as fc
from fastconv import nn

load_digits = pytest.importorskip("sklearn.datasets").load_digits


def digits(classes):
    """The images ``(N, 1, 8, 8)`` of the first digits, from 0 to 1, and what they show."""
    pixels, labels = load_digits(n_class=classes, return_X_y=True)
    return (pixels.reshape(-1, 1, 8, 8) / 16).astype("float32"), labels


def parts(count, rng):
    """Two thirds to learn from, and the rest, which is held out."""
    order = rng.permutation(count)
    return order[count // 3 :], order[: count // 3]


@pytest.mark.parametrize("seed", range(3))
def test_eight_kernels_tell_zeros_from_ones(seed, backend):
    """In functions and NumPy: the strongest answer of each kernel, wherever it is, has a vote."""
    rng = np.random.default_rng(seed)
    images, labels = digits(2)
    learned, held_out = parts(len(labels), rng)
    kernels = nn.Parameter(rng.standard_normal((8, 1, 3, 3)).astype("float32") / 2)
    offsets = nn.Parameter(np.zeros(8, "float32"))
    votes = nn.Parameter(rng.standard_normal((8, 2)).astype("float32") / 2)
    descent = nn.SGD([kernels, offsets, votes], lr=0.05, momentum=0.9, weight_decay=0.005)

    def forward(batch):
        maps = fc.conv2d(images[batch], kernels.value, offsets.value, backend=backend)
        answers = nn.relu(maps)
        strongest = nn.max_pool2d(answers, 6)[:, :, 0, 0]
        return maps, answers, strongest, strongest @ votes.value

    for _ in range(40):
        for batch in np.array_split(rng.permutation(learned), 15):
            maps, answers, strongest, scores = forward(batch)
            grads = nn.grad.cross_entropy(scores, labels[batch])
            votes.grad = strongest.T @ grads
            grads = (grads @ votes.value.T)[:, :, None, None]
            grads = nn.grad.relu(maps, nn.grad.max_pool2d(answers, grads, 6))
            shape = kernels.value.shape
            kernels.grad = nn.grad.conv2d_weight(images[batch], shape, grads, backend=backend)
            offsets.grad = nn.grad.conv2d_bias(grads)
            descent.step()

    shares = nn.softmax(forward(held_out)[-1])
    assert np.mean(shares.argmax(axis=1) == labels[held_out]) >= 0.99


def test_two_convolutions_read_all_ten_digits():
    rng = np.random.default_rng(0)
    images, labels = digits(10)
    learned, held_out = parts(len(labels), rng)
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 2 * 2, 10, rng=rng),
    )  # fmt: skip
    descent = nn.SGD(net.parameters, lr=0.05, momentum=0.9, weight_decay=0.001)
    for _ in range(10):
        for batch in np.array_split(rng.permutation(learned), 40):
            net.backward(nn.grad.cross_entropy(net(images[batch]), labels[batch]))
            descent.step()
    assert np.mean(net(images[held_out]).argmax(axis=1) == labels[held_out]) >= 0.97
