"""The one table of named cases that benchmarks, tests and the README's figures read.

A case is a call that a user might type: a public function, the shapes and dtypes of its arrays and
its options, but no data and no backend. It promises the same arrays every time it is asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

import fastconv


@dataclass(frozen=True)
class Case:
    """One call of one public function.

    Parameters
    ----------
    name : str
        The name in reports, unique in the table.
    group : str
        Which benchmark times it.
    function : str
        A public function of fastconv that takes ``(x, w, **options)``, or a filter that takes
        ``(x, **options)``: ``"filters.box"``.
    x, w : tuple of int
        The shapes of the array and of the kernel, which is () for a filter: it makes its own.
    dtype : str
        The dtype of the array.
    w_dtype : str
        The dtype of the kernel.
    separable : bool
        Pass the kernel as one vector an axis, with the lengths in `w`.
    options : mapping
        Further keywords of the function.
    """

    name: str
    group: str
    function: str
    x: tuple[int, ...]
    w: tuple[int, ...] = ()
    dtype: str = "float32"
    w_dtype: str = "float32"
    separable: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def arrays(self) -> tuple[Any, ...]:
        """Return the array and the kernel, if any (a tuple of factors if it is separable)."""
        rng = np.random.default_rng(0)
        x = _samples(rng, self.x, self.dtype)
        if not self.w:
            return (x,)
        if self.separable:
            return x, tuple(_weights(rng, (n,), self.w_dtype) for n in self.w)
        return x, _weights(rng, self.w, self.w_dtype)

    def call(self, backend: str | None) -> Callable[[], np.ndarray]:
        """Return a function without arguments that makes the call on a backend."""
        function = attrgetter(self.function)(fastconv)
        return partial(function, *self.arrays(), **self.options, backend=backend)


def _samples(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Grey values of 8 bits as integers, or numbers from 0 to 1 (in both parts)."""
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return rng.integers(0, 256, shape).astype(dtype)
    samples = rng.random(shape)
    return (samples + 1j * rng.random(shape) if kind == "c" else samples).astype(dtype)


def _weights(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Small integers, or numbers whose sum is one, so that results do not saturate."""
    samples = _samples(rng, shape, dtype)
    return samples % 4 if samples.dtype.kind in "iu" else samples / samples.sum(dtype=dtype)


def _image(name: str, group: str, k: int, **changes: Any) -> Case:
    """A k×k filter on an image of 2048×2048."""
    row = {"function": "correlate", "x": (2048, 2048), "w": (k, k), **changes}
    return Case(name, group, **row)


def _filter(name: str, dtype: str, **options: Any) -> Case:
    """A filter of fastconv.filters on an image of 2048×2048."""
    function = f"filters.{name.split()[0]}"
    return Case(f"{dtype} {name}", "filters", function, (2048, 2048), dtype=dtype, options=options)


def _layer(name: str, x: tuple[int, ...], w: tuple[int, ...], **options: Any) -> Case:
    """A layer of a convolutional network."""
    return Case(name, "layers", "conv2d", x, w, options=options)


_ROWS = [
    *(_image(f"dense {k}x{k}", "dense", k) for k in (3, 5, 7, 9, 11, 15, 31)),
    *(
        _image(f"{dtype} 5x5", "dtypes", 5, dtype=dtype, w_dtype=w_dtype, options={"dtype": dtype})
        for dtype, w_dtype in [
            ("uint8", "float32"),
            ("int16", "float32"),
            ("float16", "float16"),
            ("float64", "float64"),
            ("complex64", "complex64"),
        ]
    ),
    _image("int32 5x5 exact", "dtypes", 5, dtype="int32", w_dtype="int32"),
    *(
        _image(f"{boundary} 5x5", "borders", 5, options={"boundary": boundary})
        for boundary in ("constant", "nearest", "symmetric", "mirror", "wrap")
    ),
    *(_image(f"separable {k}x{k}", "separable", k, separable=True) for k in (3, 9, 31)),
    *(
        _filter(name, dtype, **options)
        for dtype in ("float32", "uint8")
        for name, options in [
            *((f"gaussian {sigma}", {"sigma": sigma}) for sigma in (1, 2, 5, 10)),
            *((f"box {size}", {"size": size}) for size in (3, 15, 31)),
            ("sobel", {"axis": 1}),
            ("sobel magnitude", {}),
            ("laplace", {}),
        ]
    ),
    _layer("resnet stem 7x7 s2", (1, 3, 224, 224), (64, 3, 7, 7), stride=2, padding=3),
    _layer("resnet 64 3x3", (1, 64, 56, 56), (64, 64, 3, 3), padding=1),
    _layer("resnet 64 1x1", (1, 64, 56, 56), (256, 64, 1, 1)),
    _layer("resnet 128 3x3 s2", (1, 128, 56, 56), (128, 128, 3, 3), stride=2, padding=1),
    _layer("resnet 512 3x3", (1, 512, 7, 7), (512, 512, 3, 3), padding=1),
    _layer("resnet 256 3x3", (1, 256, 14, 14), (256, 256, 3, 3), padding=1),
    _layer("mobilenet 160 1x1", (1, 160, 7, 7), (960, 160, 1, 1)),
    _layer("mobilenet depthwise 3x3", (1, 32, 112, 112), (32, 1, 3, 3), padding=1, groups=32),
    _image("tiny 3x3", "tiny", 3, x=(8, 8)),
]

CASES: dict[str, Case] = {case.name: case for case in _ROWS}


def names(*groups: str) -> list[str]:
    """Return the names of the cases of some groups, in the order of the table."""
    return [name for name, case in CASES.items() if case.group in groups]


class CompiledCall:
    """A benchmark of a case on a backend: what is compiled is compiled in its setup."""

    param_names = ("case", "backend")
    warmup_time = 0.0
    processes = 1
    repeat = (3, 20, 2.0)  # at least, at most, and seconds after which it is enough

    def setup(self, case: str, backend: str) -> None:
        if backend not in fastconv.available_backends():
            raise NotImplementedError(backend)  # asv's word for "skip"
        self.call = CASES[case].call(backend)
        self.call()
