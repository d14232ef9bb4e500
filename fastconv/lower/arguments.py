"""Checks of single arguments: each returns the argument in a uniform form, or raises an error."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from numbers import Complex, Integral, Real
from reprlib import repr as brief
from typing import NoReturn

import numpy as np

from .. import algorithms, backends
from ..problem.boundary import TABLE as BORDERS
from ..problem.problem import Problem

__all__ = [
    "algorithm_name",
    "backend_name",
    "borders",
    "brief",
    "check_not_empty",
    "integer",
    "listed",
    "not_refused",
    "number",
    "one_of",
    "per_axis",
    "refuse",
    "thread_count",
    "whole_number",
]


def refuse(kind: type[Exception], argument: str, came: str, allowed: str) -> NoReturn:
    """Raise an error that names the argument, the value that came and what is allowed."""
    raise kind(f"{argument}: got {came}, allowed is {allowed}")


def _names(allowed: Sequence[object]) -> str:
    return ", ".join(repr(name) for name in allowed)


def one_of(value: object, argument: str, allowed: Sequence[object]) -> None:
    """Check that a value is one of a few strings (or None, if that is among them)."""
    if (type(value) is str or value is None) and value in allowed:
        return
    if not isinstance(value, str):
        refuse(TypeError, argument, brief(value), _names(allowed))
    if value not in allowed:
        refuse(ValueError, argument, brief(value), _names(allowed))


def backend_name(value: object, argument: str) -> str:
    """The name of a backend."""
    one_of(value, argument, backends.ORDER)
    return str(value)


def algorithm_name(value: object, argument: str) -> None:
    """Check the name of an algorithm, or "auto"."""
    one_of(value, argument, ("auto", *algorithms.ORDER))


def not_refused(problem: Problem, algorithm: str, refusal: str | None) -> None:
    """Raise the refusal of an algorithm that the user has chosen by name, if any."""
    if refusal is not None:
        raise ValueError(f"{problem.name}: algorithm={algorithm!r} cannot do this: {refusal}")


# -- numbers ------------------------------------------------------------------------------------


def integer(value: object, argument: str, least: int | None = None) -> int:
    """A whole number, as an ``int``."""
    if type(value) is int:
        result = value
    else:
        try:
            result = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            refuse(TypeError, argument, brief(value), "a whole number")
    if least is not None and result < least:
        refuse(ValueError, argument, brief(value), f"a whole number of at least {least}")
    return result


def whole_number(text: str, argument: str) -> int:
    """A whole number, from the text of an environment variable."""
    try:
        return int(text)
    except ValueError:
        refuse(ValueError, argument, brief(text), "a whole number")


def thread_count(value: object, argument: str) -> int:
    """A number of threads."""
    return integer(value, argument, least=1)


def listed(value: object) -> object:
    """An array or range of numbers as a list; anything else unchanged."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, range) else value


def per_axis(value: object, count: int, argument: str, least: int | None = None) -> list[int]:
    """One whole number for each filtered axis, from one for all or one for each."""
    if type(value) is not int:
        value = listed(value)
    if not isinstance(value, (tuple, list)):
        return [integer(value, argument, least)] * count
    if len(value) != count:
        refuse(ValueError, argument, brief(value), f"one number or {count}, one for each axis")
    numbers = [integer(item, argument) for item in value]
    if least is not None and min(numbers) < least:
        refuse(ValueError, argument, brief(value), f"whole numbers of at least {least}")
    return numbers


def number(value: object, argument: str) -> complex:
    """One number, as an ``int``, ``float`` or ``complex``."""
    if type(value) is float or type(value) is int:
        return value
    value = listed(value)
    if isinstance(value, (Integral, np.bool_)):
        return int(value)
    try:
        if isinstance(value, Real):
            return float(value)
        if isinstance(value, Complex):
            return complex(value)
    except OverflowError:
        refuse(ValueError, argument, brief(value), "a number that a double can hold")
    refuse(TypeError, argument, brief(value), "one number")


# -- borders ------------------------------------------------------------------------------------


def borders(
    value: object, count: int, argument: str, more: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """The border of each filtered axis, from one for all or one for each.

    ``more`` are further allowed names, which are not in the border table.
    """
    if not isinstance(value, (tuple, list)):
        return (_border(value, argument, more),) * count
    if len(value) != count:
        refuse(ValueError, argument, brief(value), f"one name or {count}, one for each axis")
    return tuple([_border(name, argument, more) for name in value])


def _border(name: object, argument: str, more: tuple[str, ...]) -> str:
    if type(name) is str and (name in BORDERS or name in more):
        return name
    if isinstance(name, str) and name == "reflect":
        raise ValueError(
            f"{argument}: 'reflect' has two meanings; use 'symmetric' if the edge is repeated "
            "(b a | a b c d | d c: scipy.ndimage, Dask) or 'mirror' if it is not "
            "(c b | a b c d | c b: NumPy, PyTorch, OpenCV)"
        )
    one_of(name, argument, (*BORDERS, *more))
    return str(name)


def check_not_empty(name: str, axis: int, size: int, border: str) -> None:
    """Refuse an axis without samples, unless its border is constant."""
    if size == 0 and border != "constant":
        raise ValueError(
            f"{name}: x is empty along axis {axis}; boundary={border!r} has no sample to repeat"
        )
