"""PyTorch's own samples of its convolutions: values, gradients, and wrong arguments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

import fastconv as fc

from .packages import package

torch = package("torch")
package("expecttest")  # which the samples need
profile = settings.get_current_profile_name()
operators = package("torch.testing._internal.common_methods_invocations")
settings.load_profile(profile)  # PyTorch's tests load one of their own

NAMES = [f"{kind}{rank}d" for kind in ("conv", "conv_transpose") for rank in (1, 2, 3)]
OPS = {
    op.name.rpartition(".")[2]: op
    for op in operators.op_db
    if op.name in {f"nn.functional.{name}" for name in NAMES}
}
DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128, torch.int64]
ORDER = ("stride", "padding", "output_padding", "groups", "dilation")


def arrays(sample):
    """The operands of a sample, as NumPy arrays."""
    return [
        None if operand is None else operand.detach().resolve_conj().numpy()
        for operand in (sample.input, *sample.args[:2])
    ]


def options(sample):
    """The rest, by name."""
    return {**dict(zip(ORDER, sample.args[2:], strict=False)), **sample.kwargs}


def assert_close(got, wanted):
    wanted = wanted.detach().resolve_conj().numpy()
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    eps = np.finfo(wanted.dtype).eps if wanted.dtype.kind in "fc" else 0
    scale = np.abs(wanted).max() if wanted.size else 0
    np.testing.assert_allclose(got, wanted, rtol=100 * eps, atol=100 * eps * float(scale))


def test_all_samples_are_found():
    """As many as PyTorch 2.13 has, or more."""
    found = {name: len(list(op.sample_inputs("cpu", torch.float32))) for name, op in OPS.items()}
    assert set(found) == set(NAMES)
    assert sum(count for name, count in found.items() if "transpose" in name) >= 32
    assert sum(count for name, count in found.items() if "transpose" not in name) >= 60


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_values(name, dtype):
    for sample in OPS[name].sample_inputs("cpu", dtype):
        wanted = OPS[name](sample.input, *sample.args, **sample.kwargs)
        assert_close(getattr(fc, name)(*arrays(sample), **options(sample)), wanted)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_gradients(name, dtype):
    """Of the input, the weights and the bias; a transposed convolution has those of its adjoint."""
    for sample in OPS[name].sample_inputs("cpu", dtype, requires_grad=True):
        result = OPS[name](sample.input, *sample.args, **sample.kwargs)
        generator = torch.Generator().manual_seed(0)
        seed = torch.randn(result.shape, dtype=dtype, generator=generator)
        tensors = [operand for operand in (sample.input, *sample.args[:2]) if operand is not None]
        wanted = torch.autograd.grad(result, tensors, seed)
        find = transposed_gradients if "transpose" in name else gradients
        got = find(name, arrays(sample), options(sample), seed.numpy())
        for ours, theirs in zip(got, wanted, strict=False):
            assert_close(ours, theirs)


def gradients(name, operands, how, seed):
    x, w, _ = operands
    grad = fc.nn.grad
    return [
        getattr(grad, f"{name}_input")(x.shape, w, seed, precision="strict", **how),
        getattr(grad, f"{name}_weight")(x, w.shape, seed, **how),
        getattr(grad, f"{name}_bias")(seed),
    ]


def transposed_gradients(name, operands, how, seed):
    """A convolution of the gradient, without what output_padding adds behind its last window."""
    x, w, _ = operands
    rank, name, how = w.ndim - 2, name.replace("_transpose", ""), dict(how)
    padding, extra = (
        np.broadcast_to(how.pop(word, 0), rank).tolist() for word in ("padding", "output_padding")
    )
    ends = [max(more - pad, 0) for pad, more in zip(padding, extra, strict=True)]
    inside = (..., *[slice(None, -end or None) for end in ends])
    how["padding"] = [(p, max(p - more, 0)) for p, more in zip(padding, extra, strict=True)]
    return [
        getattr(fc, name)(seed[inside], w, precision="strict", **how),
        getattr(fc.nn.grad, f"{name}_weight")(seed[inside], w.shape, x, **how),
        getattr(fc.nn.grad, f"{name}_bias")(seed),
    ]


@pytest.mark.parametrize("name", NAMES[:3])
def test_wrong_arguments(name):
    """What PyTorch refuses raises, too, but for mixed dtypes and for "same" with a stride, which
    fastconv has.
    """
    refused = 0
    for error in OPS[name].error_inputs("cpu"):
        sample = error.sample_input
        x, w, bias = arrays(sample)
        how = options(sample)
        if "should be the same" in error.error_regex:
            result = getattr(fc, name)(x, w, bias, **how)
            assert result.dtype == np.result_type(x, w, bias)
        elif "strided" in error.error_regex:
            steps = -(-np.array(x.shape[2:]) // how["stride"])
            assert getattr(fc, name)(x, w, bias, **how).shape[2:] == tuple(steps)
        else:
            with pytest.raises((ValueError, TypeError), match=name):
                getattr(fc, name)(x, w, bias, **how)
            refused += 1
    assert refused >= 7
