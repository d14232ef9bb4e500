"""The table of named cases behind the benchmarks, tests, dashboard and the README's figures.

A case is a call that a user might type: a public function, the shapes and dtypes of its arrays, and
its options, but neither data nor backend. It generates the same arrays every time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, product
from operator import attrgetter
from typing import Any, Literal

import numpy as np

import fastconv

from .networks import KINDS, Layer

Call = Callable[[], Any]
StepName = Literal["planned", "forward", "input", "weight"]
STEPS: tuple[StepName, ...] = ("planned", "forward", "input", "weight")


@dataclass(frozen=True)
class Case:
    """One call of one public function.

    Parameters
    ----------
    name : str
        The name in reports, unique in the table.
    group : str
        The group that it belongs to.
    function : str
        A public function of fastconv that takes ``(x, w, **options)``, or a filter that takes
        ``(x, **options)``: ``"filters.box"``.
    x, w : tuple of int
        The shapes of the array and of the kernel, which is () for a filter.
    dtype : str
        The dtype of the array.
    w_dtype : str
        The dtype of the kernel.
    separable : bool
        Pass the kernel as one vector for each axis, with the lengths in `w`.
    diagonal : bool
        Set all weights of the kernel to zero except those on its diagonal.
    planned : bool
        Time a plan's call, not the function's.
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
    diagonal: bool = False
    planned: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def arrays(self) -> tuple[Any, ...]:
        """Return the array and the kernel, if any (a tuple of factors if it is separable)."""
        rng = np.random.default_rng(0)
        x = _samples(rng, self.x, self.dtype)
        if not self.w:
            return (x,)
        if self.separable:
            return x, tuple(_weights(rng, (n,), self.w_dtype) for n in self.w)
        w = _weights(rng, self.w, self.w_dtype)
        return x, np.diag(np.diag(w)) if self.diagonal else w

    def call(self, backend: str | None, threads: int | None = None) -> Call:
        """Return a function without arguments that makes the call on a backend."""
        x, *rest = self.arrays()
        how = {**self.options, "backend": backend, "threads": threads}
        if self.function == "filters.invert":  # which no backend computes
            del how["backend"]
        if self.planned:
            plan = _public(f"plan_{self.function}")(x.shape, x.dtype, *rest, **how)
            return partial(plan, x)
        return partial(_public(self.function), x, *rest, **how)

    @property
    def operations(self) -> int:
        """Real multiplications and additions of a direct sum at stride 1, or 0 if unknown."""
        taps = sum(self.w) if self.separable else np.prod(self.w)
        taps = min(self.w) if self.diagonal else taps
        factor = 8 if self.dtype.startswith("complex") else 2
        return int(factor * taps * np.prod(self.x)) if self.function == "correlate" else 0

    @property
    def nbytes(self) -> int:
        """Bytes of the samples and of the result, each touched once."""
        return 2 * int(np.prod(self.x)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class ChangingCase:
    """Calls of ``correlate``, each with a shape or a kernel that it has not seen for a long time.

    Parameters
    ----------
    name : str
        The name in reports, unique in the table.
    group : str
        The group that it belongs to.
    new : {"shape", "kernel"}
        What changes from one call to the next.
    sizes : tuple of int
        Rows and columns are at least the first, and less than the second.  With new kernels, there
        is one image, the largest.
    k : int
        Kernels have k×k taps.
    dtype : str
        The dtype of the images and the results.
    """

    name: str
    group: str
    new: Literal["shape", "kernel"]
    sizes: tuple[int, int]
    k: int
    dtype: str = "float32"

    def every(self, function: Callable[..., Any]) -> Call:
        """Return a function without arguments that calls another one with the next arrays."""
        arrays = self._arrays()
        return lambda: function(*next(arrays))

    def _arrays(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(0)
        low, high = self.sizes
        x = _samples(rng, (high, high), self.dtype)
        if self.new == "kernel":
            return (
                (x, w)
                for w in cycle([_weights(rng, (self.k,) * 2, "float32") for _ in range(3000)])
            )
        w = _weights(rng, (self.k, self.k), "float32")
        shapes = rng.permutation([*product(range(low, high), repeat=2)]).tolist()
        return ((x[:rows, :columns], w) for rows, columns in cycle(shapes))

    def call(self, backend: str | None, threads: int | None = None) -> Call:
        """Return a function without arguments that makes the next call on a backend."""
        how = {"dtype": self.dtype, "backend": backend, "threads": threads}
        return self.every(partial(_public("correlate"), **how))

    @property
    def operations(self) -> int:
        """Multiplications and additions of a direct sum, in the mean."""
        return int(2 * self.k**2 * np.mean(self.sizes) ** 2)

    @property
    def nbytes(self) -> int:
        """Bytes of the samples and of the result, each touched once, in the mean."""
        return int(2 * np.mean(self.sizes) ** 2 * np.dtype(self.dtype).itemsize)


@dataclass(frozen=True)
class LayerCase:
    """One step of a layer for one image: its result, by a plan or a call, or a gradient."""

    name: str
    group: str
    layer: Layer
    step: StepName

    def call(self, backend: str | None, threads: int | None = None, batch: int = 1) -> Call:
        """Return a function without arguments that makes the step on a backend."""
        layer = self.layer
        x, w, bias = layer.arrays(batch)
        how = {**layer.options, "backend": backend, "threads": threads}
        name = f"conv{layer.rank}d"
        match self.step:
            case "planned":
                plan = _public(f"plan_{name}")(x.shape, x.dtype, w, bias, **how)
                return partial(plan, x, plan(x))
            case "forward":
                return partial(_public(name), x, w, **how)
            case "input":
                function = _public(f"nn.grad.{name}_input")
                return partial(function, x.shape, w, layer.gradient(batch), **how)
            case "weight":
                function = _public(f"nn.grad.{name}_weight")
                return partial(function, x, w.shape, layer.gradient(batch), **how)

    @property
    def operations(self) -> int:
        """Multiplications and additions of a direct sum."""
        return self.layer.operations

    @property
    def nbytes(self) -> int:
        """Bytes of the samples, the weights and the result, each touched once."""
        x, w, _ = self.layer.arrays()
        return x.nbytes + w.nbytes + x.itemsize * self.layer.filters * self.layer.outputs


AnyCase = Case | ChangingCase | LayerCase


def _public(name: str) -> Callable[..., Any]:
    """A function of fastconv.  asv skips the case for commits that lack it."""
    try:
        function: Callable[..., Any] = attrgetter(name)(fastconv)
    except AttributeError as error:
        raise NotImplementedError(f"this fastconv has no {name}") from error
    return function


def _samples(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Integers from 0 to 255, or numbers from 0 to 1 (in both parts if complex)."""
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return rng.integers(0, 256, shape).astype(dtype)
    samples = rng.random(shape)
    return (samples + 1j * rng.random(shape) if kind == "c" else samples).astype(dtype)


def _weights(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Small integers, or numbers that sum to one, so that results do not saturate."""
    samples = _samples(rng, shape, dtype)
    return samples % 4 if samples.dtype.kind in "iu" else samples / samples.sum(dtype=dtype)


def _image(name: str, group: str, k: int, **changes: Any) -> Case:
    """A k×k filter on an image of 2048×2048."""
    row = {"function": "correlate", "x": (2048, 2048), "w": (k, k), **changes}
    return Case(name, group, **row)


def _filter(name: str, group: str, dtype: str, **options: Any) -> Case:
    """A filter of fastconv.filters on an image of 2048×2048."""
    function = f"filters.{name.split()[0]}"
    return Case(f"{dtype} {name}", group, function, (2048, 2048), dtype=dtype, options=options)


def _photograph(name: str, dtype: str, channels: int = 3, k: int = 0, **options: Any) -> Case:
    """A filter on a photograph of 1920×1080, channels last; a dense one of k×k taps."""
    shape = (1080, 1920, channels)
    title = f"{dtype} {channels} colours {name}"
    if k:
        how = {"axes": (0, 1), "boundary": "mirror", "dtype": dtype}
        return Case(title, "colour", "correlate", shape, (k, k), dtype, options=how)
    function = f"filters.{name.split()[0]}"
    return Case(title, "colour", function, shape, dtype=dtype, options=options)


def _long(name: str, x: tuple[int, ...], w: tuple[int, ...], **options: Any) -> Case:
    """A kernel as long as a part of what it filters, or longer."""
    return Case(f"long {name}", "long", "correlate", x, w, options=options)


def _thin(name: str, x: tuple[int, ...], w: tuple[int, ...], **options: Any) -> Case:
    """A kernel along one axis of a long shape."""
    return Case(f"thin {name}", "thin", "correlate", x, w, options=options)


def _frames(name: str, x: tuple[int, ...], w: tuple[int, ...] = (), **changes: Any) -> Case:
    """A filter of each image of a stack: dense, or a Gaussian."""
    if w:
        how = {"axes": (1, 2), "boundary": "mirror", "dtype": changes.get("dtype", "float32")}
        return Case(name, "stacks", "correlate", x, w, options=how, **changes)
    return Case(name, "stacks", "filters.gaussian", x, options={"sigma": (0, 2, 2)}, **changes)


def _volume(name: str, **changes: Any) -> Case:
    """A filter of a volume of 128×128×128."""
    row = {"function": "correlate", "x": (128, 128, 128), **changes}
    return Case(f"volume {name}", "volumes", **row)


_ROWS: list[AnyCase] = [
    *(_image(f"dense {k}x{k}", "dense", k) for k in (3, 5, 7, 9, 11)),
    *(_image(f"dense {k}x{k}", "fft", k) for k in (15, 31, 63)),
    _image("diagonal 31x31", "dense", 31, diagonal=True),
    _image(
        "uint8 diagonal 31x31",
        "dense",
        31,
        diagonal=True,
        dtype="uint8",
        options={"dtype": "uint8"},
    ),
    *(
        _image(f"{dtype} 5x5", "dtypes", 5, dtype=dtype, w_dtype=w_dtype, options={"dtype": dtype})
        for dtype, w_dtype in [
            ("uint8", "float32"),
            ("int16", "float32"),
            ("uint16", "float32"),
            ("float16", "float16"),
            ("float64", "float64"),
            ("complex64", "complex64"),
            ("complex128", "complex128"),
        ]
    ),
    *(
        _image(f"{dtype} 5x5 exact", "dtypes", 5, dtype=dtype, w_dtype=dtype)
        for dtype in ("int32", "int64")
    ),
    *(
        _image(f"{boundary} 5x5", "borders", 5, options={"boundary": boundary})
        for boundary in ("constant", "nearest", "symmetric", "mirror", "wrap")
    ),
    *(_image(f"separable {k}x{k}", "separable", k, separable=True) for k in (3, 9, 31)),
    *(
        _filter(name, name.split()[0] if name.startswith("box") else "filters", dtype, **options)
        for dtype in ("float32", "uint8")
        for name, options in [
            *((f"gaussian {sigma}", {"sigma": sigma}) for sigma in (1, 2, 5, 10)),
            *((f"box {size}", {"size": size}) for size in (3, 15, 31)),
            ("sobel", {"axis": 1}),
            ("sobel magnitude", {}),
            ("laplace", {}),
        ]
    ),
    _image("signal 255", "ranks", 255, x=(1 << 20,), w=(255,)),
    *(_volume(f"{k}x{k}x{k}", w=(k, k, k)) for k in (3, 5)),
    *(
        _volume(name, function=f"filters.{name.split()[0]}", options=options)
        for name, options in [
            ("gaussian 2", {"sigma": 2}),
            ("box 5", {"size": 5}),
            ("sobel", {"axis": 0}),
        ]
    ),
    _image("tiny 3x3", "tiny", 3, x=(8, 8)),
    _image("tiny 3x3 planned", "tiny", 3, x=(8, 8), planned=True),
    *(
        _photograph(name, dtype, channels, k, **options)
        for dtype in ("uint8", "uint16", "float32")
        for name, channels, k, options in [
            ("3x3", 3, 3, {}),
            ("3x3", 4, 3, {}),
            ("5x5", 3, 5, {}),
            ("gaussian 1", 3, 0, {"sigma": 1, "channel_axis": -1}),
            ("gaussian 3", 3, 0, {"sigma": 3, "channel_axis": -1}),
            ("box 15", 3, 0, {"size": 15, "channel_axis": -1}),
            ("sepia", 3, 0, {}),
            ("grayscale", 3, 0, {}),
            ("invert", 3, 0, {"channel_axis": -1}),
        ]
    ),
    _long("3000 of 100000", (100_000,), (3000,)),
    _long("48000 of 480000", (480_000,), (48_000,)),
    _long("10^6 of 10^6", (1_000_000,), (1_000_000,)),
    _long("128x128 of 512x512", (512, 512), (128, 128)),
    _long("700x900 of 777x1311", (777, 1311), (700, 900)),
    _long("40x40x40 of 128x128x64", (128, 128, 64), (40, 40, 40)),
    _thin("first of 3 axes", (256, 64, 256), (9,), axes=0),
    _thin("first of 2 axes", (4096, 512), (31,), axes=0),
    _thin("last of 2 axes", (512, 4096), (31,), axes=1),
    _thin("3x3 of 3x10^6", (3, 1_000_000), (3, 3)),
    _thin("9 of 100000 rows of 16", (100_000, 16), (9,), axes=1),
    _frames("100 frames 3x3", (100, 256, 256), (3, 3)),
    _frames("100 frames gaussian 2", (100, 256, 256)),
    _frames("uint8 100 frames 3x3", (100, 256, 256), (3, 3), dtype="uint8"),
    _frames("uint8 100 frames gaussian 2", (100, 256, 256), dtype="uint8"),
    _frames("uint8 20 frames of 3 colours 5x5", (20, 480, 640, 3), (5, 5), dtype="uint8"),
    _frames("10000 images of 16x16 3x3", (10_000, 16, 16), (3, 3)),
    ChangingCase("new shapes 8 to 64 3x3", "changing", "shape", (8, 64), 3),
    ChangingCase("uint8 new shapes 8 to 64 5x5", "changing", "shape", (8, 64), 5, "uint8"),
    ChangingCase("new shapes 200 to 300 5x5", "changing", "shape", (200, 300), 5),
    ChangingCase("new kernels 3x3 of 64x64", "changing", "kernel", (8, 64), 3),
    ChangingCase("new kernels 9x9 of 256x256", "changing", "kernel", (8, 256), 9),
    Case(
        "transposed 4x4 s2",
        "layers",
        "conv_transpose2d",
        (1, 64, 28, 28),
        (64, 32, 4, 4),
        options={"stride": 2, "padding": 1},
    ),
    *(
        LayerCase(
            f"{kind} {step}", "gradients" if step in ("input", "weight") else "layers", layer, step
        )
        for step in STEPS
        for kind, layer in KINDS.items()
    ),
]

CASES: dict[str, AnyCase] = {case.name: case for case in _ROWS}


def names(*groups: str) -> list[str]:
    """Return the names of the cases of some groups, in the order of the table."""
    return [name for name, case in CASES.items() if case.group in groups]
