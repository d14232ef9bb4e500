"""Learning-rate schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, pi

from .. import lower
from .optim import Optimizer

__all__ = ["CosineAnnealingLR", "ExponentialLR", "LambdaLR", "MultiStepLR", "StepLR"]


class LambdaLR:
    """Multiply the initial learning rate by a function of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rate is changed.
    lr_lambda : callable
        A function that returns the factor for an epoch, counted from 0.

    Attributes
    ----------
    epoch : int
        The number of calls of `step`.  To resume, set it and call `apply`.

    Raises
    ------
    TypeError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> descent = nn.SGD([], lr=0.8)
    >>> schedule = nn.LambdaLR(descent, lambda epoch: 1 / (1 + epoch))
    >>> schedule.step()
    >>> descent.lr
    0.4
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        (self.optimizer,) = lower.instances((optimizer,), Optimizer, "LambdaLR: optimizer")
        self.base_lr = optimizer.lr
        self.lr_lambda = lower.function(lr_lambda, "LambdaLR: lr_lambda")
        self.epoch = 0
        self.apply()

    def step(self) -> None:
        """Begin the next epoch."""
        self.epoch += 1
        self.apply()

    def apply(self) -> None:
        """Set the learning rate of the current epoch."""
        self.optimizer.lr = self.base_lr * self.lr_lambda(self.epoch)


class StepLR(LambdaLR):
    """Multiply the learning rate by `gamma` every `step_size` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rate is changed.
    step_size : int
        The number of epochs between two changes.
    gamma : float, optional
        The factor.

    Examples
    --------
    >>> from fastconv import nn
    >>> descent = nn.SGD([], lr=1.0)
    >>> schedule = nn.StepLR(descent, 2, gamma=0.5)
    >>> rates = [(descent.lr, schedule.step())[0] for epoch in range(5)]
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        every = lower.integer(step_size, "StepLR: step_size", least=1)
        factor = lower.real(gamma, "StepLR: gamma", least=0)
        super().__init__(optimizer, lambda epoch: factor ** (epoch // every))


class MultiStepLR(LambdaLR):
    """Multiply the learning rate by `gamma` at given epochs.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rate is changed.
    milestones : sequence of int
        The epochs.
    gamma : float, optional
        The factor.

    Examples
    --------
    >>> from fastconv import nn
    >>> descent = nn.SGD([], lr=1.0)
    >>> schedule = nn.MultiStepLR(descent, [1, 3], gamma=0.5)
    >>> rates = [(descent.lr, schedule.step())[0] for epoch in range(5)]
    >>> rates
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        epochs = sorted(lower.shape(milestones, "MultiStepLR: milestones"))
        factor = lower.real(gamma, "MultiStepLR: gamma", least=0)
        super().__init__(optimizer, lambda epoch: factor ** sum(each <= epoch for each in epochs))


class ExponentialLR(LambdaLR):
    """Multiply the learning rate by `gamma` every epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rate is changed.
    gamma : float
        The factor.

    Examples
    --------
    >>> from fastconv import nn
    >>> descent = nn.SGD([], lr=1.0)
    >>> schedule = nn.ExponentialLR(descent, 0.5)
    >>> rates = [(descent.lr, schedule.step())[0] for epoch in range(3)]
    >>> rates
    [1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        factor = lower.real(gamma, "ExponentialLR: gamma", least=0)
        super().__init__(optimizer, lambda epoch: factor**epoch)


class CosineAnnealingLR(LambdaLR):
    """Lower the learning rate to `eta_min` along half a cosine.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rate is changed.
    T_max : int
        The number of epochs until `eta_min` is reached.
    eta_min : float, optional
        The final learning rate.

    References
    ----------
    Loshchilov & Hutter 2017, SGDR: stochastic gradient descent with warm restarts.

    Examples
    --------
    >>> from fastconv import nn
    >>> descent = nn.SGD([], lr=1.0)
    >>> schedule = nn.CosineAnnealingLR(descent, 2)
    >>> rates = [(round(descent.lr, 3), schedule.step())[0] for epoch in range(3)]
    >>> rates
    [1.0, 0.5, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        last = lower.integer(T_max, "CosineAnnealingLR: T_max", least=1)
        (optimizer,) = lower.instances((optimizer,), Optimizer, "CosineAnnealingLR: optimizer")
        floor = lower.real(eta_min, "CosineAnnealingLR: eta_min", least=0) / (optimizer.lr or 1)
        super().__init__(
            optimizer, lambda epoch: floor + (1 - floor) * (1 + cos(pi * epoch / last)) / 2
        )
