"""Steps without Python: machine code, and what it is called with, in words of 64 bits.

An array is the number of the memory that it begins in, where in that memory, its extents and its
strides; where memories begin is told at each run.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.compiler_lock import global_compiler_lock
from numba.np.arrayobj import populate_array

from .atomics import WORD
from .entry import Entry

__all__ = ["CONSTANT", "COUNTS", "FAILED", "caller", "words_of"]

CONSTANT = 0
"""The memory that begins at address 0: of arrays that stay where they are."""
COUNTS, FAILED = 0, 2
"""What comes of a step: its results count, they do not (1), or its machine code gave up."""


def words_of(code: Entry, arguments: list[Any], places: dict[int, tuple[int, int]]) -> list[int]:
    """The words of a step: ``places`` has the memory and offset of arguments that move."""
    kinds = code.overload.signature.args
    words: list[int] = []
    for number, (kind, value) in enumerate(zip(kinds, arguments, strict=True)):
        words += _words(kind, value, places.get(number))
    return words


def _words(kind: types.Type, value: Any, place: tuple[int, int] | None) -> Iterator[int]:
    if isinstance(kind, types.Array):
        yield from place or (CONSTANT, value.ctypes.data)
        yield from value.shape
        yield from value.strides
    elif isinstance(kind, types.UniTuple):
        for item in value:
            yield from _words(kind.dtype, item, None)
    elif isinstance(kind, types.Float):
        yield from struct.unpack("q", struct.pack("d", value))
    else:
        yield int(value)


@cache
def caller(code: Entry) -> int:
    """The address of a function that calls machine code with the words of a step, and says what
    came of it.  It is told where the words are, and where the addresses of memories are.
    """
    overload, signature = code.overload, code.overload.signature
    context, described = overload.target_context, overload.fndesc
    name = f"call_{described.mangled_name}"
    module = context.create_module(name)
    function = ir.Function(module, ir.FunctionType(WORD, [WORD, WORD]), name)
    builder = ir.IRBuilder(function.append_basic_block())
    words = _Words(context, builder, *function.args)
    arguments = [words.value(kind) for kind in signature.args]
    kind = context.call_conv.get_function_type(described.restype, described.argtypes)
    address = overload.library.get_pointer_to_function(described.llvm_func_name)
    status, result = context.call_conv.call_function(
        builder,
        builder.inttoptr(ir.Constant(WORD, address), kind.as_pointer()),
        described.restype,
        described.argtypes,
        arguments,
    )
    counts = ir.Constant(WORD, COUNTS)
    if signature.return_type == types.boolean:
        counts = builder.zext(builder.not_(result), WORD)
    builder.ret(builder.select(status.is_ok, counts, ir.Constant(WORD, FAILED)))
    library = context.codegen().create_library(name)
    with global_compiler_lock:
        library.add_ir_module(module)
        library.finalize()
    _libraries.append(library)
    return int(library.get_pointer_to_function(name))


_libraries: list[Any] = []
"""What callers belong to."""


class _Words:
    """The words of a step as values of Numba's types, one after the other, into a builder."""

    def __init__(
        self, context: Any, builder: ir.IRBuilder, words: ir.Value, starts: ir.Value
    ) -> None:
        self._context, self._builder = context, builder
        pointer = WORD.as_pointer()
        self._words, self._starts = (builder.inttoptr(a, pointer) for a in (words, starts))
        self._next = 0

    def _word(self) -> ir.Value:
        place = self._builder.gep(self._words, [ir.Constant(WORD, self._next)])
        self._next += 1
        return self._builder.load(place)

    def value(self, kind: types.Type) -> ir.Value:
        """The next value."""
        builder, context = self._builder, self._context
        if isinstance(kind, types.Array):
            return self._array(kind)
        if isinstance(kind, types.UniTuple):
            items = [self.value(kind.dtype) for _ in range(kind.count)]
            return context.make_tuple(builder, kind, items)
        if isinstance(kind, types.Boolean):
            return builder.icmp_signed("!=", self._word(), ir.Constant(WORD, 0))
        whole = context.get_value_type(kind)
        if isinstance(kind, types.Float):
            number = builder.bitcast(self._word(), ir.DoubleType())
            return number if whole == ir.DoubleType() else builder.fptrunc(number, whole)
        return self._word() if whole == WORD else builder.trunc(self._word(), whole)

    def _array(self, kind: types.Array) -> ir.Value:
        builder, context = self._builder, self._context
        start = builder.load(builder.gep(self._starts, [self._word()]))
        address = builder.add(start, self._word())
        item = context.get_data_type(kind.dtype)
        made = context.make_array(kind)(context, builder)
        populate_array(
            made,
            data=builder.inttoptr(address, item.as_pointer()),
            shape=[self._word() for _ in range(kind.ndim)],
            strides=[self._word() for _ in range(kind.ndim)],
            itemsize=context.get_constant(types.intp, context.get_abi_sizeof(item)),
            meminfo=None,
        )
        return made._getvalue()
