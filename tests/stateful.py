"""Calls of every kind, one after the other, that share shapes while all else changes between them.

    python tests/stateful.py SEED STOP          steps 0 .. STOP - 1 of a seed
    python tests/stateful.py SEED FIRST STOP    steps FIRST .. STOP - 1 alone

A step draws a question of `questions`, arrays in the memory of a pool, and a way to ask: a call, or
a plan that is new, known, copied or pickled; on a backend, on some threads, into some ``out``.  The
result is held against the oracle and against the bits that the same question gave before; no byte
beside the result may change.  Steps depend on their number and the seed alone, so that a shorter
list of them often fails the same way.
"""

from __future__ import annotations

import copy
import gc
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, TextIO

import numpy as np
from questions import QUESTIONS, Answer, Question

import fastconv as fc

STEPS = int(os.environ.get("FASTCONV_STATEFUL_STEPS", "2000"))
"""Steps that a run of the tests makes."""
MARGIN = 64
BUFFER = 1 << 16
HOT = 4
"""Questions that take turns for a while."""
EPOCH = 50
"""Steps until others do."""
MOST_PLANS = 60
MOST_ANSWERS = 4000


@dataclass(frozen=True)
class Layout:
    """How an array lies in memory."""

    order: tuple[int, ...]
    """Its axes from the outermost to the innermost in memory."""
    reversed: tuple[bool, ...]
    gap: int = 1
    """Items from one to the next."""
    pad: int = 0
    """Bytes between them, as in a record."""
    shift: int = 0
    """Bytes from where an item may lie."""
    bytes: str = "="
    repeated: int | None = None
    """An axis along which it is broadcast."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, shape: tuple[int, ...], read: bool) -> Layout:
        axes = range(len(shape))
        plain = cls(tuple(axes), (False,) * len(shape))
        if rng.random() < 0.4:
            return plain
        order = tuple(axes)
        if rng.random() < 0.4:
            order = tuple(int(i) for i in rng.permutation(len(shape)))
        elif len(shape) > 2 and rng.random() < 0.3:
            order = (0, *range(2, len(shape)), 1)
        return cls(
            order,
            tuple(bool(rng.random() < 0.1) for _ in axes),
            int(rng.choice([1, 1, 1, 2, 3])),
            int(rng.choice([0, 0, 0, 0, 0, 1, 2])),
            int(rng.choice([0, 0, 0, 0, 1, 3])),
            str(rng.choice(["=", "=", "=", "<", ">"])),
            int(rng.integers(len(shape))) if read and shape and rng.random() < 0.15 else None,
        )

    def __str__(self) -> str:
        said = "" if self.order == tuple(range(len(self.order))) else "T"
        said += "".join(str(i) for i in self.order) if said else ""
        said += "r" if any(self.reversed) else ""
        said += f"g{self.gap}" if self.gap > 1 else ""
        said += f"p{self.pad}" if self.pad else ""
        said += f"s{self.shift}" if self.shift else ""
        said += self.bytes if self.bytes != "=" else ""
        said += f"b{self.repeated}" if self.repeated is not None else ""
        return said or "c"


@dataclass
class Part:
    """An array in a buffer."""

    array: np.ndarray
    buffer: np.ndarray
    start: int
    stop: int
    said: str

    def fill(self, values: np.ndarray) -> None:
        source = self.array
        for axis, step in enumerate(source.strides):
            if not step and source.shape[axis] > 1:
                source = source[(slice(None),) * axis + (slice(0, 1),)]
                values = values[(slice(None),) * axis + (slice(0, 1),)]
        source[...] = values

    def bytes(self) -> np.ndarray:
        """Which bytes of the buffer belong to it."""
        mask = np.zeros(self.buffer.size, bool)
        array = self.array
        shape, strides = (*array.shape, array.itemsize), (*array.strides, 1)
        first = array.__array_interface__["data"][0] - self.buffer.__array_interface__["data"][0]
        np.ndarray(shape, bool, mask, first, strides)[...] = True
        return mask


class Pool:
    """Memory that arrays share, now and later."""

    def __init__(self) -> None:
        self.buffers: list[np.ndarray] = []
        self.own: list[np.ndarray] = []

    def prepare(self, rng: np.random.Generator) -> None:
        """Free some memory, and take other."""
        self.own.clear()
        if self.buffers and rng.random() < 0.03:
            self.buffers.pop(int(rng.integers(len(self.buffers))))
        while len(self.buffers) < 3:
            self.buffers.append(rng.integers(0, 255, BUFFER, np.uint8))

    def take(
        self,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        dtype: np.dtype,
        layout: Layout,
        near: Part | None,
    ) -> Part:
        """An array, near another one if it may share its memory."""
        item = dtype.itemsize
        strides, step = [0] * len(shape), item * layout.gap + layout.pad
        for axis in reversed(layout.order):
            if axis != layout.repeated:
                strides[axis], step = step, step * max(shape[axis], 1)
        span = item + sum((n - 1) * s for n, s in zip(shape, strides, strict=True) if n)
        shift = layout.shift % item
        place = int(rng.integers(8))
        least = most = -1
        if near is not None:  # items begin where those of the other array do
            most = min(near.stop - near.start - 1, near.buffer.size - MARGIN - span - near.start)
            least, most = -min(span - 1, near.start) // item + 1, most // item
        if near is not None and least <= most:
            buffer, name = near.buffer, "over"
            start = near.start + item * int(rng.integers(least, most + 1))
        elif place == 0 or span > BUFFER // 2:
            buffer, start, name = np.zeros(span + 2 * MARGIN, np.uint8), MARGIN, "own"
            self.own.append(buffer)
        else:
            place %= len(self.buffers)
            buffer, name = self.buffers[place], f"m{place}"
            start = int(rng.integers((BUFFER - span) // MARGIN)) * MARGIN + shift
            start = min(start, BUFFER - MARGIN - span)
        first = start
        for axis, turned in enumerate(layout.reversed):
            if turned and shape[axis]:
                first, strides[axis] = first + (shape[axis] - 1) * strides[axis], -strides[axis]
        kind = dtype if layout.bytes == "=" else dtype.newbyteorder(layout.bytes)
        array = np.ndarray(shape, kind, buffer, first, strides)
        return Part(array, buffer, start, start + span, f"{layout}@{name}")


class Machine:
    """What calls may leave behind for the next ones: arrays, plans, and what the package keeps."""

    def __init__(self, seed: int, log: TextIO | None = None) -> None:
        self.seed = seed
        self.log = log
        self.pool = Pool()
        self.plans: OrderedDict[tuple, Any] = OrderedDict()
        self.answers: OrderedDict[tuple, np.ndarray] = OrderedDict()
        self.backends = fc.available_backends()
        self.repeats = 0
        self.asked: set[str] = set()

    def run(self, steps: Iterable[int]) -> None:
        for step in steps:
            self.step(step)

    def step(self, number: int) -> None:
        rng = np.random.default_rng((self.seed, number))
        question = self.question(rng, number)
        variant = int(rng.integers(3))
        # What may come again: values, layouts, and dtypes.
        drawn = np.random.default_rng((self.seed, QUESTIONS.index(question), variant))
        kind, algorithm = str(drawn.choice(question.dtypes)), str(drawn.choice(question.algorithms))
        backend, threads = str(rng.choice(self.backends)), int(rng.choice([1, 2, 3]))
        self.pool.prepare(rng)
        parts = self.arguments(rng, drawn, question, kind, algorithm)
        arrays = {name: [part.array for part in group] for name, group in parts.items()}
        said = " ".join(part.said for group in parts.values() for part in group)
        self.write(f"{number} {question.name} {kind} {algorithm} {backend} t{threads} {said}")

        x, w, bias = (list(map(native, arrays[name])) for name in ("x", "w", "bias"))
        answer = question.ask(x, w, bias, kind, algorithm)
        way = str(rng.choice(["argument", "block", "process"]))
        planned = question.plan_function is not None and arrays["x"][0].dtype.isnative
        if planned and rng.random() < 0.5:
            way, plan, w, bias = self.plan(
                rng, question, arrays, kind, answer, backend, threads, number
            )
            answer = question.ask(x, w, bias, kind, algorithm)
            self.scribble(rng, parts)
        out, layout = self.receiver(rng, drawn, parts, answer)
        self.write(f"    {way} -> {out.said if out else 'new'}")
        before = [(buffer, buffer.copy()) for buffer in (*self.pool.buffers, *self.pool.own)]
        into = None if out is None else out.array
        if "plan" in way:
            got = plan(arrays["x"][0], into)
        else:
            got = self.called(
                way,
                backend,
                lambda name: question.call(arrays, algorithm, into, name, threads, answer.dtype),
            )
        assert into is None or got is into, "the result is not out"
        self.untouched(before, out)
        answer.check(got)
        read = parts["x"] + parts["w"]
        layouts = (layout, *(part.said.partition("@")[0] for part in read))
        # What is not aligned is copied, and so is a result that lies over what is read.
        into_copy = into is not None and any(
            np.may_share_memory(into, part.array) for group in parts.values() for part in group
        )
        copied = (into_copy, *(not part.array.flags.aligned for part in (out, *read) if part))
        layouts += (str(copied),)
        self.compare((question.name, kind, algorithm, backend, layouts, answer.digest), got)
        self.asked.add(question.name)

    def question(self, rng: np.random.Generator, number: int) -> Question:
        """One of those that are asked at the time, or any."""
        if rng.random() < 0.15:
            return QUESTIONS[rng.integers(len(QUESTIONS))]
        epoch = np.random.default_rng((self.seed, number // EPOCH, 1))
        return QUESTIONS[rng.choice(epoch.permutation(len(QUESTIONS))[:HOT])]

    def arguments(
        self,
        rng: np.random.Generator,
        drawn: np.random.Generator,
        question: Question,
        kind: str,
        algorithm: str,
    ) -> dict[str, list[Part]]:
        """Arrays of each argument, which may lie over each other."""
        parts: dict[str, list[Part]] = {}
        values = question.draw(drawn, kind, algorithm)
        overlap = rng.random() < 0.25
        for name, arrays in values.items():
            parts[name] = []
            for array in arrays:
                layout = Layout.drawn(drawn, array.shape, read=True)
                before = [part for group in parts.values() for part in group]
                near = before[rng.integers(len(before))] if overlap and before else None
                if near is not None and near.array.dtype != array.dtype:
                    near = None
                if near is not None:
                    layout = Layout(tuple(range(array.ndim)), (False,) * array.ndim)
                part = self.pool.take(rng, array.shape, array.dtype, layout, near)
                parts[name].append(part)
        keep = rng.random() < 0.2
        for name, group in parts.items():
            for part, array in zip(group, values[name], strict=True):
                if not (keep and tame(part.array)):
                    part.fill(array)
        fit = question.accepts([native(part.array) for part in parts["w"]], algorithm)
        drawn = chain.from_iterable(parts.values())
        if not fit or any(not tame(part.array, True) for part in drawn):
            return self.apart(values)
        for group in parts.values():
            for part in group:
                part.array.flags.writeable = rng.random() < 0.8
        return parts

    def apart(self, values: dict[str, list[np.ndarray]]) -> dict[str, list[Part]]:
        """Arrays that share no item, where others gave each other numbers of no use."""
        self.pool.own.clear()
        parts: dict[str, list[Part]] = {}
        for name, arrays in values.items():
            parts[name] = []
            for array in arrays:
                buffer = np.zeros(array.nbytes + 2 * MARGIN, np.uint8)
                self.pool.own.append(buffer)
                whole = np.ndarray(array.shape, array.dtype, buffer, MARGIN)
                whole[...] = array
                stop = MARGIN + array.nbytes
                parts[name].append(Part(whole, buffer, MARGIN, stop, "c@own"))
        return parts

    def receiver(
        self,
        rng: np.random.Generator,
        drawn: np.random.Generator,
        parts: dict[str, list[Part]],
        answer: Answer,
    ) -> tuple[Part | None, str]:
        """Where the result goes: nowhere yet, into the pool, or over what is read."""
        plain = Layout(tuple(range(len(answer.shape))), (False,) * len(answer.shape))
        if drawn.random() < 0.3:
            return None, str(plain)
        read = [part for group in parts.values() for part in group]
        over = read[rng.integers(len(read))] if rng.random() < 0.4 else None
        if over is not None:
            same = over.array.shape == answer.shape and over.array.dtype == answer.dtype
            if same and all(over.array.strides) and rng.random() < 0.5:
                over.array.flags.writeable = True
                return over, over.said.partition("@")[0]
        layout = Layout.drawn(drawn, answer.shape, read=False)
        part = self.pool.take(rng, answer.shape, answer.dtype, layout, over)
        return part, str(layout)

    def plan(
        self,
        rng: np.random.Generator,
        question: Question,
        arrays: dict[str, list[np.ndarray]],
        kind: str,
        answer: Answer,
        backend: str,
        threads: int,
        number: int,
    ) -> tuple[str, Any, list[np.ndarray], list[np.ndarray]]:
        """A plan, new or known, with the weights and the bias that it was made with."""
        key = (question.name, kind, arrays["x"][0].dtype, answer.algorithm, backend)
        if key not in self.plans or rng.random() < 0.3:
            plan = question.plan(arrays, answer.algorithm, backend, threads, answer.dtype)
            w, bias = (list(map(native, arrays[name])) for name in ("w", "bias"))
            self.plans[key] = plan, w, bias, number
            said = "new plan"
        else:
            plan, w, bias, made = self.plans.pop(key)
            said = f"plan of {made}"
            if rng.random() < 0.2:
                way = str(rng.choice(list(COPIES)))
                plan, said = COPIES[way](plan), f"{way} of {said}"
            self.plans[key] = plan, w, bias, made
        if rng.random() < 0.02:
            self.plans.clear()
            gc.collect()
        while len(self.plans) > MOST_PLANS:
            self.plans.popitem(last=False)
        return said, plan, w, bias

    @staticmethod
    def scribble(rng: np.random.Generator, parts: dict[str, list[Part]]) -> None:
        """Change the arrays that a plan was made with, which it has its own copies of."""
        x = parts["x"][0].array
        for part in (*parts["w"], *parts["bias"]):
            if rng.random() < 0.3 and not np.may_share_memory(part.array, x):
                part.array.flags.writeable = True
                part.fill(np.zeros(part.array.shape))

    @staticmethod
    def called(how: str, backend: str, call: Callable[[str | None], Any]) -> Any:
        if how == "argument":
            return call(backend)
        if how == "block":
            with fc.use_backend(backend):
                return call(None)
        fc.set_backend(backend)
        try:
            return call(None)
        finally:
            fc.set_backend(None)

    def untouched(self, before: list[tuple[np.ndarray, np.ndarray]], out: Part | None) -> None:
        for buffer, copied in before:
            changed = buffer != copied
            if out is not None and out.buffer is buffer:
                changed &= ~out.bytes()
            assert not changed.any(), f"{changed.sum()} bytes beside the result have changed"

    def compare(self, key: tuple, got: np.ndarray) -> None:
        first = self.answers.get(key)
        if first is None:
            self.answers[key] = np.array(got, copy=True)
            if len(self.answers) > MOST_ANSWERS:
                self.answers.popitem(last=False)
            return
        self.repeats += 1
        np.testing.assert_array_equal(got, first, "bits differ from those of the first call")

    def write(self, line: str) -> None:
        if self.log is not None:
            self.log.write(line + "\n")
            self.log.flush()


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": lambda plan: pickle.loads(pickle.dumps(plan)),
}


def native(array: np.ndarray) -> np.ndarray:
    """A copy in the byte order and the layout of new arrays."""
    return np.array(array, array.dtype.newbyteorder("="), order="C")


def tame(array: np.ndarray, nan: bool = False) -> bool:
    """Whether its numbers are small, or those that a question may hold."""
    with np.errstate(invalid="ignore"):
        small = np.abs(native(array)) <= 100
    return bool(np.all(small | np.isnan(array)) if nan else np.all(small))


def main(words: list[str]) -> None:
    seed, *ends = map(int, words)
    first, stop = next(pairwise([0, *ends][-2:]))
    machine = Machine(seed, sys.stdout)
    machine.run(range(first, stop))
    print(f"{stop - first} steps, {machine.repeats} of them with the arguments of another one")


if __name__ == "__main__":
    main(sys.argv[1:])
