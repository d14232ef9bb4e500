"""Networks from ONNX files, without any other package."""

from __future__ import annotations

import os
from typing import Any

from ... import lower
from ..frozen.network import Frozen, Step

__all__ = ["load_onnx"]


def load_onnx(model: str | os.PathLike[str] | bytes | Any) -> Frozen:
    r"""Read an ONNX model as a network for inference.

    Parameters
    ----------
    model : str, os.PathLike, bytes or onnx.ModelProto
        The path of a file, its contents, or a model of the package ``onnx``.

    Returns
    -------
    Frozen
        Call it with an array for each input of the model.

    Raises
    ------
    TypeError, ValueError
        The model is damaged or is not an ONNX model, or it contains an unsupported operator, which
        the message names.
    OSError
        The file cannot be read.

    Notes
    -----
    The supported operators are convolutions and transposed convolutions of 1 to 3 axes, batch
    normalization, pooling, ``Gemm`` and ``MatMul`` with constant weights, ``Add``, ``Concat``,
    activations, padding, resizing and reshaping, as PyTorch exports them for the layers of this
    package.  Weights must be in the file itself.  Operators for training, control flow,
    quantization and recurrent networks are refused.

    References
    ----------
    https://onnx.ai/onnx/operators describes the operators.

    Examples
    --------
    A graph with a single node, ``y = Relu(x)``, in the bytes of its file:

    >>> from fastconv import nn
    >>> node = b"\x0a\x01x\x12\x01y\x22\x04Relu"
    >>> graph = b"\x0a\x0c" + node + b"\x5a\x03\x0a\x01x\x62\x03\x0a\x01y"
    >>> net = nn.load_onnx(b"\x3a\x18" + graph + b"\x42\x02\x10\x11")
    >>> net([-1.0, 2.0])
    array([0., 2.])
    """
    from .model import read
    from .operators import ALIASES, OPERATORS, Site, constant

    data, name = lower.model_bytes(model, "load_onnx")
    opset, nodes, constants, inputs, outputs = read(data, name)
    made = {each: each for each in (*inputs, *constants)}
    """The names of values by those that the graph has for them."""
    steps = []
    try:
        for node in nodes:
            site, result = Site(node, constants, opset), node.outputs[0]
            if node.kind == "Constant":
                constants[result] = constant(site)
                made[result] = result
            elif node.kind in ALIASES:
                made[result] = made[node.inputs[0]]
                if node.inputs[0] in constants:
                    constants[result] = constants[node.inputs[0]]
            elif node.kind in OPERATORS:
                operation = OPERATORS[node.kind](site)
                steps.append(Step(result, operation, tuple(made[each] for each in site.values())))
                made[result] = result
                site.check_read()
            else:
                site.refuse("this operator is not supported")
        results = [made[each] for each in outputs]
    except (KeyError, IndexError) as error:
        raise ValueError(f"{name}: a node reads {error}, which no node before it makes") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None
    return Frozen(steps, inputs, results, constants)
