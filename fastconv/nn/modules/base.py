"""The base class of layers: calls and gradients, training and evaluation, names and parameters.

A layer is called with a batch and returns its result.  `Layer.backward` takes the gradient of a
loss with respect to this result.  It returns the gradient with respect to the batch, and stores the
gradients with respect to the parameters in `Parameter.grad`.  There is no graph of operations: a
layer keeps what its gradient needs, and `Sequential` calls `Layer.backward` of its layers in
reverse order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ..graph import BATCH, Node
from ..summary import table

__all__ = ["Layer", "Parameter", "shown"]


class Parameter:
    """A learned array and its gradient.

    Parameters
    ----------
    value : ndarray
        The array: float16, float32 or float64.  An optimizer changes it in place.

    Attributes
    ----------
    value : ndarray
        The array.
    grad : ndarray
        The gradient from the last call of `Layer.backward`, of the same shape; initially zeros.
    """

    def __init__(self, value: NDArray) -> None:
        self.value = lower.floats(value, "Parameter: value")
        self.grad = np.zeros_like(self.value)

    def __repr__(self) -> str:
        return f"Parameter(shape={self.value.shape}, dtype={self.value.dtype})"


class Layer:
    """The base class of layers.

    A layer of your own defines ``__call__`` and `backward`.  Parameters and sub-layers are found
    among its attributes.

    Attributes
    ----------
    training : bool
        True after construction and `train`, False after `eval`.
    parameters : tuple of Parameter
        The parameters of the layer and of all layers inside it.

    Notes
    -----
    In training, a layer handles one batch at a time.  Between a call and its `backward`, the layer
    must not be called again, and neither the batch nor the result may be modified, because
    gradients are computed from these arrays, not from copies.  After `eval`, a layer keeps nothing
    of a call, so threads may share it.
    """

    training: bool = True
    buffers: ClassVar[tuple[str, ...]] = ()
    """Attributes with arrays that are not learned but belong to the state."""
    _kept: tuple[Any, tuple[int, ...]] | None = None
    """The data that the gradient of the last call needs, and the shape of its result."""

    def __init_subclass__(cls) -> None:
        """Make a subclass that defines its own call a single node, whatever it extends."""
        super().__init_subclass__()
        if {"__call__", "_forward"} & vars(cls).keys() and "_nodes" not in vars(cls):
            cls._nodes = Layer._nodes  # type: ignore[method-assign]

    # -- calls ------------------------------------------------------------------------------------

    def __call__(self, x: ArrayLike) -> NDArray:
        """Apply the layer to a batch.

        Parameters
        ----------
        x : array_like
            The batch.

        Returns
        -------
        ndarray
            The result.
        """
        result, kept = self._forward(x)
        if self.training:
            self._kept = kept, result.shape
        return result

    def backward(self, grad_output: ArrayLike) -> NDArray:
        """Return the gradient with respect to the batch of the last call.

        Each `Parameter.grad` is overwritten, not accumulated.

        Parameters
        ----------
        grad_output : array_like
            The gradient with respect to the result of that call, of the same shape.

        Returns
        -------
        ndarray
            The gradient, of the shape of that batch.

        Raises
        ------
        ValueError
            The layer has not been called in training, or `grad_output` does not have the shape of
            its result.
        """
        kept, grads = self._recalled(grad_output)
        self._learn(kept, grads)
        return self._backward(kept, grads)

    def parameter_gradients(self, grad_output: ArrayLike) -> None:
        """Set each `Parameter.grad` as `backward` does, without the gradient of the batch.

        Training does not need the gradient with respect to the input images, which can take a tenth
        of the time.

        Parameters
        ----------
        grad_output : array_like
            The gradient with respect to the result of the last call.

        Raises
        ------
        ValueError
            The layer has not been called in training, or `grad_output` does not have the shape of
            its result.
        """
        if type(self).backward is not Layer.backward:
            self.backward(grad_output)
        else:
            self._learn(*self._recalled(grad_output))

    def _recalled(self, grad_output: ArrayLike) -> tuple[Any, NDArray]:
        """The values stored by the last call, and the checked gradient of its result."""
        name = type(self).__name__
        kept, shape = lower.called(self._kept, name)
        return kept, lower.gradient(grad_output, shape, f"{name}.backward: grad_output")

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        """The result, and the data that its gradient needs."""
        raise NotImplementedError

    def _learn(self, kept: Any, grads: NDArray) -> None:
        """Set the gradients of the parameters."""

    def _backward(self, kept: Any, grads: NDArray) -> NDArray:
        """The gradient of the batch, once those of the parameters are set."""
        raise NotImplementedError

    def _multiply_adds(self, x: tuple[int, ...], y: tuple[int, ...]) -> int:
        """The number of multiply-adds for a result of shape ``y``; 0 if negligible."""
        return 0

    def _nodes(self, nodes: list[Node], name: str, source: str) -> str:
        """Add the layers inside to a list, in the order of their calls, and name the result."""
        nodes.append(Node(name or "0", self, (source,)))
        return nodes[-1].name

    # -- training and evaluation ------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Switch to training: keep what gradients need, use dropout and batch statistics.

        Parameters
        ----------
        mode : bool, optional
            False switches to evaluation, like `eval`.

        Returns
        -------
        Layer
            The layer itself.

        Raises
        ------
        TypeError
            `mode` is not a bool.
        """
        self.training = lower.flag(mode, f"{type(self).__name__}.train: mode")
        if not mode:
            self._kept = None
        for child in self.children().values():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation: nothing is kept or dropped, and running statistics are used.

        Returns
        -------
        Layer
            The layer itself.
        """
        return self.train(False)

    # -- parts ------------------------------------------------------------------------------------

    def children(self) -> dict[str, Layer]:
        """Return the layers that this one consists of, by name.

        Returns
        -------
        dict of str to Layer
            In the order in which they were set.
        """
        return {name: each for name, each in vars(self).items() if isinstance(each, Layer)}

    def named_parameters(self) -> dict[str, Parameter]:
        """Return all parameters by name, such as ``"0.weight"``.

        Returns
        -------
        dict of str to Parameter
            The parameters of the layer, then those of its children, named as in PyTorch.
        """
        found = {name: each for name, each in vars(self).items() if isinstance(each, Parameter)}
        for child, layer in self.children().items():
            for name, parameter in layer.named_parameters().items():
                found[f"{child}.{name}"] = parameter
        return found

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, with those of the layers inside, in the order of `named_parameters`."""
        return tuple(self.named_parameters().values())

    def _arrays(self) -> Iterator[tuple[str, NDArray]]:
        """The arrays of the state, by their names."""
        for name, each in vars(self).items():
            if isinstance(each, Parameter):
                yield name, each.value
            elif name in self.buffers and each is not None:
                yield name, each
        for child, layer in self.children().items():
            for name, array in layer._arrays():
                yield f"{child}.{name}", array

    def state_dict(self) -> dict[str, NDArray]:
        """Return a copy of all parameters and running statistics, by name.

        Returns
        -------
        dict of str to ndarray
            Named as in PyTorch: ``"0.weight"``, ``"1.running_mean"``.

        See Also
        --------
        fastconv.nn.save_state : Writes it to a file.
        """
        return {name: array.copy() for name, array in self._arrays()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set all parameters and running statistics, in place.

        Parameters
        ----------
        state : mapping of str to array_like or torch.Tensor
            The result of `state_dict`, here or in PyTorch for the same layers.

        Raises
        ------
        TypeError, ValueError
            Names or shapes differ; the message lists them.  Nothing is changed.
        """
        arrays = dict(self._arrays())
        name = f"{type(self).__name__}.load_state_dict: state"
        for array, values in lower.matching_state(state, arrays, name):
            np.copyto(array, values, casting="same_kind")

    # -- descriptions -----------------------------------------------------------------------------

    def _arguments(self) -> str:
        """The arguments that made this layer, as `repr` shows them."""
        return ""

    def __repr__(self) -> str:
        children = self.children()
        if not children:
            return f"{type(self).__name__}({self._arguments()})"
        lines = [f"({name}): {layer!r}".replace("\n", "\n  ") for name, layer in children.items()]
        return "\n  ".join([f"{type(self).__name__}(", *lines]) + "\n)"

    def summary(self, input_shape: tuple[int, ...]) -> str:
        """Return a table of the layers: result shapes, parameters and multiply-adds.

        Parameters
        ----------
        input_shape : tuple of int
            The shape of a batch, such as ``(1, 3, 224, 224)``.

        Returns
        -------
        str
            A line for each layer, and the totals.

        Raises
        ------
        TypeError, ValueError
            `input_shape` is not a shape, or a layer does not accept it.

        Notes
        -----
        The layers are called once on zeros, in evaluation mode.
        """
        shape = lower.shape(input_shape, "summary: input_shape")
        dtypes = [each.value.dtype for each in self.parameters] or [np.dtype(np.float32)]
        nodes: list[Node] = []
        self._nodes(nodes, "", BATCH)
        return table(nodes, np.zeros(shape, dtypes[0]))


def shown(*values: object, **options: tuple[object, object]) -> str:
    """The text of arguments; of options, only those that differ from their defaults."""
    differing = {name: value for name, (value, default) in options.items() if value != default}
    words = [repr(value) for value in values]
    return ", ".join([*words, *(f"{name}={value!r}" for name, value in differing.items())])
