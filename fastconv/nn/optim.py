"""Optimizers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import lower
from .modules.base import Parameter

__all__ = ["SGD", "Adam", "Optimizer"]


class Optimizer:
    """The base class of optimizers, for learning-rate schedules and type annotations.

    Attributes
    ----------
    parameters : tuple of Parameter
        The parameters to learn.
    lr : float
        The learning rate, which a schedule or a user may change between steps.
    """

    parameters: tuple[Parameter, ...]
    lr: float

    def step(self) -> None:
        """Update each parameter in place, by its gradient."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, NDArray]:
        """The arrays of the state, by name."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, NDArray]:
        """Return a copy of the learning rate and of everything that is kept between steps.

        Returns
        -------
        dict of str to ndarray
            Arrays by name, as `fastconv.nn.save_state` writes them.
        """
        kept = {name: array.copy() for name, array in self._arrays().items()}
        return {"lr": np.array(self.lr), **kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state, to continue where the optimizer that it comes from left off.

        Parameters
        ----------
        state : mapping of str to array_like
            The result of `state_dict`.

        Raises
        ------
        TypeError, ValueError
            Names or shapes differ; the message lists them.  Nothing is changed.
        """
        name = f"{type(self).__name__}.load_state_dict: state"
        rate = np.array(self.lr)
        for array, values in lower.matching_state(state, {"lr": rate, **self._arrays()}, name):
            np.copyto(array, values, casting="same_kind")
        self.lr = float(rate)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and weight decay.

    Parameters
    ----------
    parameters : iterable of Parameter
        The parameters to learn, as in ``net.parameters``.
    lr : float, optional
        The learning rate: the factor of each step.
    momentum : float, optional
        The fraction of the previous step's direction that is kept.
    weight_decay : float, optional
        The factor of a parameter in the L2 penalty: this fraction of it is added to its gradient,
        which pulls it towards zero.
    nesterov : bool, optional
        Use Nesterov momentum; needs a positive `momentum`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Notes
    -----
    `torch.optim.SGD` takes the same steps: ``g = grad + weight_decay * value``,
    ``v = momentum * v + g``, and ``value -= lr * v``; with `nesterov`,
    ``value -= lr * (g + momentum * v)``.

    References
    ----------
    Polyak 1964, Some methods of speeding up the convergence of iteration methods.  Sutskever et al.
    2013, On the importance of initialization and momentum in deep learning.

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
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.parameters = lower.instances(parameters, Parameter, "SGD: parameters")
        self.lr = lower.real(lr, "SGD: lr", least=0)
        self.momentum = lower.real(momentum, "SGD: momentum", least=0)
        self.weight_decay = lower.real(weight_decay, "SGD: weight_decay", least=0)
        self.nesterov = lower.nesterov(nesterov, self.momentum, "SGD: nesterov")
        self._velocities = (
            [np.zeros_like(each.value) for each in self.parameters] if self.momentum else []
        )

    def step(self) -> None:
        """Update each parameter in place, by its gradient."""
        for number, parameter in enumerate(self.parameters):
            step = _decayed(parameter, self.weight_decay)
            if self.momentum:
                velocity = self._velocities[number]
                velocity *= self.momentum
                velocity += step
                step = step + self.momentum * velocity if self.nesterov else velocity
            parameter.value -= self.lr * step

    def _arrays(self) -> dict[str, NDArray]:
        return {f"velocity.{number}": each for number, each in enumerate(self._velocities)}


class Adam(Optimizer):
    """Adam: gradient descent with steps scaled by running averages of squared gradients.

    Parameters
    ----------
    parameters : iterable of Parameter
        The parameters to learn, as in ``net.parameters``.
    lr : float, optional
        The learning rate.
    betas : tuple of float, optional
        The fractions of the running averages of the gradient and of its square that each step
        keeps, from 0 to less than 1.
    eps : float, optional
        Added to the square root of the averaged squares, to avoid division by zero.
    weight_decay : float, optional
        The factor of a parameter in the L2 penalty: this fraction of it is added to its gradient,
        which pulls it towards zero.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Notes
    -----
    `torch.optim.Adam` takes the same steps.

    References
    ----------
    Kingma & Ba 2015, Adam: a method for stochastic optimization.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> weight = nn.Parameter(np.array([1.0, 2.0]))
    >>> weight.grad = np.array([100.0, -0.01])
    >>> nn.Adam([weight], lr=0.1).step()
    >>> weight.value.round(4)
    array([0.9, 2.1])
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters = lower.instances(parameters, Parameter, "Adam: parameters")
        self.lr = lower.real(lr, "Adam: lr", least=0)
        first, second = lower.reals(betas, 2, "Adam: betas", least=0)
        self.betas = lower.share(first, "Adam: betas"), lower.share(second, "Adam: betas")
        self.eps = lower.real(eps, "Adam: eps", least=0)
        self.weight_decay = lower.real(weight_decay, "Adam: weight_decay", least=0)
        self._steps = np.zeros((), np.int64)
        self._means = [np.zeros_like(each.value) for each in self.parameters]
        self._squares = [np.zeros_like(each.value) for each in self.parameters]

    def step(self) -> None:
        """Update each parameter in place, by its gradient."""
        self._steps += 1
        count, (first, second) = int(self._steps), self.betas
        rate, root = self.lr / (1 - first**count), sqrt(1 - second**count)
        for parameter, mean, square in zip(
            self.parameters, self._means, self._squares, strict=True
        ):
            step = _decayed(parameter, self.weight_decay)
            mean *= first
            mean += (1 - first) * step
            square *= second
            square += (1 - second) * step * step
            spread = np.sqrt(square)
            spread /= root
            spread += self.eps
            np.divide(mean, spread, out=spread)
            spread *= rate
            parameter.value -= spread

    def _arrays(self) -> dict[str, NDArray]:
        return {
            "steps": self._steps,
            **{f"mean.{number}": each for number, each in enumerate(self._means)},
            **{f"square.{number}": each for number, each in enumerate(self._squares)},
        }


def _decayed(parameter: Parameter, weight_decay: float) -> NDArray:
    """The gradient plus weight decay."""
    return parameter.grad + weight_decay * parameter.value if weight_decay else parameter.grad
