"""Words of memory that several threads read and write, in LLVM's instructions, and what else
threads want of the system without Python.

A word is 64 bits at an address; addresses are numbers.
"""

from __future__ import annotations

import ctypes
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = [
    "WORD",
    "add",
    "call",
    "clock",
    "get",
    "give_way",
    "now",
    "put",
    "relax",
    "replace",
    "yielder",
]

WORD = ir.IntType(64)
INT = types.int64
PAUSE = ("llvm.x86.sse2.pause", ())
YIELD = ("llvm.aarch64.hint", (1,))
RELAX = {"x86_64": PAUSE, "AMD64": PAUSE, "aarch64": YIELD, "arm64": YIELD}


def _at(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    return builder.inttoptr(address, WORD.as_pointer())


def _atomic(emit: Callable[..., ir.Value | None], result: types.Type, operands: int) -> Any:
    """An intrinsic that takes an address and more words."""

    def code(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        address, *others = args
        value = emit(builder, _at(builder, address), *others)
        return context.get_dummy_value() if value is None else value

    return result(*(INT,) * (1 + operands)), code


@intrinsic
def get(typing_context: Any, address: Any) -> Any:
    """The word."""
    return _atomic(lambda b, at: b.load_atomic(at, "seq_cst", 8), INT, 0)


@intrinsic
def put(typing_context: Any, address: Any, value: Any) -> Any:
    """Write the word."""
    return _atomic(lambda b, at, value: b.store_atomic(value, at, "seq_cst", 8), types.void, 1)


@intrinsic
def add(typing_context: Any, address: Any, value: Any) -> Any:
    """Add to the word, and return what it was."""
    return _atomic(lambda b, at, value: b.atomic_rmw("add", at, value, "seq_cst"), INT, 1)


@intrinsic
def replace(typing_context: Any, address: Any, old: Any, new: Any) -> Any:
    """Write the word if it is the old one, and say whether it was."""

    def emit(builder: ir.IRBuilder, at: ir.Value, old: ir.Value, new: ir.Value) -> ir.Value:
        both = builder.cmpxchg(at, old, new, "seq_cst", "seq_cst")
        return builder.extract_value(both, 1)

    return _atomic(emit, types.boolean, 2)


@intrinsic
def relax(typing_context: Any) -> Any:
    """Tell the processor that this thread waits for a word."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        if platform.machine() in RELAX:
            name, numbers = RELAX[platform.machine()]
            operands = [ir.Constant(ir.IntType(32), number) for number in numbers]
            kind = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), operands)
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic
def give_way(typing_context: Any, address: Any) -> Any:
    """Call the function of the system that lets other threads have the processor."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [])
        return context.get_dummy_value()

    return types.void(INT), emit


def yielder() -> int:
    """Where that function is."""
    return _address("SwitchToThread" if sys.platform == "win32" else "sched_yield")


@intrinsic
def now(typing_context: Any, address: Any) -> Any:
    """Nanoseconds since some moment, by the system's clock: on Windows, hundreds of them, if its
    ticks are as long as they mostly are.
    """

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        moment = cgutils.alloca_once(builder, WORD, 2)
        given, kinds = [moment], [moment.type]
        if sys.platform != "win32":
            which = ir.Constant(ir.IntType(32), time.CLOCK_MONOTONIC)
            given, kinds = [which, moment], [which.type, moment.type]
        kind = ir.FunctionType(ir.IntType(32), kinds)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), given)
        first = builder.load(moment)
        if sys.platform == "win32":
            return builder.mul(first, ir.Constant(WORD, 100))
        second = builder.load(builder.gep(moment, [ir.Constant(WORD, 1)]))
        return builder.add(builder.mul(first, ir.Constant(WORD, 10**9)), second)

    return INT(INT), emit


def clock() -> int:
    """Where the function is that asks that clock."""
    return _address("QueryPerformanceCounter" if sys.platform == "win32" else "clock_gettime")


def _address(name: str) -> int:
    """Where a function of the system is."""
    if sys.platform == "win32":
        function = getattr(ctypes.WinDLL("kernel32"), name)
    else:
        function = getattr(ctypes.CDLL(None), name)
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


@intrinsic
def call(typing_context: Any, address: Any, first: Any, second: Any) -> Any:
    """Call a function of two words that returns one."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        kind = ir.FunctionType(WORD, [WORD, WORD])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return INT(INT, INT, INT), emit
