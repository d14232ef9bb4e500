"""``fastconv train``: small networks learn scikit-learn's handwritten digits, and are drawn.

The first network tells all ten digits apart.  A checkpoint after each epoch lets a run that was
stopped go on where it was, with the same numbers as if it had not been.  The second network has a
single 3×3 kernel to tell 0 from 1, and makes a line detector of it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fastconv as fc

from .. import config, kernels, nn, viz
from ..viz import canvas
from . import imageio
from .progress import bar

__all__ = ["run"]

CHECKPOINT = "fastconv-train.npz"
HELD_OUT = 0.2
"""The fraction of the digits that is held out for testing."""
BATCH = 64
SHOWN = (0, 3, 4, 7)
"""Digits whose feature maps are drawn."""
MAPS = 8
"""Feature maps of each digit: those with the largest numbers."""
LINES = ("line_vertical", "line_horizontal", "line_diagonal_down", "line_diagonal_up")


class Digits(NamedTuple):
    """Images ``(N, 1, 8, 8)`` from 0 to 1, and their labels."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def part(self, which: NDArray) -> Digits:
        """Some of them."""
        return Digits(self.images[which], self.labels[which])


def run(arguments: argparse.Namespace, show_status: Callable[[str], None]) -> int:
    """Train both networks, and draw what they learned."""
    directory = arguments.output
    imageio.make_directory(directory)
    learned, held_out = _split(_load())
    canvas.figure(1, 1)  # a missing Matplotlib is reported now, not after the training
    backend: Any = config.resolve_backend(arguments.backend)
    with fc.use_backend(backend):
        print(f"# {len(learned.labels) + len(held_out.labels)} digits of 8x8 pixels,", end=" ")
        print(f"{len(held_out.labels)} of them held out; {fc.get_backend()}, seed {arguments.seed}")
        net = _network(arguments.seed)
        _train(net, learned, held_out, arguments, show_status)
        _draw_digits(net, held_out, directory)
        _zero_or_one(learned, held_out, arguments.seed, directory)
    return 0


# -- data ---------------------------------------------------------------------------------------


def _load() -> Digits:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError("scikit-learn is not installed: pip install 'fastconv[demo]'") from None
    pixels, labels = load_digits(return_X_y=True)
    return Digits((pixels.reshape(-1, 1, 8, 8) / 16).astype(np.float32), labels)


def _split(digits: Digits) -> tuple[Digits, Digits]:
    """The digits to learn from and those held out, which are the same in each run."""
    order = np.random.default_rng(0).permutation(len(digits.labels))
    count = round(HELD_OUT * len(order))
    return digits.part(order[count:]), digits.part(order[:count])


def _accuracy(net: nn.Layer, digits: Digits) -> float:
    return float(np.mean(net(digits.images).argmax(axis=1) == digits.labels))


# -- ten digits ---------------------------------------------------------------------------------


def _network(seed: int) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 10, rng=rng),
    )


def _train(
    net: nn.Sequential,
    learned: Digits,
    held_out: Digits,
    arguments: argparse.Namespace,
    show_status: Callable[[str], None],
) -> None:
    descent = nn.Adam(net.parameters, lr=3e-3)
    schedule = nn.CosineAnnealingLR(descent, arguments.epochs)
    file = arguments.output / CHECKPOINT
    settings = {"seed": arguments.seed, "epochs": arguments.epochs}
    if not arguments.fresh and file.exists():
        schedule.epoch = _resume(file, net, descent, settings)
        schedule.apply()
        print(f"# {file}: {schedule.epoch} of {arguments.epochs} epochs are done")
    print(f"{'epoch':>5}  {'loss':>7}  {'held out':>8}  {'seconds':>7}", flush=True)
    for epoch in range(schedule.epoch, arguments.epochs):
        start = time.perf_counter()
        rng = np.random.default_rng((arguments.seed, epoch))
        batches = np.array_split(rng.permutation(len(learned.labels)), len(learned.labels) // BATCH)
        net.train()
        losses = []
        for done, which in enumerate(batches):
            losses.append(_step(net, descent, learned.part(which)))
            shown = bar(done + 1, len(batches))
            show_status(f"{shown} epoch {epoch + 1}, loss {np.mean(losses):.4f}")
        schedule.step()
        net.eval()
        accuracy, seconds = _accuracy(net, held_out), time.perf_counter() - start
        progress = {"epoch": schedule.epoch, **settings}
        nn.save_state(file, _flat(net=net.state_dict(), descent=descent.state_dict(), run=progress))
        show_status("")
        line = f"{epoch + 1:>5}  {np.mean(losses):>7.4f}  {accuracy:>8.1%}  {seconds:>7.2f}"
        print(line, flush=True)
    net.eval()
    print(f"{_accuracy(net, held_out):.1%} of the digits that were held out are recognised")


def _step(net: nn.Layer, descent: nn.Optimizer, digits: Digits) -> float:
    scores = net(digits.images)
    net.parameter_gradients(nn.grad.cross_entropy(scores, digits.labels))
    descent.step()
    return float(nn.cross_entropy(scores, digits.labels))


def _flat(**states: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}.{key}": each for name, state in states.items() for key, each in state.items()}


def _resume(file: Path, net: nn.Layer, descent: nn.Optimizer, settings: dict[str, int]) -> int:
    """Take over a checkpoint, and return its epoch."""
    state = nn.load_state(file)

    def part(name: str) -> dict[str, Any]:
        prefix = f"{name}."
        return {k.removeprefix(prefix): each for k, each in state.items() if k.startswith(prefix)}

    progress = {key: int(each) for key, each in part("run").items()}
    epoch = progress.pop("epoch", None)
    if epoch is None or progress != settings:
        theirs = ", ".join(f"{key} {each}" for key, each in progress.items()) or "another program"
        raise ValueError(f"{file} is of {theirs}; choose another directory, or pass --fresh")
    net.load_state_dict(part("net"))
    descent.load_state_dict(part("descent"))
    return epoch


def _draw_digits(net: nn.Sequential, held_out: Digits, directory: Path) -> None:
    first, _, second, *_ = net.layers
    _save(
        viz.kernels(first.parameters[0].value[:, 0], columns=8), directory, "fastconv-kernels.png"
    )
    which = [np.flatnonzero(held_out.labels == digit)[0] for digit in SHOWN]
    images = held_out.images[which]
    maps = images
    for number, layer in enumerate((first, second), 1):
        maps = nn.relu(layer(maps))
        strongest = np.sort(np.argsort(maps.max(axis=(0, 2, 3)))[-MAPS:])
        rows = np.concatenate([images, maps[:, strongest]], axis=1)
        titles = [f"a {digit}" if k == 0 else f"map {strongest[k - 1]}"
                  for digit in SHOWN for k in range(MAPS + 1)]  # fmt: skip
        drawn = viz.feature_maps(rows.reshape(-1, 8, 8), titles=titles, columns=MAPS + 1)
        _save(drawn, directory, f"fastconv-layer{number}.png")


def _save(drawn: Any, directory: Path, name: str) -> None:
    with imageio.replacing(directory / name) as file:
        drawn.savefig(file, format="png", dpi=100)
    print(f"# {directory / name}")


# -- 0 against 1 --------------------------------------------------------------------------------


def _zero_or_one(learned: Digits, held_out: Digits, seed: int, directory: Path) -> None:
    """One kernel, its largest response, and a threshold."""
    learned, held_out = (_pairs(digits) for digits in (learned, held_out))
    rng = np.random.default_rng(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 1, 3, rng=rng), nn.MaxPool2d(6), nn.Flatten(), nn.Linear(1, 2, rng=rng)
    )
    kernel, bias, votes, threshold = net.parameters
    kernel.value[...] = 0.01 * rng.standard_normal(kernel.value.shape)
    votes.value[...] = [[-1], [1]]  # a large response is for 1
    descents = [
        nn.SGD([kernel], lr=0.1, momentum=0.9, weight_decay=0.1),
        nn.SGD([bias, votes, threshold], lr=0.1, momentum=0.9),
    ]
    for _ in range(40):
        scores = net(learned.images)
        net.parameter_gradients(nn.grad.cross_entropy(scores, learned.labels))
        for descent in descents:
            descent.step()
    net.eval()
    weights = kernel.value[0, 0]
    detector = weights - weights.mean()
    alike = {name: _likeness(detector, kernels.get(name, float)) for name in LINES}
    nearest = max(alike, key=lambda name: alike[name])
    print(
        f"\n{_accuracy(net, held_out):.1%} of the held-out 0s and 1s are told apart by one kernel"
    )
    print(f"Less its mean, it resembles {nearest} (correlation {alike[nearest]:.2f}):")
    for row in detector / np.abs(detector).max():
        print(" ".join(f"{weight:>5.1f}" for weight in row))
    digits = [held_out.images[held_out.labels == digit][0] for digit in (0, 1)]
    found = [digit[0] if part == 0 else fc.correlate(digit[0], detector, mode="valid")
             for digit in digits for part in (0, 1)]  # fmt: skip
    padded = [np.pad(each, (8 - len(each)) // 2) for each in found]
    _save(viz.kernels({"learned": detector, nearest: kernels.get(nearest)}), directory,
          "fastconv-detector.png")  # fmt: skip
    titles = ["a 0", "its response", "a 1", "its response"]
    _save(viz.feature_maps(np.stack(padded), titles=titles, columns=4), directory,
          "fastconv-zero-one.png")  # fmt: skip


def _pairs(digits: Digits) -> Digits:
    """The zeros and ones, minus the mean of each image, so that uniform areas have no effect."""
    images, labels = digits.part(digits.labels < 2)
    return Digits(images - images.mean(axis=(2, 3), keepdims=True), labels)


def _likeness(one: NDArray, other: NDArray) -> float:
    """The correlation of the weights of two kernels."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
