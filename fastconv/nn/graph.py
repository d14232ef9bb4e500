"""A network as a list of layers, with the inputs of each."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["BATCH", "Node", "total"]

BATCH = ""
"""The name of the argument of the network."""


class Node(NamedTuple):
    """A layer without layers inside, or `total`."""

    name: str
    """Of the layer and of its result: ``"3.0"`` is the first layer of the fourth."""
    layer: Any
    inputs: tuple[str, ...]


def total(*terms: NDArray) -> NDArray:
    """The sum of results of equal shape."""
    result: Any = terms[0]
    for term in terms[1:]:
        result = result + term
    return result  # type: ignore[no-any-return]
