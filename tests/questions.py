"""What `stateful` asks: small questions of every family, each with its answer from the oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import by_taps
import numpy as np
import oracle
from oracle import Expected
from tolerance import assert_close

import fastconv as fc

Arrays = list[np.ndarray]
Shape = tuple[int, ...]
FORMS = ("dense", "dense", "outer", "sparse", "uniform")
UNDERFLOW = 1e-30
"""An error of transforms of subnormal numbers, which are not rounded relative to their size."""
FAST = 3e-5
"""Of ``abs(x).max() * abs(w).sum()``: what ``precision="fast"`` promises."""


@dataclass(frozen=True)
class Answer:
    """What a question must give, and how near."""

    expected: Expected
    dtype: np.dtype
    compute: np.dtype
    atol: float | None
    digest: tuple
    algorithm: str

    @property
    def shape(self) -> Shape:
        return self.expected.values.shape

    def check(self, got: np.ndarray) -> None:
        """Hold a result against it."""
        assert got.dtype.newbyteorder("=") == self.dtype, f"{got.dtype}, not {self.dtype}"
        native = np.array(got, self.dtype)
        if self.atol is None:
            assert_close(native, self.expected, compute=self.compute)
            return
        values = self.expected.values
        assert native.shape == values.shape, f"{native.shape}, not {values.shape}"
        with np.errstate(invalid="ignore"):
            off = np.abs(native - values)
        wrong = np.where(np.isfinite(values), ~(off <= self.atol), np.isfinite(native))
        assert not wrong.any(), (
            f"{wrong.sum()} of {wrong.size} outputs are off by more than {self.atol:.3g}, "
            f"by up to {np.nanmax(off[wrong], initial=0):.3g}"
        )


@dataclass(frozen=True)
class Question:
    """A call with everything decided but the numbers, and where they lie."""

    family: str
    call_name: str
    x: Shape
    w: tuple[Shape, ...]
    how: dict[str, Any] = field(default_factory=dict)
    bias: int = 0
    dtypes: tuple[str, ...] = ("f4",)
    """Of the samples; of samples and weights; or also of the result."""
    algorithms: tuple[str, ...] = ("auto",)
    size: Shape = ()
    """Of the input or the weights whose gradient is asked for."""

    @property
    def name(self) -> str:
        how = ",".join(f"{key}={value}" for key, value in self.how.items())
        shapes = " ".join("x".join(map(str, shape)) for shape in (self.x, *self.w))
        return f"{self.call_name}({shapes} {how})".replace(" )", ")")

    # The numbers.

    def draw(self, rng: np.random.Generator, kind: str, algorithm: str) -> dict[str, Arrays]:
        """Samples, weights and bias."""
        samples, weights, *_ = (np.dtype(each) for each in kind.split(":") * 2)
        x = numbers(rng, self.x, samples, 9)
        if samples.kind == "f" and np.dtype(kind[-2:]).kind == "f" and rng.random() < 0.04:
            x[tuple(rng.integers(n) for n in self.x)] = np.nan
        form = {"box": "uniform", "sparse": "sparse"}.get(algorithm) or str(rng.choice(FORMS))
        structured = self.family == "image" and len(self.w) == 1
        w = [formed(rng, shape, weights, form if structured else "dense") for shape in self.w]
        return {"x": [x], "w": w, "bias": [numbers(rng, (self.bias,), samples, 3)][: self.bias]}

    def accepts(self, w: Arrays, algorithm: str) -> bool:
        """Whether an algorithm takes such weights."""
        if algorithm == "box":
            return bool((w[0] == w[0].flat[0]).all())
        return algorithm != "sparse" or 2 * np.count_nonzero(w[0]) <= w[0].size

    # The answer.

    def ask(self, xs: Arrays, ws: Arrays, biases: Arrays, kind: str, algorithm: str) -> Answer:
        (x,), bias = xs, biases[0] if biases else None
        expected = self.reference(x, ws, bias)
        operands = np.result_type(x, *ws, *biases)
        if self.family == "filter":
            operands = x.dtype
        dtype = np.dtype(kind.split(":")[2]) if kind.count(":") > 1 else operands
        compute = np.result_type(operands, np.float32)
        atol = self.atol(x, ws, expected, operands, algorithm)
        if dtype.kind in "iu" and operands.kind == "f":
            atol = 0.501  # rounded
        if self.call_name == "gaussian" and kind == "u1":
            atol = 0.6  # rounded, and in fixed point
        digest = tuple(each.tobytes() for each in (x, *ws, *biases))
        return Answer(expected, dtype, compute, atol, (hash(digest),), algorithm)

    def atol(
        self, x: np.ndarray, ws: Arrays, expected: Expected, dtype: np.dtype, algorithm: str
    ) -> float | None:
        """The bound where that of a plain sum does not hold."""
        if dtype.kind not in "fc":
            return 0.501 if self.family == "filter" else None  # rounded
        largest = np.nanmax(expected.magnitude, initial=0)
        eps = float(np.finfo(np.result_type(dtype, np.float32)).eps)
        if dtype == np.float16:
            return float(largest * 2e-3 + np.finfo(np.float16).smallest_subnormal)
        layer = self.family in ("layer", "transposed", "input")
        if layer and dtype == np.float32 and self.how.get("precision") != "strict":
            filters = np.abs(ws[0]).astype(float)
            axis = 0 if self.family == "layer" else 1
            sums = np.moveaxis(filters, axis, 0).reshape(filters.shape[axis], -1).sum(axis=1).max()
            fast = FAST * np.nanmax(np.abs(x), initial=0) * sums
            return max(float(fast), float(eps * largest), UNDERFLOW)  # a large bias rounds, too
        if algorithm in ("auto", "fft", "separable"):
            widest = np.nanmax(np.abs(x), initial=0) * np.prod(
                [np.abs(w).sum() for w in ws] or [1.0]
            )
            return max(float(eps * (expected.terms + 30) * max(largest, widest)), UNDERFLOW)
        return None

    def reference(self, x: np.ndarray, ws: Arrays, bias: np.ndarray | None) -> Expected:
        how = {k: v for k, v in self.how.items() if k not in ("layout", "precision", "sigma")}
        if self.family == "image":
            ask = oracle.by_taps
            kernel: Any = tuple(ws) if len(ws) > 1 else ws[0]
            if self.call_name == "convolve":
                kernel = tuple(w[::-1] for w in ws) if len(ws) > 1 else np.flip(ws[0])
            found = ask(x, kernel, **how)
            return wide(found)
        if self.family == "filter":
            return wide(oracle.by_taps(x, FILTERS[self.call_name](self), boundary="symmetric"))
        last = str(self.how.get("layout", "")).endswith("C")
        x = np.moveaxis(x, -1, 1) if last else x
        if self.family == "layer":
            found = by_taps.conv(x, ws[0], bias, **how)
        elif self.family == "transposed":
            found = by_taps.conv_transpose(x, ws[0], bias, **how)
        elif self.family == "input":
            like = np.moveaxis(np.zeros(self.size), -1, 1) if last else np.zeros(self.size)
            found, _ = by_taps.conv_gradients(like, ws[0], x, **how)
        else:
            upper = np.moveaxis(ws[0], -1, 1) if last else ws[0]
            _, found = by_taps.conv_gradients(x, np.zeros(self.size), upper, **how)
            last = False
        if not last:
            return found
        values, magnitude = (np.moveaxis(a, 1, -1) for a in (found.values, found.magnitude))
        return Expected(values, magnitude, found.terms)

    # The call.

    def call(
        self,
        arrays: dict[str, Arrays],
        algorithm: str,
        out: np.ndarray | None,
        backend: str | None,
        threads: int,
        dtype: np.dtype,
    ) -> np.ndarray:
        x, bias = arrays["x"][0], arrays["bias"][0] if arrays["bias"] else None
        how = self.how | {"out": out, "backend": backend, "threads": threads}
        if self.family in ("image", "layer", "transposed"):
            how["algorithm"] = algorithm
        if self.family == "image":
            if out is None and dtype != np.result_type(x, *arrays["w"]):
                how["dtype"] = dtype
            return getattr(fc, self.call_name)(x, kernel_of(arrays["w"]), **how)
        if self.family == "filter":
            first = (
                (how.pop("sigma"),)
                if "sigma" in how
                else (how.pop("size"),)
                if "size" in how
                else ()
            )
            return getattr(fc.filters, self.call_name)(x, *first, **how)
        if self.family in ("layer", "transposed"):
            return getattr(fc, self.call_name)(x, arrays["w"][0], bias, **how)
        function = getattr(fc.nn.grad, self.call_name)
        if self.family == "input":
            return function(self.size, arrays["w"][0], x, **how)
        return function(x, self.size, arrays["w"][0], **how)

    @property
    def plan_function(self) -> Callable[..., Any] | None:
        if self.family not in ("image", "layer", "transposed"):
            return None
        return getattr(fc, f"plan_{self.call_name}", None)

    def plan(
        self,
        arrays: dict[str, Arrays],
        algorithm: str,
        backend: str,
        threads: int,
        dtype: np.dtype,
    ) -> Any:
        x = arrays["x"][0]
        how = self.how | {"backend": backend, "threads": threads, "algorithm": algorithm}
        assert self.plan_function is not None
        if self.family == "image":
            if dtype != np.result_type(x, *arrays["w"]):
                how["dtype"] = dtype
            return self.plan_function(x.shape, x.dtype, kernel_of(arrays["w"]), **how)
        bias = arrays["bias"][0] if arrays["bias"] else None
        return self.plan_function(x.shape, x.dtype, arrays["w"][0], bias, **how)


def kernel_of(ws: Arrays) -> Any:
    return tuple(ws) if len(ws) > 1 else ws[0]


def wide(found: Expected) -> Expected:
    """With values that are floats, not objects."""
    kind = complex if any(isinstance(v, complex) for v in np.ravel(found.values)[:1]) else float
    values = found.values if found.values.dtype.kind in "fc" else found.values.astype(kind)
    return Expected(values, found.magnitude.astype(float), found.terms)


def numbers(rng: np.random.Generator, shape: Shape, dtype: np.dtype, most: int) -> np.ndarray:
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0 if dtype.kind in "ub" else -most, most + 1, shape).astype(dtype)


def formed(rng: np.random.Generator, shape: Shape, dtype: np.dtype, form: str) -> np.ndarray:
    """Weights of a form that algorithms are chosen by."""
    if form == "uniform":
        return np.full(shape, numbers(rng, (), dtype, 3) + dtype.type(4))
    if form == "outer":
        factors = [numbers(rng, (n,), dtype, 2) for n in shape]
        return reduce(np.multiply.outer, factors).astype(dtype)
    w = numbers(rng, shape, dtype, 3)
    if form == "sparse":
        w.flat[rng.permutation(w.size)[: -(-6 * w.size // 10)]] = 0
    return w


def bell(question: Question) -> tuple[np.ndarray, ...]:
    sigma = question.how["sigma"]
    radius = int(4 * sigma + 0.5)
    heights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return (heights / heights.sum(),) * len(question.x)


FILTERS: dict[str, Callable[[Question], Any]] = {
    "gaussian": bell,
    "box": lambda q: np.full((q.how["size"],) * len(q.x), 1 / q.how["size"] ** len(q.x)),
    "sobel": lambda q: np.multiply.outer([-1.0, 0, 1], [1.0, 2, 1]),
    "laplace": lambda q: np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]),
}


def images(call: str) -> list[Question]:
    def of(x: Shape, *w: Shape, **more: Any) -> Question:
        about = {key: more.pop(key) for key in ("dtypes", "algorithms") if key in more}
        return Question("image", call, x, w, more, **about)

    every = ("f4", "f8", "i2", "u1:i2", "c8", "f4:f8", "f2", "f4:f4:f8", "f4:f4:i2")
    return [
        of((37,), (5,), boundary="mirror", dtypes=every),
        of((300,), (24,), mode="valid", dtypes=("f4", "f8")),
        of((64,), (64,), mode="full", dtypes=("f8",)),
        of((200,), (31,), algorithms=("fft",), dtypes=("f4", "f8")),
        of((19, 23), (3, 3), dtypes=every),
        of((19, 23), (3, 5), boundary="wrap", algorithms=("direct", "auto"), dtypes=every),
        of((17, 18), (4, 2), mode="full", boundary="nearest", dtypes=("f4", "f8", "i4")),
        of((21, 22), (3, 3), stride=2, dilation=(2, 1), boundary="symmetric", dtypes=every),
        of((16, 24), (5, 7), axes=(1, 0), origin=(1, -2), dtypes=("f4", "f8")),
        of((15, 17, 3), (3, 3), axes=(0, 1), boundary="mirror", dtypes=("f4", "u1:i2", "f8")),
        of((25, 33), (9,), (7,), algorithms=("separable", "direct"), dtypes=("f4", "f8")),
        of((25, 33), (5, 5), algorithms=("sparse",), dtypes=("f4", "f8", "i4")),
        of((25, 33), (5, 7), algorithms=("box",), boundary="nearest", dtypes=("f4", "f8", "i4")),
        of((40, 44), (9, 9), algorithms=("fft",), boundary="mirror", dtypes=("f4", "f8")),
        of((6, 7, 8), (3, 3, 2), boundary="wrap", dtypes=("f4", "f8", "i4")),
        of((3, 1, 9), (1, 3), axes=(0, 2), mode="same", dtypes=("f4", "f8")),
    ]


def layers() -> list[Question]:
    def of(rank: int, x: Shape, w: Shape, **more: Any) -> Question:
        about = {key: more.pop(key) for key in ("dtypes", "algorithms", "bias") if key in more}
        return Question("layer", f"conv{rank}d", x, (w,), more, **about)

    summed = ("auto", "winograd", "gemm", "direct")
    relu, relu6 = {"activation": "relu"}, {"activation": "relu6"}
    return [
        of(2, (1, 16, 10, 11), (20, 16, 3, 3), padding=1, algorithms=summed),
        of(2, (2, 16, 8, 8), (16, 16, 3, 3), bias=16, algorithms=summed, **relu),
        of(2, (2, 9, 8, 16), (35, 16, 3, 3), layout="NHWC", algorithms=summed),
        of(2, (1, 16, 12, 12), (17, 16, 5, 5), padding=2, algorithms=("winograd", "fft")),
        of(2, (1, 16, 9, 9), (16, 16, 3, 3), padding=1, precision="strict"),
        of(1, (2, 16, 23), (17, 16, 3), bias=17, padding=1, algorithms=summed),
        of(2, (1, 5, 9, 9), (7, 5, 3, 3), stride=2, bias=7, dtypes=("f4", "f8", "i4", "f2")),
        of(2, (2, 6, 7, 8), (4, 3, 2, 3), groups=2, dilation=2, padding=2, dtypes=("f4", "f8")),
        of(2, (1, 3, 8, 9), (8, 3, 3, 3), padding=1, boundary="wrap", algorithms=("auto", "gemm")),
        of(2, (2, 16, 6, 6), (16, 16, 1, 1), algorithms=("auto", "pointwise", "gemm")),
        of(2, (2, 6, 6, 16), (24, 16, 1, 1), layout="NHWC", bias=24, dtypes=("f4", "f8")),
        of(2, (1, 16, 8, 9), (16, 1, 3, 3), groups=16, padding=1, algorithms=("auto", "depthwise")),
        of(2, (1, 8, 9, 16), (16, 1, 3, 3), groups=16, padding=1, layout="NHWC", bias=16, **relu),
        of(2, (1, 8, 9, 16), (16, 1, 5, 5), groups=16, padding=2, layout="NHWC", bias=16, **relu6),
        of(2, (2, 16, 8, 8), (17, 16, 3, 3), bias=17, algorithms=summed, **relu6),
        of(2, (2, 16, 6, 6), (16, 16, 1, 1), algorithms=("pointwise", "gemm"), **relu6),
        of(2, (1, 5, 9, 9), (7, 5, 3, 3), stride=2, bias=7, dtypes=("f4", "f8", "i4"), **relu6),
        of(2, (1, 2, 20, 20), (2, 2, 7, 7), algorithms=("fft", "direct"), **relu6),
        of(1, (2, 3, 30), (4, 3, 4), bias=4, dtypes=("f4", "c8", "f8", "i4")),
        of(3, (1, 2, 5, 6, 7), (3, 2, 2, 3, 2), padding=1, dtypes=("f4", "f8")),
        of(3, (1, 16, 5, 6, 6), (16, 16, 3, 3, 3), padding=1, algorithms=("auto", "winograd")),
        of(2, (1, 16, 3, 3), (1, 16, 3, 3), padding=1),
        of(2, (2, 1, 8, 8), (9, 1, 3, 3), bias=9),
    ]


def others() -> list[Question]:
    def of(family: str, call: str, x: Shape, *w: Shape, **more: Any) -> Question:
        about = {key: more.pop(key) for key in ("dtypes", "algorithms", "bias") if key in more}
        size = more.pop("of", ())
        return Question(family, call, x, w, more, size=size, **about)

    both = ("f4", "f8")
    pixels = ("f4", "f8", "u1")
    last = {"layout": "NHWC"}
    return [
        of("transposed", "conv_transpose2d", (1, 16, 2, 2), (16, 16, 2, 2), stride=2),
        of("transposed", "conv_transpose2d", (1, 16, 2, 3), (16, 16, 1, 1), stride=2),
        of(
            "transposed", "conv_transpose2d", (2, 4, 5, 5), (4, 3, 3, 3), stride=2, bias=6, groups=2
        ),
        of("transposed", "conv_transpose2d", (1, 6, 6, 16), (16, 17, 3, 3), padding=1, **last),
        of("transposed", "conv_transpose1d", (2, 3, 9), (3, 4, 4), stride=3, dtypes=(*both, "i4")),
        of("transposed", "conv_transpose3d", (1, 2, 3, 3, 4), (2, 3, 2, 2, 3), dtypes=both),
        of("input", "conv2d_input", (1, 20, 8, 8), (20, 16, 3, 3), of=(1, 16, 8, 8), padding=1),
        of("input", "conv2d_input", (1, 16, 6, 6), (16, 16, 1, 1), of=(1, 16, 6, 6)),
        of("input", "conv2d_input", (1, 4, 4, 5), (5, 3, 3, 3), of=(1, 9, 9, 3), stride=2, **last),
        of("input", "conv1d_input", (2, 4, 9), (4, 2, 3), of=(2, 2, 9), padding=1, boundary="wrap"),
        of("input", "conv3d_input", (1, 2, 3, 3, 3), (2, 2, 2, 2, 2), of=(1, 2, 4, 4, 4)),
        of("weight", "conv2d_weight", (2, 16, 8, 8), (2, 17, 6, 6), of=(17, 16, 3, 3)),
        of(
            "weight", "conv2d_weight", (2, 9, 9, 4), (2, 4, 4, 6), of=(6, 4, 3, 3), stride=2, **last
        ),
        of(
            "weight",
            "conv2d_weight",
            (1, 16, 8, 8),
            (1, 16, 8, 8),
            of=(16, 1, 3, 3),
            groups=16,
            padding=1,
        ),
        of("weight", "conv1d_weight", (2, 3, 20), (2, 4, 18), of=(4, 3, 3), dtypes=both),
        of("weight", "conv3d_weight", (1, 2, 4, 4, 5), (1, 3, 3, 3, 4), of=(3, 2, 2, 2, 2)),
        of("filter", "gaussian", (30, 40), sigma=1.5, dtypes=pixels),
        of("filter", "gaussian", (30, 40), sigma=3.0, dtypes=("f4", "u1")),
        of("filter", "box", (30, 40), size=5, dtypes=pixels),
        of("filter", "sobel", (30, 40), axis=0, dtypes=both),
        of("filter", "laplace", (30, 40), dtypes=both),
    ]


QUESTIONS = [*images("correlate"), *images("convolve")[::3], *layers(), *others()]
