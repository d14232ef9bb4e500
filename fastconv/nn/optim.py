"""Optimizers: how parameters follow their gradients."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .. import lower
from .layers import Parameter

__all__ = ["SGD"]


class SGD:
    """Stochastic gradient descent, with momentum and weight decay.

    Parameters
    ----------
    parameters : iterable of Parameter
        The parameters to learn, as in ``net.parameters``.
    lr : float
        The learning rate: how far a step goes.
    momentum : float, optional
        The share of the last step's direction that the next one keeps.
    weight_decay : float, optional
        The share of a parameter that is added to its gradient, which pulls it towards zero.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; the message names it.

    Notes
    -----
    `torch.optim.SGD` takes the same steps: ``v = momentum * v + (grad + weight_decay * value)``
    and ``value -= lr * v``.

    References
    ----------
    Polyak 1964, Some methods of speeding up the convergence of iteration methods.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> weight = nn.Parameter(np.array([1.0, 2.0]))
    >>> weight.grad = np.array([10.0, -10.0])
    >>> nn.SGD([weight], lr=0.01).step()
    >>> weight.value
    array([0.9, 2.1])
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters = lower.instances(parameters, Parameter, "SGD: parameters")
        self.lr = lower.real(lr, "SGD: lr", least=0)
        self.momentum = lower.real(momentum, "SGD: momentum", least=0)
        self.weight_decay = lower.real(weight_decay, "SGD: weight_decay", least=0)
        self._velocities = [np.zeros_like(each.value) for each in self.parameters]

    def step(self) -> None:
        """Change each parameter in place, by its gradient."""
        for parameter, velocity in zip(self.parameters, self._velocities, strict=True):
            velocity *= self.momentum
            velocity += parameter.grad + self.weight_decay * parameter.value
            parameter.value -= self.lr * velocity
