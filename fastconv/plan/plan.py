"""A plan: a recipe with weights, ready to be run many times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import backends, lower
from ..algorithms import rates
from ..problem import dtypes
from ..problem.problem import Form, Problem
from ..run import overlap, wide
from . import confined
from .candidates import candidates, recipe_of
from .job import Job, thread_count
from .recipe import Packed, Recipe
from .tiling import tiling

__all__ = ["Plan"]

MAX_SHOWN = 1 << 38
"""Samples of an array up to which ``print(plan)`` builds a program to report its workspace."""


class Plan:
    """A convolution with its algorithm chosen and its weights packed: call it on arrays.

    Made by `plan_correlate`, `plan_convolve`, `plan_conv1d`, `plan_conv2d` and `plan_conv3d`.  Its
    result has the same bits as the call without a plan.  ``print(plan)`` shows the predicted time
    of each algorithm, or the reason why it cannot be used, and the tiles, threads and workspace.  A
    plan is immutable and may be called from many threads at once.  It can be copied and pickled;
    after unpickling, its weights are packed again for the local machine.

    Attributes
    ----------
    out_shape : tuple of int
        The shape of the result.
    dtype : dtype
        The dtype of the result.
    algorithm : str
        The algorithm that was chosen.
    backend : str
        The backend that runs it.

    Examples
    --------
    >>> import fastconv as fc
    >>> plan = fc.plan_correlate((4,), "float64", [1.0, 2.0, 1.0])
    >>> plan([1.0, 1.0, 1.0, 1.0])
    array([3., 4., 4., 3.])
    >>> plan.out_shape, plan.dtype, plan.algorithm
    ((4,), dtype('float64'), 'direct')
    """

    __slots__ = ("__weakref__", "_bias", "_packed", "_recipe", "_shares", "_threads", "_w")

    def __init__(
        self,
        recipe: Recipe,
        packed: Packed,
        threads: int | None,
        w: tuple[NDArray, ...],
        bias: NDArray | None,
    ) -> None:
        self._recipe = recipe
        self._packed = packed
        self._threads = threads
        self._w, self._bias = w, bias
        self._shares: Any = None
        """What follows from the weights where samples are missing; see `shares.of`."""

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self._recipe.problem.out_shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the result."""
        return self._recipe.problem.dtype

    @property
    def algorithm(self) -> str:
        """The name of the algorithm that was chosen."""
        return self._recipe.algorithm.name

    @property
    def backend(self) -> str:
        """The name of the backend that runs it."""
        return self._recipe.backend_name

    def __call__(self, x: ArrayLike, out: NDArray | None = None) -> NDArray:
        """Run the plan.

        Parameters
        ----------
        x : array_like
            An array of the shape and dtype that the plan was made for.
        out : ndarray, optional
            Receives the result.  It has the shape of the result, and any dtype that the result can
            be rounded to.  It may share memory with `x`; a temporary array is used in that case.
            (In a call without a plan, ``out=`` also determines the dtype of the computation, like
            ``dtype=``.  The dtypes of a plan are fixed.)

        Returns
        -------
        ndarray
            `out`, or a new array.

        Raises
        ------
        TypeError, ValueError
            `x` or `out` does not fit the plan.  `out` is left unchanged.
        """
        return self._run(lower.planned_array(self._recipe.problem, x), out)

    def _run(self, x: NDArray, out: NDArray | None) -> NDArray:
        """Run the plan on samples of the planned shape and dtype."""
        recipe = self._recipe
        problem = recipe.problem
        if out is None and problem.safe is None and x.flags.c_contiguous:
            result = recipe.new_result()
            job = recipe.lasting_job or recipe.usual_job
            if not job.run((result, x, None, *self._packed.arrays), self._threads):
                self._confine(x, result)
            return result
        whole = True
        if out is None:
            result = recipe.new_result()
        else:
            lower.check_output(problem, out)
            result, whole = overlap.target(out, (x, *self._w, self._bias))
        if problem.safe is not None and dtypes.largest_value(x) > problem.safe:
            wide.correlate(problem, result, x, self._w, self._bias)
        elif not self._job(x, result).run((result, x, None, *self._packed.arrays), self._threads):
            self._confine(x, result)
        if not whole:
            np.copyto(out, result)  # type: ignore[arg-type]
        return result if out is None else out

    def _run_into(self, x: NDArray, out: NDArray) -> None:
        """Run the plan on samples of the planned shape and dtype, and write the result into `out`.

        `out` has the result's shape and dtype, is in C order and shares no memory with `x`.
        """
        recipe = self._recipe
        if recipe.problem.safe is None and x.flags.c_contiguous:
            job = recipe.lasting_job or recipe.usual_job
            if not job.run((out, x, None, *self._packed.arrays), self._threads):
                self._confine(x, out)
        else:
            self._run(x, out)

    def _for_many_calls(self) -> Plan:
        """Return the plan itself, tiled for many calls from its first run on."""
        self._recipe.single_runs = 0
        return self

    def _confine(self, x: NDArray, result: NDArray) -> None:
        """Recompute a result in which large samples would drown small ones."""
        problem, backend = self._recipe.problem, self._recipe.backend_name
        confined.correlate(problem, result, x, self._w, self._bias, backend, self._threads)

    def _job(self, x: NDArray, result: NDArray) -> Job:
        """The job for the memory layout of these arrays."""
        recipe = self._recipe
        in_order = x.flags.c_contiguous and result.flags.c_contiguous
        if in_order and result.dtype == recipe.problem.dtype:
            return recipe.lasting_job or recipe.usual_job
        return recipe.job(x, result)

    @property
    def _nbytes(self) -> int:
        """Bytes of all weights."""
        return self._packed.nbytes

    def __reduce__(self) -> tuple[Any, ...]:
        recipe = self._recipe
        arguments = recipe.problem, recipe.algorithm.name, recipe.backend_name
        return _unpickled, (*arguments, self._threads, self._w, self._bias)

    def __repr__(self) -> str:
        return "\n".join(_lines(self._recipe, self._threads))


def _unpickled(
    problem: Problem,
    algorithm: str,
    backend: str,
    threads: int | None,
    w: tuple[NDArray, ...],
    bias: NDArray | None,
) -> Plan:
    recipe = recipe_of(problem, algorithm, backend)
    return Plan(recipe, recipe.pack(w, bias, threads), threads, w, bias)._for_many_calls()


def _lines(recipe: Recipe, threads: int | None) -> list[str]:
    """The lines of ``print(plan)``."""
    problem, backend = recipe.problem, backends.load(recipe.backend_name)
    lines = [
        f"{problem.name} {_shape(problem.x_shape)} {problem.x_dtype}"
        f" -> {_shape(problem.out_shape)} {problem.dtype}",
        f"  kernel     {_shape(problem.taps)} taps{_form(problem.form)}",
        f"  borders    {', '.join(axis.boundary for axis in problem.axes)}",
        f"  sums in    {problem.compute}{', as pairs' if problem.complex else ''}",
        f"  backend    {recipe.backend_name} ({backend.describe()})",
    ]
    tile = backend.register_tile(problem.compute)
    if tile is not None:
        lines.append(f"  registers  {_shape(tile)} outputs")
    lines.append(f"  rates      {rates.describe()}")
    for candidate in candidates(problem, recipe.backend_name):
        chosen = "*" if candidate.algorithm == recipe.algorithm.name else " "
        if candidate.seconds is None:
            verdict = f"refuses: {candidate.refusal}"
        else:
            verdict = f"{candidate.seconds * 1e3:.3g} ms predicted on one thread"
        lines.append(f"{chosen} {candidate.algorithm:<11}{verdict}")
    in_place = problem.x_dtype == recipe.algorithm.storage(problem, backend) and not problem.complex
    tiles = tiling(problem, recipe.algorithm, backend, in_place)
    count = thread_count(tiles.total, recipe.seconds / backend.hand_over_seconds, threads)
    lines.append(f"  tiles      {tiles.total}, of which {tiles.halos} read a halo")
    lines.append(f"  threads    {count}")
    if max(problem.samples, problem.outputs) < MAX_SHOWN:
        lines.append(f"  workspace  {count * recipe.usual_job.program.workspace_bytes} bytes")
    return lines


def _shape(lengths: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in lengths)


def _form(form: Form) -> str:
    rank = ", given as factors" if form.factors else f", rank {form.rank}, found"
    return (rank if form.rank else "") + (", all equal" if form.uniform else "")
