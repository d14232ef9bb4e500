"""Files with the states of networks: NumPy archives and safetensors.

A state maps names to arrays.  Files are not trusted: nothing in them is executed, and lengths are
compared with the size of the file before memory is allocated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ... import lower

__all__ = ["load_state", "save_state"]

Path = str | os.PathLike[str]


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state to a file, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        The file, by convention with the suffix ``.npz``.  An existing file is replaced only when
        the new one is complete.
    state : mapping of str to array_like
        Arrays of numbers by name, as from ``net.state_dict()``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  An existing file is unchanged.
    OSError
        The file cannot be written.  An existing file is unchanged.

    Notes
    -----
    The file is an archive like those of `numpy.savez`, and `numpy.load` can read it.

    Examples
    --------
    >>> import os, tempfile
    >>> from fastconv import nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.ReLU())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.save_state(os.path.join(folder, "net.npz"), net.state_dict())
    ...     state = nn.load_state(os.path.join(folder, "net.npz"))
    >>> net.load_state_dict(state)
    >>> list(state)
    ['0.weight', '0.bias']
    """
    lower.path(path, "save_state: path")
    from . import archive

    archive.write(path, lower.state(state, "save_state: state"))


def load_state(path: Path) -> dict[str, NDArray]:
    """Read a state from a file.

    Parameters
    ----------
    path : str or os.PathLike
        A file that `save_state` wrote, or one in the format safetensors.

    Returns
    -------
    dict of str to ndarray
        The arrays by name, in the order of the file. bfloat16 is converted to float32.

    Raises
    ------
    TypeError, ValueError
        `path` is not a path, or the file is not a complete file of one of these formats; the
        message says why.
    OSError
        The file cannot be read.

    Notes
    -----
    Files are never unpickled.  A file of `torch.save` is refused, because reading it can execute
    code; convert it with ``safetensors.torch.save_file(state_dict, path)`` in PyTorch.

    References
    ----------
    https://github.com/huggingface/safetensors describes the format safetensors.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from fastconv import nn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.save_state(os.path.join(folder, "net.npz"), {"weight": np.arange(3.0)})
    ...     nn.load_state(os.path.join(folder, "net.npz"))
    {'weight': array([0., 1., 2.])}
    """
    lower.path(path, "load_state: path")
    from . import archive, safetensors

    with open(path, "rb") as file:
        is_archive = file.read(4) == archive.MAGIC
        file.seek(0)
        name = f"load_state: {os.fspath(path)}"
        return archive.read(file, name) if is_archive else safetensors.read(file, name)
