"""Convolutions with new weights in each call, as in training.

The recipe is chosen once for each combination of shapes and dtypes.  Packed weights are not cached:
looking them up by value, as the public functions do, would cost more than a small layer.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .. import config, lower
from .choose import cheapest_for_once
from .memo import Memo
from .plan import Plan
from .recipe import Recipe

__all__ = ["Repeated"]

MAX_SHAPES = 64
"""Combinations of shapes and dtypes whose recipes are cached."""


class Repeated:
    """A convolution to be called on samples, weights and perhaps a bias.

    Parameters
    ----------
    name : str
        The name of the call, for error messages.
    rank : int
        The number of filtered axes.
    **options
        Those of the public call.
    """

    def __init__(self, name: str, rank: int, **options: Any) -> None:
        self._name, self._rank, self._options = name, rank, options
        self._recipes: Memo[Recipe] = Memo(MAX_SHAPES)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self._name, self._rank, self._options)

    def __repr__(self) -> str:
        return f"Repeated({self._name!r}, {self._rank}, {self._options})"

    def __call__(self, x: NDArray, w: NDArray, bias: NDArray | None = None) -> NDArray:
        """The result, in a new array."""
        backend = config.resolve_backend(None, self._name)
        key = x.shape, x.dtype, w.shape, w.dtype, None if bias is None else bias.dtype, backend
        recipe = self._recipes.get(key)
        if recipe is None:
            kernel = lower.convolution(
                self._name, self._rank, x.shape, x.dtype, w, bias, **self._options
            )
            problem = kernel.problem(x.shape)._replace(form=lower.no_form(kernel.w[0]))
            recipe = cheapest_for_once(problem, kernel.w, backend)
            self._recipes.put(key, recipe)
        problem = recipe.problem
        kernels = (w.reshape(problem.groups, problem.out_channels, *w.shape[1:]),)
        offset = None if bias is None else bias.reshape(problem.groups, problem.out_channels)
        packed = recipe.pack(kernels, offset, None)
        return Plan(recipe, packed, None, kernels, offset)._run(x, None)


def _made(name: str, rank: int, options: dict[str, Any]) -> Repeated:
    return Repeated(name, rank, **options)
