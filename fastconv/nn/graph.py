"""A network as a list of the layers that it consists of, and what each of them reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .modules.base import Layer
from .modules.containers import Add, Identity, Sequential

__all__ = ["BATCH", "Node", "leaves", "total"]

BATCH = ""
"""The name of what the network is called with."""


class Node(NamedTuple):
    """A layer without layers inside."""

    name: str
    """Of the layer and of its result: ``"3.0"`` is the first layer of the fourth."""
    layer: Callable[..., NDArray]
    inputs: tuple[str, ...]


def total(*terms: NDArray) -> NDArray:
    """The sum of results of one shape."""
    result: Any = terms[0]
    for term in terms[1:]:
        result = result + term
    return result  # type: ignore[no-any-return]


def leaves(layer: Layer) -> tuple[list[Node], str]:
    """The layers in the order of their calls, and the name of the result."""
    nodes: list[Node] = []
    return nodes, _add(nodes, layer, BATCH, BATCH)


def _add(nodes: list[Node], layer: Layer, name: str, source: str) -> str:
    if type(layer) is Sequential:
        for child, each in layer.children().items():
            source = _add(nodes, each, _inside(name, child), source)
        return source
    if type(layer) is Add:
        terms = [
            _add(nodes, each, _inside(name, child), source)
            for child, each in layer.children().items()
        ]
        nodes.append(Node(name or "sum", total, tuple(terms)))
        return nodes[-1].name
    if type(layer) is Identity:
        return source
    nodes.append(Node(name or "0", layer, (source,)))
    return nodes[-1].name


def _inside(name: str, child: str) -> str:
    return f"{name}.{child}" if name else child
